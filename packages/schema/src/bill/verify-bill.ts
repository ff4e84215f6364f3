/** Judges a bill. It is total: a bad bill gives a verdict, never an exception. */
import { SchemaError, show } from '../error.ts';
import { type Sha256, sha256Hex } from '../hash.ts';
import { canonicalJson } from '../json/canonical.ts';
import type { JsonObject } from '../json/json.ts';
import { isPublicKey, isSignature } from '../verify/ed25519-encoding.ts';
import type { AsyncReceiptKeys, Receipt, ReceiptKeys } from '../verify/receipt.ts';
import type { Expectation, Verdict } from '../verify/verdict.ts';
import { type Bill, type BillCompleteness, type BillStatement, statementText } from './bill.ts';
import { reportFindings } from './bill-findings.ts';
import type { BillReport } from './bill-report.ts';
import { checkBounds } from './bounds-check.ts';
import { findAnchorFault, findCutFault, findLineFault, hashCores } from './cut-check.ts';
import { matchHeads } from './head-match.ts';
import { parseBill } from './parse-bill.ts';
import { type BillReplay, checkReplay, type ReplayCheck } from './replay-check.ts';

export interface VerifyBillOptions {
  /**
   * Keys of the issuer. With them, a bill that is not signed by one of them is `tampered`. Their `keyid`s are those of
   * bills; without them a signature is not checked.
   */
  readonly keys?: ReceiptKeys;
  /** Heads of the chain that the caller knows from elsewhere. */
  readonly expect?: readonly Expectation[];
  /** The chain, in which the entries of the cuts are then looked for. */
  readonly replay?: BillReplay;
  /** The version of the caller's time zone data (`process.versions.tz`). Default: not known. */
  readonly tz?: string;
  readonly sha256?: Sha256;
}

export interface AsyncVerifyBillOptions extends Omit<VerifyBillOptions, 'keys'> {
  readonly keys: AsyncReceiptKeys;
}

/** @param file the bill as it came: reading it as JSON and printing it again would hide a changed byte */
export function verifyBill(file: string | Uint8Array, options: VerifyBillOptions = {}): BillReport {
  let bill: Bill;
  try {
    bill = parseBill(file);
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error;
    return refusal('unreadable', error.message, null);
  }
  const { expect = [], sha256 = sha256Hex } = options;
  const { statement } = bill;
  const cores = hashCores(bill, sha256);
  const isSameTz = options.tz !== undefined && options.tz === statement.tz;
  const bounds = isSameTz ? checkBounds(statement) : null;
  const heads = matchHeads(cores, expect);
  const fault =
    findCutFault(statement, cores) ??
    findLineFault(statement) ??
    findAnchorFault(bill, cores) ??
    bounds?.fault ??
    findSignatureFault(bill, options.keys) ??
    heads.fault;
  if (fault !== null) return refusal('tampered', fault, statement);
  const replay = options.replay ? checkReplay(options.replay, { statement, cores, expect, sha256 }) : null;
  const refused = replay && judgeReplay(replay, statement);
  if (refused) return refusal(refused.verdict, refused.problem, statement);
  return reportFindings({ bill, cores, bounds, heads, replay, isVerified: options.keys !== undefined });
}

/** The same with an asynchronous check of signatures, such as WebCrypto's. */
export async function verifyBillAsync(
  file: string | Uint8Array,
  { keys, ...options }: AsyncVerifyBillOptions,
): Promise<BillReport> {
  const asked: Receipt[] = [];
  const find = (keyid: string): Uint8Array | null => keys.find(keyid);
  // The first time only to learn what has to be checked.
  verifyBill(file, { keys: { find, fits: (receipt) => asked.push(receipt) === 0 } });
  const [receipt] = asked;
  const fits = receipt !== undefined && (await keys.fits(receipt));
  return verifyBill(file, { ...options, keys: { find, fits: () => fits } });
}

function refusal(verdict: Verdict, problem: string, statement: BillStatement | null): BillReport {
  const nothing = { proven: [], stated: [], anchored: [], checked: [], not_checked: [] };
  return { verdict, summary: verdict, problem, statement, ...nothing };
}

function findSignatureFault({ statement, keyid, signature: text }: Bill, keys: ReceiptKeys | undefined): string | null {
  if (!keys) return null;
  if (keyid === undefined || text === undefined) return 'the bill is not signed, and a key was given';
  const publicKey = keys.find(keyid);
  if (publicKey === null) return `the bill names the key ${keyid}, which was not given`;
  const signature = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  const isWellFormed = isSignature(signature) && isPublicKey(publicKey);
  if (isWellFormed && keys.fits({ keyid, publicKey, signature, text: statementText(statement) })) return null;
  return `signature is not that of the key ${keyid} over the statement`;
}

function judgeReplay(check: ReplayCheck, statement: BillStatement): { verdict: Verdict; problem: string } | null {
  const { report, fault, isEmpty, isShort, publishers } = check;
  const { verdict, problem } = report;
  const detail = `the replay, at ${problem?.seq}: ${problem?.detail}`;
  if (verdict === 'tampered') return { verdict, problem: detail };
  if (fault !== null) return { verdict: 'tampered', problem: fault };
  if (verdict === 'unreadable' && !isEmpty) return { verdict, problem: detail };
  if (isShort) return { verdict: 'truncated', problem: 'the replay does not have the entries of all cuts' };
  if (verdict === 'truncated') return { verdict, problem: detail };
  const wrong = publishers && findPublisherFault(publishers, statement.completeness);
  return wrong === null ? null : { verdict: 'tampered', problem: wrong };
}

function findPublisherFault(found: NonNullable<ReplayCheck['publishers']>, stated: BillCompleteness): string | null {
  if (found.missing !== stated.missing)
    return `completeness.missing is ${stated.missing}, by the replay ${found.missing}`;
  const [open, statedOpen] = [found.open, stated.open].map((one) => canonicalJson(one as unknown as JsonObject));
  return open === statedOpen ? null : `completeness.open is ${show(stated.open)}, by the replay ${show(found.open)}`;
}
