/**
 * Verification: re-derives everything in a chain that can be derived and compares. Pure, total (bad data gives a
 * verdict, never an exception), and the only judge: the CLI, the service, tests and web pages all call this.
 */
import { SchemaError } from '../error.ts';
import { decodeUtf8, isLongerThan } from '../json/utf8.ts';
import type { ProducerWindows } from '../ledger/producer-window.ts';
import {
  type ChainOptions,
  createJudge,
  type CreateShortcut,
  type ReadLine,
  type VerifiedEntry,
} from './chain-judge.ts';
import { MAX_LINE_BYTES } from './line-splitter.ts';
import type { AsyncReceiptKeys, ReceiptKeys } from './receipt.ts';
import type { ChainReport } from './verdict.ts';

export type { VerifiedEntry } from './chain-judge.ts';

export interface VerifyOptions extends ChainOptions {
  /** Checks the signatures of receipts, and adds `receipts` to the report. */
  readonly receiptKeys?: ReceiptKeys;
}

export interface AsyncVerifyOptions extends ChainOptions {
  readonly receiptKeys: AsyncReceiptKeys;
}

export interface ChainVerifier {
  /** The next line, without its line feed. @returns the entry when it is good */
  push(line: string): VerifiedEntry | null;
  /**
   * The next line as bytes, without its line feed (`createLineSplitter`): for everything that comes from a file.
   * Text that somebody decoded leniently may have lost the very byte that was changed.
   */
  pushBytes(line: Uint8Array): VerifiedEntry | null;
  /** What is known so far is bad: there is no need to push more. */
  readonly failed: boolean;
  /** Reports a problem that the caller found at the next entry. */
  fail(detail: string): void;
  /** The windows of publishers after the last good entry, as trailers have them; null when the beginning is not at hand. */
  readonly windows: ProducerWindows | null;
  finish(): ChainReport;
}

/** The same with signatures that can only be checked asynchronously: a line is to be pushed when the one before is done. */
export interface AsyncChainVerifier {
  push(line: string): Promise<VerifiedEntry | null>;
  pushBytes(line: Uint8Array): Promise<VerifiedEntry | null>;
  readonly failed: boolean;
  finish(): ChainReport;
}

/** Verifies a chain that is at hand as a whole. Blank lines at the end are nothing. */
export function verify(lines: Iterable<string | Uint8Array>, options: VerifyOptions = {}): ChainReport {
  const verifier = createChainVerifier(options);
  for (const line of lines) {
    if (typeof line === 'string') verifier.push(line);
    else verifier.pushBytes(line);
  }
  return verifier.finish();
}

let createShortcut: CreateShortcut = () => () => null;

/** For `fast/install.ts`: verifiers made from now on try this shortcut first. */
export function installShortcut(create: CreateShortcut): void {
  createShortcut = create;
}

/**
 * Verifies a chain line by line. Memory is bounded by `SIZE_WINDOW`, not by the chain's length, but for publishers'
 * windows (one per boot id, one range per gap) and the volumes of erased uploads.
 */
export function createChainVerifier(options: VerifyOptions = {}): ChainVerifier {
  return createVerifier(options, createShortcut);
}

/** @param shortcut for tests, which compare verdicts with and without it */
export function createVerifier(options: VerifyOptions, shortcut: CreateShortcut): ChainVerifier {
  const { receiptKeys } = options;
  const judge = createJudge(options, shortcut, receiptKeys?.find);

  function take(line: ReadLine): VerifiedEntry | null {
    const candidate = judge.examine(line);
    if (!candidate) return null;
    const { receipt } = candidate;
    return judge.accept(candidate, receipt && receiptKeys ? receiptKeys.fits(receipt) : null);
  }

  return {
    push: (line) => take(readText(line)),
    pushBytes: (bytes) => take(readBytes(bytes)),
    get failed() {
      return judge.failed;
    },
    fail: judge.fail,
    windows: judge.windows,
    finish: judge.finish,
  };
}

/** Verifies a chain line by line as `createChainVerifier` does, with an asynchronous check of signatures. */
export function createAsyncChainVerifier(options: AsyncVerifyOptions): AsyncChainVerifier {
  const { receiptKeys } = options;
  const judge = createJudge(options, createShortcut, receiptKeys.find);

  async function take(line: ReadLine): Promise<VerifiedEntry | null> {
    const candidate = judge.examine(line);
    if (!candidate) return null;
    const { receipt } = candidate;
    return judge.accept(candidate, receipt && (await receiptKeys.fits(receipt)));
  }

  return {
    push: (line) => take(readText(line)),
    pushBytes: (bytes) => take(readBytes(bytes)),
    get failed() {
      return judge.failed;
    },
    finish: judge.finish,
  };
}

const TOO_LONG = `the line has more than ${MAX_LINE_BYTES} bytes`;
const encoder = new TextEncoder();
const lenient = new TextDecoder('utf-8', { ignoreBOM: true });

function readText(text: string): ReadLine {
  return isLongerThan(text, MAX_LINE_BYTES) ? readLong(encoder.encode(text)) : { text, bad: null };
}

function readBytes(bytes: Uint8Array): ReadLine {
  if (bytes.length > MAX_LINE_BYTES) return readLong(bytes);
  try {
    return { text: decodeUtf8(bytes), bad: null };
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error;
    return { text: lenient.decode(bytes), bad: 'the line is not UTF-8' };
  }
}

/** However it is handed in, so much of it is looked at as `createLineSplitter` keeps. */
function readLong(bytes: Uint8Array): ReadLine {
  return { text: lenient.decode(bytes.subarray(0, MAX_LINE_BYTES + 1)), bad: TOO_LONG };
}
