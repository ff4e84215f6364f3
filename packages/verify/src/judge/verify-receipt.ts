/** Judges a receipt: one signed event, alone or as an entry of a chain. It is total: bad data gives a verdict. */
import {
  createChainVerifier,
  createReceiptReader,
  decodeUtf8,
  type Entry,
  isJsonObject,
  type JsonObject,
  MAX_LINE_BYTES,
  parseExactJson,
  type ReceiptKeys,
  SchemaError,
  wrongSignature,
} from '@waybill/schema/verify';
import { checkOptions, type KnownOptions } from '../check-options.ts';
import { WAYBILL_VERIFY } from '../command-words.ts';
import { type InputFile, openInput } from '../input/input-file.ts';
import { nodeSha256 } from '../sha256.ts';
import { chainHint } from './chain-hint.ts';
import { COPY_AGAIN, encodingHint } from './encoding-hint.ts';
import {
  RECEIPT_CHECKED,
  RECEIPT_NOT_CHECKED,
  type ReceiptEvent,
  type ReceiptReport,
  type ReceiptScope,
} from './receipt-report.ts';
import { readAll } from './verify-bill-file.ts';

export interface VerifyReceiptOptions {
  /** Keys of those who sign (`createReceiptKeys`). An event that is not signed by one of them is `tampered`. */
  readonly receiptKeys?: ReceiptKeys;
  /** The organization that the event has to be of. */
  readonly orgid?: string;
}

const OPTIONS: KnownOptions<VerifyReceiptOptions> = { receiptKeys: true, orgid: true };

export interface JudgedReceipt {
  readonly report: ReceiptReport;
  /** What may have happened to the file on its way; null: nothing can be said. */
  readonly hint: string | null;
}

/**
 * Verifies the file of a receipt; `-` is the standard input.
 *
 * @throws VerifyError CANNOT_READ naming the file; BAD_ARGUMENT
 */
export async function verifyReceiptFile(name: string, options: VerifyReceiptOptions = {}): Promise<JudgedReceipt> {
  checkOptions('verifyReceiptFile', options, OPTIONS);
  return judgeReceipt(await readReceipt(await openInput(name)), options);
}

/** One byte more than an entry may have, and its line feed, shows that the file is no receipt. */
export async function readReceipt(file: InputFile): Promise<Uint8Array> {
  return readAll(file, MAX_LINE_BYTES + 3);
}

function hintOfUnreadable(bytes: Uint8Array): string | null {
  const encoding = encodingHint(bytes, COPY_AGAIN);
  if (encoding !== null) return encoding;
  const lines = Buffer.from(bytes).toString('utf8').trimEnd().split('\n');
  const isLine = (line: string): boolean => /^\{.*\}\r?$/.test(line);
  return lines.length > 1 && lines.every(isLine)
    ? 'this file has several events: a receipt is one of them; put it into a file of its own'
    : null;
}

/** The event as publishers sign it, or a line of a chain with it. */
export function judgeReceipt(bytes: Uint8Array, options: VerifyReceiptOptions): JudgedReceipt {
  let value: unknown;
  try {
    if (bytes.length > MAX_LINE_BYTES + 2)
      throw new SchemaError('TOO_LARGE', `has more than the ${MAX_LINE_BYTES} bytes of an entry`);
    ({ value } = parseExactJson(decodeUtf8(bytes)));
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error;
    return unreadable(`the file ${error.message}`, hintOfUnreadable(bytes));
  }
  if (!isJsonObject(value)) return unreadable('the file is no event: it is JSON, and no object', null);
  return 'core' in value ? judgeEntry(bytes, options) : judgeEvent(value, options);
}

function unreadable(problem: string, hint: string | null): JudgedReceipt {
  const nothing = { keyid: null, event: null, entry: null, checked: [], not_checked: [] };
  return { report: { kind: 'receipt', verdict: 'unreadable', summary: 'unreadable', problem, ...nothing }, hint };
}

interface Found {
  readonly event: JsonObject | null;
  readonly entry: Entry | null;
  /** What is wrong with the entry, or with the organization; null: nothing. */
  readonly fault: string | null;
}

function judgeEvent(event: JsonObject, { orgid, receiptKeys }: VerifyReceiptOptions): JudgedReceipt {
  const owner = event['orgid'];
  const isOther = orgid !== undefined && owner !== orgid;
  const fault = isOther ? `the event belongs to ${JSON.stringify(owner ?? null)}, not to ${orgid}` : null;
  return { report: conclude({ event, entry: null, fault }, receiptKeys), hint: null };
}

/** The line has to be that of an entry; its neighbours are not at hand. */
function judgeEntry(bytes: Uint8Array, { orgid, receiptKeys }: VerifyReceiptOptions): JudgedReceipt {
  const hasLineFeed = bytes.at(-1) === 10;
  const line = hasLineFeed ? bytes.subarray(0, -1) : bytes;
  const { core } = JSON.parse(decodeUtf8(line)) as { core?: { seq?: unknown } | null };
  const fromSeq = Number.isSafeInteger(core?.seq) ? (core?.seq as number) : 1;
  const verifier = createChainVerifier({ fromSeq, sha256: nodeSha256, ...(orgid !== undefined && { orgid }) });
  const entry = verifier.pushBytes(line)?.entry ?? null;
  const chain = verifier.finish();
  const lines = { at: (index: number) => (index === 0 ? line : null), isUnfinished: () => !hasLineFeed };
  const hint = chainHint(chain, lines, { orgid, fromSeq, words: WAYBILL_VERIFY });
  const problem = chain.problem?.detail ?? 'there is no entry';
  if (entry === null && chain.verdict === 'unreadable') return unreadable(problem, hint);
  const found = { event: entry?.event ?? null, entry, fault: entry ? null : problem };
  return { report: conclude(found, receiptKeys), hint };
}

function conclude({ event, entry, fault }: Found, keys: ReceiptKeys | undefined): ReceiptReport {
  const keyid = typeof event?.['keyid'] === 'string' ? event['keyid'] : null;
  const signature = fault === null ? checkSignature(event, keys) : { verdict: 'tampered' as const, problem: fault };
  const { verdict, problem } = signature;
  const isOk = verdict === 'ok';
  const checked: ReceiptScope[] = [
    ...(isOk ? [{ what: RECEIPT_CHECKED.signature, count: 1 }] : []),
    ...(entry ? [{ what: RECEIPT_CHECKED.entry, count: 1 }] : []),
  ];
  const unchecked: ReceiptScope[] = [
    ...(verdict === 'incomplete' ? [{ what: RECEIPT_NOT_CHECKED.signature, count: 1 }] : []),
    { what: entry ? RECEIPT_NOT_CHECKED.entry : RECEIPT_NOT_CHECKED.chain, count: 1 },
  ];
  const isTampered = verdict === 'tampered';
  return {
    kind: 'receipt',
    verdict,
    summary: isOk ? `ok, signed by the key ${keyid}` : isTampered ? verdict : `${verdict}, not checked`,
    problem,
    keyid,
    event: event && describeEvent(event),
    entry: entry && { orgid: entry.core.orgid, seq: entry.core.seq, hash: entry.hash },
    checked: isTampered ? [] : checked,
    not_checked: isTampered ? [] : unchecked,
  };
}

interface SignatureCheck {
  readonly verdict: 'ok' | 'tampered' | 'incomplete';
  readonly problem: string | null;
}

function checkSignature(event: JsonObject | null, keys: ReceiptKeys | undefined): SignatureCheck {
  if (event === null) return { verdict: 'incomplete', problem: 'the event was erased, and its signature with it' };
  if (!keys) {
    const isSigned = Object.hasOwn(event, 'signature');
    return { verdict: 'incomplete', problem: isSigned ? 'no key was given' : 'the event has no signature' };
  }
  const receipt = createReceiptReader(keys.find, true).read(event);
  if (receipt === null || typeof receipt === 'string') return { verdict: 'tampered', problem: receipt };
  return keys.fits(receipt)
    ? { verdict: 'ok', problem: null }
    : { verdict: 'tampered', problem: wrongSignature(receipt.keyid) };
}

function describeEvent(event: JsonObject): ReceiptEvent {
  const text = (name: string): string | null => (typeof event[name] === 'string' ? event[name] : null);
  return { id: text('id'), type: text('type'), source: text('source'), orgid: text('orgid'), time: text('time') };
}
