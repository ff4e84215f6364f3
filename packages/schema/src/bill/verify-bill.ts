/** Judges a bill. It is total: a bad bill gives a verdict, never an exception. */
import { SchemaError, show } from '../error.ts';
import { type Sha256, sha256Hex } from '../hash.ts';
import { canonicalJson } from '../json/canonical.ts';
import type { JsonObject } from '../json/json.ts';
import { isPublicKey, isSignature } from '../verify/ed25519-encoding.ts';
import type { AsyncReceiptKeys, Receipt, ReceiptKeys } from '../verify/receipt.ts';
import type { Expectation, Verdict } from '../verify/verdict.ts';
import { type Bill, type BillCompleteness, type BillStatement, statementText } from './bill.ts';
import {
  BILL_ANCHORED,
  BILL_CHECKED,
  BILL_NOT_CHECKED,
  BILL_PROVEN,
  BILL_STATED,
  type BillReport,
  listScopes,
} from './bill-report.ts';
import { type BoundsCheck, checkBounds } from './bounds-check.ts';
import {
  findAnchorFault,
  findCutFault,
  findLineFault,
  hashCores,
  type HashedCore,
  type HashedCores,
} from './cut-check.ts';
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
  return report({ bill, cores, bounds, heads, replay, isVerified: options.keys !== undefined });
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

interface MatchedHeads {
  readonly fault: string | null;
  /** Heads of entries that the bill has. */
  readonly met: number;
  readonly unmet: number;
  /** The entry is a head that is held elsewhere. */
  isHeld(one: HashedCore | null | undefined): boolean;
}

function matchHeads({ before, after }: HashedCores, expect: readonly Expectation[]): MatchedHeads {
  const known = new Map<number, string>();
  for (const one of [...before, ...after]) if (one) known.set(one.core.seq, one.hash);
  let fault: string | null = null;
  const held = new Map<number, string>();
  for (const { seq, hash } of expect) {
    const other = held.get(seq) ?? known.get(seq);
    if (other !== undefined && other !== hash) fault ??= `entry ${seq} is ${other}, ${hash} is expected`;
    held.set(seq, hash);
  }
  const met = [...held.keys()].filter((seq) => known.has(seq)).length;
  return { fault, met, unmet: held.size - met, isHeld: (one) => !!one && held.has(one.core.seq) };
}

function judgeReplay(check: ReplayCheck, statement: BillStatement): { verdict: Verdict; problem: string } | null {
  const { report, fault, isEmpty, isShort, publishers } = check;
  const { verdict, problem } = report;
  const detail = `the replay, at ${problem?.seq}: ${problem?.detail}`;
  if (verdict === 'tampered') return { verdict, problem: detail };
  if (fault !== null) return { verdict: 'tampered', problem: fault };
  if (isShort) return { verdict: 'truncated', problem: 'the replay does not have the entries of all cuts' };
  if (verdict === 'truncated' || (verdict === 'unreadable' && !isEmpty)) return { verdict, problem: detail };
  const wrong = publishers && findPublisherFault(publishers, statement.completeness);
  return wrong === null ? null : { verdict: 'tampered', problem: wrong };
}

function findPublisherFault(found: NonNullable<ReplayCheck['publishers']>, stated: BillCompleteness): string | null {
  if (found.missing !== stated.missing)
    return `completeness.missing is ${stated.missing}, by the replay ${found.missing}`;
  const [open, statedOpen] = [found.open, stated.open].map((one) => canonicalJson(one as unknown as JsonObject));
  return open === statedOpen ? null : `completeness.open is ${show(stated.open)}, by the replay ${show(found.open)}`;
}

interface Findings {
  readonly bill: Bill;
  readonly cores: HashedCores;
  readonly bounds: BoundsCheck | null;
  readonly heads: MatchedHeads;
  readonly replay: ReplayCheck | null;
  readonly isVerified: boolean;
}

/** Of numbers of completeness, `unknown` follows from usage. */
const STATED_NUMBERS = 6;
const PUBLISHER_NUMBERS = 2;

function report({ bill, cores, bounds, heads, replay, isVerified }: Findings): BillReport {
  const counts = countFindings({ bill, cores, bounds, heads, replay, isVerified });
  return {
    verdict: 'ok',
    summary: summaryOf(counts.anchored, counts.cuts),
    problem: null,
    statement: bill.statement,
    ...sayProven(counts),
    ...sayChecked(counts),
  };
}

type Counts = ReturnType<typeof countFindings>;

function countFindings({ bill, cores, bounds, heads, replay, isVerified }: Findings) {
  const { after: _, watermark, ...others } = bill.anchors;
  const { before, after } = cores;
  const held = before.filter((one, i) => heads.isHeld(one) || heads.isHeld(after[i])).length;
  const replayed = replay ? before.length : 0;
  return {
    cuts: before.length,
    lines: bill.statement.lines.length,
    linked: after.filter((one) => one !== null).length,
    followed: after.filter((one, i) => one !== null || replay?.followed[i]).length,
    notFollowed: after.filter((one, i) => one !== null && !replay?.followed[i] && !heads.isHeld(one)).length,
    held,
    replayed,
    anchored: Math.max(held, replayed),
    heads: heads.met + (replay ? heads.unmet : 0),
    unmetHeads: replay ? 0 : heads.unmet,
    replayEntries: replay?.report.entries ?? 0,
    publishers: replay?.publishers ? PUBLISHER_NUMBERS : 0,
    dated: bounds?.checked ?? 0,
    undated: bounds ? 0 : before.length,
    otherCuts: bounds?.others ?? 0,
    verified: Number(isVerified),
    unverified: Number(!isVerified && bill.signature !== undefined),
    watermark: Number(watermark !== undefined),
    otherAnchors: Object.keys(others).length,
  };
}

function sayProven(n: Counts): Pick<BillReport, 'proven' | 'stated' | 'anchored'> {
  return {
    proven: listScopes([
      [BILL_PROVEN.lines, n.lines],
      [BILL_PROVEN.signed, n.verified],
      [BILL_PROVEN.bounds, n.dated],
      [BILL_PROVEN.chain, n.anchored],
      [BILL_PROVEN.between, n.followed],
      [BILL_PROVEN.publishers, n.publishers],
    ]),
    stated: listScopes([
      [BILL_STATED.chain, n.cuts - n.anchored],
      [BILL_STATED.between, n.cuts - n.followed],
      [BILL_STATED.bounds, n.cuts - n.dated],
      [BILL_STATED.completeness, STATED_NUMBERS - n.publishers],
      [BILL_STATED.issuer, 1 - n.verified],
    ]),
    anchored: listScopes([
      [BILL_ANCHORED.heads, n.held],
      [BILL_ANCHORED.replay, n.replayed],
    ]),
  };
}

function sayChecked(n: Counts): Pick<BillReport, 'checked' | 'not_checked'> {
  return {
    checked: listScopes([
      [BILL_CHECKED.lines, n.lines + 1],
      [BILL_CHECKED.cuts, n.cuts],
      [BILL_CHECKED.after, n.linked],
      [BILL_CHECKED.bounds, n.dated],
      [BILL_CHECKED.signature, n.verified],
      [BILL_CHECKED.heads, n.heads],
      [BILL_CHECKED.replay, n.replayEntries],
      [BILL_CHECKED.publishers, n.publishers],
    ]),
    not_checked: listScopes([
      [BILL_NOT_CHECKED.signature, n.unverified],
      [BILL_NOT_CHECKED.bounds, n.undated],
      [BILL_NOT_CHECKED.others, n.otherCuts],
      [BILL_NOT_CHECKED.cuts, n.cuts - n.anchored],
      [BILL_NOT_CHECKED.after, n.notFollowed],
      [BILL_NOT_CHECKED.completeness, STATED_NUMBERS - n.publishers],
      [BILL_NOT_CHECKED.heads, n.unmetHeads],
      [BILL_NOT_CHECKED.watermark, n.watermark],
      [BILL_NOT_CHECKED.anchors, n.otherAnchors],
    ]),
  };
}

/** Never a bare `ok` for a bill that nothing outside of it confirms. */
function summaryOf(anchored: number, cuts: number): string {
  if (anchored === cuts) return 'ok';
  return anchored === 0 ? 'ok, unanchored' : `ok, ${anchored} of ${cuts} cuts anchored`;
}
