/** Verification of one chain in the ledger stream, block by block: its entries, and what its trailers say of them. */
import {
  type ChainReport,
  type ChainVerifier,
  createChainVerifier,
  decodeUtf8,
  type Entry,
  type Expectation,
  NOT_CHECKED,
  type Problem,
  producersMismatch,
  type ReceiptKeys,
  SchemaError,
  splitBlock,
  trailerMismatch,
  type VerifiedEntry,
} from '@waybill/schema';
import { nodeSha256 } from '../sha256.ts';

export interface StoredChainOptions {
  readonly orgid: string;
  /** The `seq` to start with; what is before it is taken on trust. */
  readonly start: number;
  readonly expect: readonly Expectation[] | undefined;
  readonly receiptKeys: ReceiptKeys | undefined;
  /** Called with every good entry, in order. @returns what is wrong with it, or null */
  readonly onEntry: (verified: VerifiedEntry) => string | null;
}

export interface StoredChain {
  /** Verifies the next block. After a problem, further blocks are ignored. @param seq in the ledger stream */
  push(seq: number, payload: Uint8Array): void;
  /** Good entries so far. */
  readonly entries: number;
  /** The highest watermark in a good trailer; 0 when there is none. */
  readonly watermark: number;
  finish(): ChainReport;
}

type SplitBlock = ReturnType<typeof splitBlock>;

export function createStoredChain(options: StoredChainOptions): StoredChain {
  const { start, onEntry } = options;
  const verifier = chainVerifier(options);
  let entries = 0;
  let watermark = 0;
  /** The last entry of the newest block whose trailer has all publishers. */
  let lastFull: number | null = null;
  /** A block of a newer version: nothing after it can be read. */
  let newer: Problem | null = null;
  /** What is wrong although the verifier finds each entry good. */
  let problem: Problem | null = null;

  /** Null when it is no block, which is for the report. Any error that does not come from the block is thrown. */
  function split(payload: Uint8Array, seq: number): SplitBlock | null {
    try {
      return splitBlock(decodeUtf8(payload));
    } catch (error) {
      if (!(error instanceof SchemaError)) throw error;
      if (error.code === 'NEWER_VERSION') newer = { seq, detail: `block ${seq} of the stream: ${error.message}` };
      else verifier.fail(`block ${seq} of the stream is none: ${error.message}`);
      return null;
    }
  }

  /** @returns the entries that the block begins and ends with; null when the verifier has failed; or a problem */
  function verifyEntries(lines: readonly string[], seq: number): { first: Entry; last: Entry } | Problem | null {
    let first: Entry | null = null;
    let last: Entry | null = null;
    for (const line of lines) {
      const verified = verifier.push(line);
      if (!verified) return null;
      entries++;
      last = verified.entry;
      first ??= last;
      const wrong = onEntry(verified);
      if (wrong !== null) return { seq: last.core.seq, detail: wrong };
    }
    return first && last ? { first, last } : { seq: start, detail: `block ${seq} of the stream ends before it` };
  }

  function verifyBlock({ lines, trailer }: SplitBlock, seq: number): Problem | null {
    const isCut = trailer.first < start;
    const ends = verifyEntries(isCut ? lines.slice(start - trailer.first) : lines, seq);
    if (!ends || 'detail' in ends) return ends;
    const { first, last } = ends;
    const mismatch =
      trailerMismatch(isCut ? { ...trailer, first: start } : trailer, first, last) ??
      // The publishers' windows before the start of a part are not known, and nothing says them that could be trusted.
      (verifier.windows && producersMismatch(trailer, verifier.windows, lastFull));
    if (mismatch !== null)
      return { seq: last.core.seq, detail: `in the trailer of block ${seq} of the stream: ${mismatch}` };
    if (trailer.base === null) lastFull = trailer.last;
    // It may be lower than the one before: a writer that was overtaken repeats an older one.
    watermark = Math.max(watermark, trailer.watermark);
    return null;
  }

  return {
    push(seq, payload) {
      if (problem || newer || verifier.failed) return;
      const block = split(payload, seq);
      if (block && block.trailer.last >= start) problem = verifyBlock(block, seq);
    },
    get entries() {
      return entries;
    },
    get watermark() {
      return watermark;
    },
    finish: () => reportOf(verifier, problem, newer),
  };
}

function chainVerifier({ orgid, start, expect, receiptKeys }: StoredChainOptions): ChainVerifier {
  return createChainVerifier({
    orgid,
    sha256: nodeSha256,
    fromSeq: start,
    ...(expect && { expect }),
    ...(receiptKeys && { receiptKeys }),
  });
}

function reportOf(verifier: ChainVerifier, problem: Problem | null, newer: Problem | null): ChainReport {
  const found = verifier.finish();
  // The verification of a ledger compares it with AUDIT, so that this is checked.
  const report = { ...found, not_checked: found.not_checked.filter(({ what }) => what !== NOT_CHECKED.audit) };
  if (problem) return { ...report, verdict: 'tampered', problem };
  if (!newer || report.verdict === 'tampered') return report;
  const not_checked = [...report.not_checked, { what: NOT_CHECKED.version, count: 1 }];
  return { ...report, verdict: 'unreadable', problem: newer, not_checked };
}
