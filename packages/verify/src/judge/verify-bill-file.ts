/** Judges the file of a bill. */
import { closeSync, openSync, readSync } from 'node:fs';
import {
  type BillReplay,
  type BillReport,
  createLineSplitter,
  type Expectation,
  MAX_BILL_BYTES,
  parseBill,
  type ReceiptKeys,
  SchemaError,
  verifyBill,
} from '@waybill/schema/verify';
import { checkOptions, type KnownOptions } from '../check-options.ts';
import { type CommandWords, WAYBILL_VERIFY } from '../command-words.ts';
import { VerifyError } from '../errors.ts';
import { checkNotCompressed, type InputFile } from '../input/input-file.ts';
import { openInputs } from '../input/open-inputs.ts';
import { inOrder } from '../input/read-files.ts';
import { nodeSha256 } from '../sha256.ts';
import { TZ_VERSION } from '../time-zones.ts';
import { billHint } from './bill-hint.ts';
import { judgeChain } from './verify-files.ts';

export interface VerifyBillFileOptions {
  /** The issuer's keys (`createReceiptKeys`). With them, a bill that is not signed by one of them is `tampered`. */
  readonly keys?: ReceiptKeys;
  /** Heads of the chain that you hold. */
  readonly expect?: readonly Expectation[];
  /** The files of the chain, in any order. The bill's entries are looked for in it. */
  readonly replay?: readonly string[];
  /** The number of the replay's first entry. Default: 1. */
  readonly fromSeq?: number;
}

const OPTIONS: KnownOptions<VerifyBillFileOptions> = { keys: true, expect: true, replay: true, fromSeq: true };

export interface JudgedBill {
  readonly report: BillReport;
  /** What may have happened to the bill, or to its replay, on its way; null: nothing can be said. */
  readonly hint: string | null;
}

/**
 * Verifies a bill; `-` is the standard input.
 *
 * @throws VerifyError CANNOT_READ naming the file; BAD_ARGUMENT, also for the same file twice
 */
export async function verifyBillFile(name: string, options: VerifyBillFileOptions = {}): Promise<JudgedBill> {
  checkOptions('verifyBillFile', options, OPTIONS);
  const { replay = [], ...asked } = options;
  const files = await openInputs([name, ...replay]);
  return judgeBill(await readBill(files[0] as InputFile), { ...asked, replay: files.slice(1) }, WAYBILL_VERIFY);
}

export interface BillCheck {
  readonly keys?: ReceiptKeys;
  readonly expect?: readonly Expectation[];
  readonly replay: readonly InputFile[];
  readonly fromSeq?: number;
}

/** @param words what the hint and errors tell people to type */
export async function judgeBill(bytes: Uint8Array, check: BillCheck, words: CommandWords): Promise<JudgedBill> {
  const { keys, expect = [], fromSeq = 1 } = check;
  const chainWords = wordsOfReplay(words);
  const replay = check.replay.length > 0 && { replay: await readReplay(check.replay, fromSeq, chainWords) };
  const report = reading(() =>
    verifyBill(bytes, { expect, tz: TZ_VERSION, sha256: nodeSha256, ...(keys && { keys }), ...replay }),
  );
  const hint = billHint(report, bytes) ?? (await replayHint(report, { ...check, fromSeq }, chainWords));
  return { report, hint };
}

/** How the files of a chain are given beside a bill. */
function wordsOfReplay({ name, command, fileOption }: CommandWords): CommandWords {
  const option = fileOption === '' ? '' : '--replay ';
  return { name, takes: option.trim() || name, command: `${command} BILL ${option}`.trim(), fileOption: option };
}

/** A replay that was mangled on its way must not look like a bad bill. A pipe was read, and nothing is said of it. */
async function replayHint(
  { verdict, statement }: BillReport,
  { replay, fromSeq }: BillCheck & { readonly fromSeq: number },
  words: CommandWords,
): Promise<string | null> {
  if (verdict === 'ok' || statement === null || replay.length === 0) return null;
  if (replay.some(({ size }) => size === null)) return null;
  const { hint } = await judgeChain(replay, { fromSeq }, words);
  return hint && `of the replay: ${hint}`;
}

/** Whose bill it is; null when it is none. */
export function orgidOfBill(bytes: Uint8Array): string | null {
  try {
    return parseBill(bytes).statement.orgid;
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error;
    return null;
  }
}

/** One byte more than a bill may have shows that the file is none. */
export async function readBill(file: InputFile): Promise<Uint8Array> {
  return readAll(file, MAX_BILL_BYTES + 1);
}

/** Of a longer file, the first `max` bytes. */
export async function readAll(file: InputFile, max: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of file.chunks()) {
    parts.push(chunk);
    length += chunk.length;
    if (length >= max) break;
  }
  return Buffer.concat(parts).subarray(0, max);
}

async function readReplay(files: readonly InputFile[], fromSeq: number, words: CommandWords): Promise<BillReplay> {
  const sources: (string | Uint8Array)[] = [];
  for (const file of await inOrder(files, words)) {
    checkNotCompressed(file.name, await file.start(), words);
    sources.push(file.size === null ? await readAll(file, Number.POSITIVE_INFINITY) : file.name);
  }
  return { lines: linesOf(sources), fromSeq };
}

/** The lines of a chain's parts, oldest first. Those of files are read while they are verified; a pipe is in memory. */
function* linesOf(sources: readonly (string | Uint8Array)[]): Generator<Uint8Array> {
  for (const [i, source] of sources.entries())
    yield* i < sources.length - 1 ? withoutLastEmpty(source) : linesIn(source);
}

function* linesIn(source: string | Uint8Array): Generator<Uint8Array> {
  const splitter = createLineSplitter();
  for (const chunk of typeof source === 'string' ? chunksOf(source) : [source]) yield* splitter.push(chunk);
  const rest = splitter.finish();
  if (rest) yield rest;
}

/** As `joinFiles` does: empty lines at the end of a part are none of the chain. */
function* withoutLastEmpty(source: string | Uint8Array): Generator<Uint8Array> {
  let empty: Uint8Array[] = [];
  for (const line of linesIn(source)) {
    if (line.length === 0) {
      empty.push(line);
      continue;
    }
    yield* empty;
    empty = [];
    yield line;
  }
}

function* chunksOf(name: string): Generator<Uint8Array> {
  const descriptor = openSync(name, 'r');
  try {
    const buffer = Buffer.alloc(1 << 20);
    for (let read = readSync(descriptor, buffer); read > 0; read = readSync(descriptor, buffer))
      yield Uint8Array.from(buffer.subarray(0, read));
  } finally {
    closeSync(descriptor);
  }
}

function reading<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const { code, path, message } = cause as NodeJS.ErrnoException;
    if (code === undefined || !/^E[A-Z]+$/.test(code)) throw cause;
    throw new VerifyError('CANNOT_READ', `could not read ${path ?? 'a file'}: ${message}`, { cause });
  }
}
