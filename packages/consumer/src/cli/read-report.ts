/** Reads what is missing in a chain from a report that `waybill verify --json` printed. */
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { ConsumerError } from '../errors.ts';
import type { Loss } from '../control/loss-plan.ts';

/** @param name of a file; - for the standard input. @throws ConsumerError CANNOT_READ, BAD_ARGUMENT */
export async function readReportedLosses(name: string, orgid: string): Promise<Loss[]> {
  let content: string;
  try {
    content = name === '-' ? await text(process.stdin) : await readFile(name, 'utf8');
  } catch (cause) {
    throw new ConsumerError('CANNOT_READ', `could not read ${name}: ${(cause as Error).message}`, { cause });
  }
  let report: unknown;
  try {
    report = JSON.parse(content.replace(/^\uFEFF/, ''));
  } catch (cause) {
    throw new ConsumerError('BAD_ARGUMENT', `--report ${name} is no JSON: ${EXPECTED}`, { cause });
  }
  const chain = chainsOf(report).find((one) => one['orgid'] === orgid);
  if (chain === undefined) throw new ConsumerError('BAD_ARGUMENT', `--report ${name} is about no chain of ${orgid}`);
  const holes = Array.isArray(chain['holes']) ? chain['holes'].map(asLoss) : [];
  if (holes.includes(null)) throw new ConsumerError('BAD_ARGUMENT', `--report ${name} is no report: ${EXPECTED}`);
  if (holes.length === 0)
    throw new ConsumerError('BAD_ARGUMENT', `--report ${name} lists nothing that is missing in the chain of ${orgid}`);
  return holes as Loss[];
}

const EXPECTED = 'expected what `waybill verify --json` prints';

type Fields = Readonly<Record<string, unknown>>;

/** A report over a ledger has chains. One over a file is about one chain. */
function chainsOf(report: unknown): Fields[] {
  if (!isFields(report)) return [];
  return Array.isArray(report['chains']) ? report['chains'].filter(isFields) : [report];
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}

function asLoss(hole: unknown): Loss | null {
  if (!isFields(hole)) return null;
  const { producer, first, last } = hole;
  const isRange = Number.isSafeInteger(first) && Number.isSafeInteger(last);
  return typeof producer === 'string' && isRange ? { producer, first: Number(first), last: Number(last) } : null;
}
