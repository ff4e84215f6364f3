/**
 * The `verify/` room: it derives everything in a chain that can be derived, and compares. It is pure, and total: bad
 * data gives a verdict, never an exception. It is the only judge; the CLI, the service, tests and web pages all call
 * it. It imports the ledger's rules, and never zod, I/O or a way to write a ledger.
 */
import { SchemaError } from '../error.ts';
import { decodeUtf8, isLongerThan } from '../json/utf8.ts';
import type { ProducerWindows } from '../ledger/producer-window.ts';
import { ChainJudge, type ChainOptions, type ReadLine, type VerifiedEntry } from './chain-judge.ts';
import type { LossAcknowledgement } from './acknowledgements.ts';
import { MAX_LINE_BYTES } from './line-splitter.ts';
import { type AsyncReceiptKeys, createReceiptReader, type ReceiptKeys } from './receipt.ts';
import { type CreateShortcut, installedShortcut } from './shortcut.ts';
import type { ChainReport } from './verdict.ts';

export interface VerifyOptions extends ChainOptions {
  /** Checks the signatures of receipts and adds `receipts` to the report. */
  readonly receiptKeys?: ReceiptKeys;
  /**
   * An event without a valid signature by one of `receiptKeys` is wrong, and the verdict is `tampered`. Erased events,
   * whose signatures went with them, are not.
   */
  readonly requireSigned?: boolean;
}

export interface AsyncVerifyOptions extends ChainOptions {
  readonly receiptKeys: AsyncReceiptKeys;
  readonly requireSigned?: boolean;
}

export interface ChainVerifier {
  /** The next line, without its line feed. @returns the entry when it is good */
  push(line: string): VerifiedEntry | null;
  /**
   * The next line as bytes, without its line feed (`createLineSplitter`). Use it for everything that comes from a file:
   * text that was decoded leniently may have lost the very byte that was changed.
   */
  pushBytes(line: Uint8Array): VerifiedEntry | null;
  /** A problem has been found. Further lines change nothing. */
  readonly failed: boolean;
  /** Reports a problem that the caller has found at the next entry. */
  fail(detail: string): void;
  /**
   * The publishers' windows after the last good entry, as in trailers; null when the chain's beginning is not at hand.
   */
  readonly windows: ProducerWindows | null;
  /**
   * @param acknowledgements of losses of this chain (`createAcknowledgements`). Missing events that are acknowledged do
   *   not make the verdict `incomplete`
   */
  finish(acknowledgements?: readonly LossAcknowledgement[]): ChainReport;
}

/** A verifier whose check of signatures is asynchronous. Push a line when the promise of the one before has settled. */
export interface AsyncChainVerifier {
  push(line: string): Promise<VerifiedEntry | null>;
  pushBytes(line: Uint8Array): Promise<VerifiedEntry | null>;
  readonly failed: boolean;
  finish(acknowledgements?: readonly LossAcknowledgement[]): ChainReport;
}

/** Verifies a chain whose lines are all at hand. Blank lines at the end do not count. */
export function verify(lines: Iterable<string | Uint8Array>, options: VerifyOptions = {}): ChainReport {
  const verifier = createChainVerifier(options);
  for (const line of lines) {
    if (typeof line === 'string') verifier.push(line);
    else verifier.pushBytes(line);
  }
  return verifier.finish();
}

/**
 * Verifies a chain line by line. `SIZE_WINDOW` bounds the memory for sizes. Memory otherwise grows with the number of
 * publishers, of ranges of missing numbers, and of erased uploads, and not with the chain's length.
 */
export function createChainVerifier(options: VerifyOptions = {}): ChainVerifier {
  return createVerifier(options, installedShortcut());
}

/** @param shortcut a parameter for tests, which compare verdicts with and without one */
export function createVerifier(options: VerifyOptions, shortcut: CreateShortcut): ChainVerifier {
  const { receiptKeys, requireSigned = false } = options;
  // Without a key, no signature is of a known one.
  const find = receiptKeys?.find ?? (requireSigned ? () => null : undefined);
  const judge = new ChainJudge(options, shortcut, find && createReceiptReader(find, requireSigned));

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
    fail: (detail) => judge.fail(detail),
    windows: judge.windows,
    finish: (acknowledgements) => judge.finish(acknowledgements),
  };
}

/** Verifies a chain line by line, as `createChainVerifier` does, with an asynchronous check of signatures. */
export function createAsyncChainVerifier(options: AsyncVerifyOptions): AsyncChainVerifier {
  const { receiptKeys, requireSigned } = options;
  const judge = new ChainJudge(options, installedShortcut(), createReceiptReader(receiptKeys.find, requireSigned));

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
    finish: (acknowledgements) => judge.finish(acknowledgements),
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

/** Looks at as much of a line as `createLineSplitter` keeps, so that both ways in give one verdict. */
function readLong(bytes: Uint8Array): ReadLine {
  return { text: lenient.decode(bytes.subarray(0, MAX_LINE_BYTES + 1)), bad: TOO_LONG };
}
