/** Reads heads that somebody kept: what `waybill head --json` printed. */
import { readFile } from 'node:fs/promises';
import type { Expectation } from '@waybill/schema/verify';
import { isChainName } from '@waybill/schema/verify';
import { VerifyError } from '../errors.ts';

/** By organization. */
export type KeptHeads = ReadonlyMap<string, readonly Expectation[]>;

/** @throws VerifyError CANNOT_READ, BAD_ARGUMENT naming the file */
export async function readHeadFiles(names: readonly string[]): Promise<KeptHeads> {
  const kept = new Map<string, Expectation[]>();
  for (const name of names) {
    for (const { orgid, seq, hash } of await readHeads(name))
      kept.set(orgid, [...(kept.get(orgid) ?? []), { seq, hash }]);
  }
  return kept;
}

interface KeptHead extends Expectation {
  readonly orgid: string;
}

async function readHeads(name: string): Promise<readonly KeptHead[]> {
  let text: string;
  try {
    text = await readFile(name, 'utf8');
  } catch (cause) {
    throw new VerifyError('CANNOT_READ', `could not read ${name}: ${(cause as Error).message}`, { cause });
  }
  let value: unknown;
  try {
    // An editor may have put a byte order mark before it, which says nothing here.
    value = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (cause) {
    throw new VerifyError('BAD_ARGUMENT', `--expect-file ${name} is no JSON: ${EXPECTED}`, { cause });
  }
  return (Array.isArray(value) ? value : [value]).map((head) => {
    if (isKeptHead(head)) return head;
    throw new VerifyError('BAD_ARGUMENT', `--expect-file ${name} has what is no head: ${EXPECTED}`);
  });
}

const EXPECTED = 'expected what `waybill head --all --json` prints';

function isKeptHead(head: unknown): head is KeptHead {
  const { orgid, seq, hash } = (head ?? {}) as Partial<Record<keyof KeptHead, unknown>>;
  if (typeof orgid !== 'string' || typeof hash !== 'string') return false;
  return isChainName(orgid) && Number.isSafeInteger(seq) && (seq as number) > 0 && HASH.test(hash);
}

const HASH = /^[0-9a-f]{64}$/;
