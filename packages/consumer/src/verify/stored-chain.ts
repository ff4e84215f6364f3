/** Verification of one chain in the ledger stream, block by block: its entries, and what its trailers say of them. */
import {
  type ChainReport,
  type ChainVerifier,
  createChainVerifier,
  type Expectation,
  type LossAcknowledgement,
  type Problem,
  type ReceiptKeys,
  SchemaError,
  type VerifiedEntry,
} from '@waybill/schema';
import {
  decodeUtf8,
  type Entry,
  NOT_CHECKED,
  producersMismatch,
  splitBlock,
  trailerMismatch,
} from '@waybill/schema/internal';
import { nodeSha256 } from '../sha256.ts';

/** The state of one chain's verification. There may be a hundred thousand of them, so it is data and no closure. */
export interface StoredChain {
  readonly verifier: ChainVerifier;
  /** The `seq` to start with; what is before it is taken on trust. */
  readonly start: number;
  /** Good entries so far. */
  entries: number;
  /** The highest watermark in a good trailer; 0 when there is none. */
  watermark: number;
  /** The last entry of the newest block whose trailer has all publishers. */
  lastFull: number | null;
  /** A block of a newer version: nothing after it can be read. */
  newer: Problem | null;
  /** What is wrong although the verifier finds each entry good. */
  problem: Problem | null;
}

export interface StoredChainOptions {
  readonly orgid: string;
  readonly start: number;
  readonly expect: readonly Expectation[] | undefined;
  readonly receiptKeys: ReceiptKeys | undefined;
  readonly requireSigned: boolean;
}

export function createStoredChain(options: StoredChainOptions): StoredChain {
  const { orgid, start, expect, receiptKeys, requireSigned } = options;
  const verifier = createChainVerifier({
    orgid,
    sha256: nodeSha256,
    fromSeq: start,
    requireSigned,
    ...(expect && { expect }),
    ...(receiptKeys && { receiptKeys }),
  });
  return { verifier, start, entries: 0, watermark: 0, lastFull: null, newer: null, problem: null };
}

/** Takes a good entry. @returns what is wrong with it, or null */
export type OnEntry = (verified: VerifiedEntry) => string | null;

/** A block's sequence in the ledger stream, and its bytes. */
interface BlockMessage {
  readonly seq: number;
  readonly payload: Uint8Array;
}

/**
 * Verifies the next block of a chain. After a problem, further blocks are ignored.
 *
 * @param onEntry is called in order
 */
export function verifyNextBlock(chain: StoredChain, message: BlockMessage, onEntry: OnEntry): void {
  if (chain.problem || chain.newer || chain.verifier.failed) return;
  const block = splitOrNote(chain, message);
  if (block && block.trailer.last >= chain.start)
    chain.problem = verifyBlock(chain, { ...block, seq: message.seq }, onEntry);
}

type Block = ReturnType<typeof splitBlock> & { readonly seq: number };

/** Null when it is no block, which is for the report. Any error that does not come from the block is thrown. */
function splitOrNote(chain: StoredChain, { seq, payload }: BlockMessage): ReturnType<typeof splitBlock> | null {
  try {
    return splitBlock(decodeUtf8(payload));
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error;
    if (error.code === 'NEWER_VERSION') chain.newer = { seq, detail: `block ${seq} of the stream: ${error.message}` };
    else chain.verifier.fail(`block ${seq} of the stream is none: ${error.message}`);
    return null;
  }
}

function verifyBlock(chain: StoredChain, block: Block, onEntry: OnEntry): Problem | null {
  const { verifier, start } = chain;
  const { trailer, seq } = block;
  const ends = verifyEntries(chain, block, onEntry);
  if (!ends || 'detail' in ends) return ends;
  const { first, last } = ends;
  const isCut = trailer.first < start;
  const mismatch =
    trailerMismatch(isCut ? { ...trailer, first: start } : trailer, first, last) ??
    // Without the first entries of a chain, its publishers' windows are not known: the trailer is no evidence of them.
    (verifier.windows && producersMismatch(trailer, verifier.windows, chain.lastFull));
  if (mismatch !== null)
    return { seq: last.core.seq, detail: `in the trailer of block ${seq} of the stream: ${mismatch}` };
  if (trailer.base === null) chain.lastFull = trailer.last;
  // It may be lower than the one before: a writer that was overtaken repeats an older one.
  chain.watermark = Math.max(chain.watermark, trailer.watermark);
  return null;
}

/** @returns the entries that the block begins and ends with; null when the verifier has failed; or a problem */
function verifyEntries(
  chain: StoredChain,
  { lines, trailer, seq }: Block,
  onEntry: OnEntry,
): { first: Entry; last: Entry } | Problem | null {
  const { verifier, start } = chain;
  let first: Entry | null = null;
  let last: Entry | null = null;
  for (const line of trailer.first < start ? lines.slice(start - trailer.first) : lines) {
    const verified = verifier.push(line);
    if (!verified) return null;
    chain.entries++;
    last = verified.entry;
    first ??= last;
    const wrong = onEntry(verified);
    if (wrong !== null) return { seq: last.core.seq, detail: wrong };
  }
  return first && last ? { first, last } : { seq: start, detail: `block ${seq} of the stream ends before it` };
}

export function reportOf(
  { verifier, problem, newer }: StoredChain,
  acknowledgements: readonly LossAcknowledgement[] = [],
): ChainReport {
  const found = verifier.finish(acknowledgements);
  // The verification of a ledger compares it with AUDIT, so that these are checked.
  const byAudit: readonly string[] = [NOT_CHECKED.audit, NOT_CHECKED.acknowledgements];
  const report = { ...found, not_checked: found.not_checked.filter(({ what }) => !byAudit.includes(what)) };
  if (problem) return { ...report, verdict: 'tampered', problem };
  if (!newer || report.verdict === 'tampered') return report;
  const not_checked = [...report.not_checked, { what: NOT_CHECKED.version, count: 1 }];
  return { ...report, verdict: 'unreadable', problem: newer, not_checked };
}
