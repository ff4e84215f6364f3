/** Verification of the ledger stream itself: every chain in it, every trailer, and no hole. */
import {
  type ChainReport,
  type Problem,
  type ChainVerifier,
  createChainVerifier,
  decodeUtf8,
  type Entry,
  type Expectation,
  NOT_CHECKED,
  producersMismatch,
  type ReceiptKeys,
  SchemaError,
  splitBlock,
  SYSTEM_CHAIN,
  trailerMismatch,
  type VerifiedEntry,
} from '@waybill/schema';
import { nodeSha256 } from '../sha256.ts';

export interface BlockVerifierOptions {
  /** The only chains that are looked at. Default: all. */
  readonly only?: ReadonlySet<string>;
  /** The `seq` that they start with; what is before it is taken on trust. Default: 1. */
  readonly fromSeq?: number;
  /** Heads that chains must contain, by organization. */
  readonly expect?: ReadonlyMap<string, readonly Expectation[]>;
  readonly receiptKeys?: ReceiptKeys;
  /** Called with every good entry, in the ledger's order. @returns what is wrong with it, or null */
  readonly onEntry: (verified: VerifiedEntry) => string | null;
}

export interface BlockVerifier {
  /** The next block of the stream. */
  push(message: { seq: number; orgid: string; payload: Uint8Array }): void;
  /** Everything of AUDIT up to here is in the ledger, it says. */
  readonly watermark: number;
  readonly entries: number;
  /** One report for each chain, `_system` last; chains that were only expected are among them. */
  finish(): ChainReport[];
}

interface Chain {
  readonly verifier: ChainVerifier;
  readonly start: number;
  /** Last entry of the newest block with all publishers. */
  lastFull: number | null;
  /** What ends what can be read: a block of a newer version. */
  newer: Problem | null;
  /** Found here, at an entry that is good in itself: nothing after it is looked at. */
  problem: Problem | null;
}

function isBad({ problem, newer, verifier }: Chain): boolean {
  return problem !== null || newer !== null || verifier.failed;
}

export function createBlockVerifier(options: BlockVerifierOptions): BlockVerifier {
  const { only, fromSeq = 1, expect, receiptKeys, onEntry } = options;
  const chains = new Map<string, Chain>();
  let watermark = 0;
  let entries = 0;

  function chainOf(orgid: string): Chain {
    let chain = chains.get(orgid);
    if (!chain) {
      const expected = expect?.get(orgid);
      const start = orgid === SYSTEM_CHAIN ? 1 : fromSeq;
      const verifier = createChainVerifier({
        orgid,
        sha256: nodeSha256,
        fromSeq: start,
        ...(expected && { expect: expected }),
        ...(receiptKeys && { receiptKeys }),
      });
      chain = { verifier, start, lastFull: null, newer: null, problem: null };
      chains.set(orgid, chain);
    }
    return chain;
  }

  // A chain that has to be there gets a report even when it is not.
  for (const orgid of expect?.keys() ?? []) chainOf(orgid);

  /** What is no block is for the report. Any other error is not the ledger's. */
  function readBlock(chain: Chain, payload: Uint8Array, seq: number): ReturnType<typeof splitBlock> | null {
    try {
      return splitBlock(decodeUtf8(payload));
    } catch (error) {
      if (!(error instanceof SchemaError)) throw error;
      if (error.code === 'NEWER_VERSION') chain.newer = { seq, detail: `block ${seq} of the stream: ${error.message}` };
      else chain.verifier.fail(`block ${seq} of the stream is none: ${error.message}`);
      return null;
    }
  }

  function verifyBlock(chain: Chain, { lines, trailer }: ReturnType<typeof splitBlock>, seq: number): Problem | null {
    let first: Entry | null = null;
    let last: Entry | null = null;
    const isStart = trailer.first < chain.start;
    for (const line of isStart ? lines.slice(chain.start - trailer.first) : lines) {
      const verified = chain.verifier.push(line);
      if (!verified) return null;
      const { entry } = verified;
      entries++;
      first ??= entry;
      last = entry;
      const wrong = onEntry(verified);
      if (wrong !== null) return { seq: entry.core.seq, detail: wrong };
    }
    if (!first || !last) return { seq: chain.start, detail: `block ${seq} of the stream ends before it` };
    const mismatch =
      trailerMismatch(isStart ? { ...trailer, first: chain.start } : trailer, first, last) ??
      // What the windows were before a part begins, nothing says that could be trusted.
      (chain.verifier.windows && producersMismatch(trailer, chain.verifier.windows, chain.lastFull));
    if (mismatch !== null)
      return { seq: last.core.seq, detail: `in the trailer of block ${seq} of the stream: ${mismatch}` };
    if (trailer.base === null) chain.lastFull = trailer.last;
    // Not always higher than the one before: a writer that was overtaken repeats an older one.
    watermark = Math.max(watermark, trailer.watermark);
    return null;
  }

  return {
    push({ seq, orgid, payload }) {
      if (only && !only.has(orgid)) return;
      const chain = chainOf(orgid);
      if (isBad(chain)) return;
      const block = readBlock(chain, payload, seq);
      // All of it is before what was asked for.
      if (block && block.trailer.last < chain.start) return;
      if (block) chain.problem = verifyBlock(chain, block, seq);
    },
    get watermark() {
      return watermark;
    },
    get entries() {
      return entries;
    },
    finish() {
      const sorted = [...chains].toSorted(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : 1));
      return sorted.map(([, { verifier, newer, problem }]) => {
        const found = verifier.finish();
        // Whoever verifies a ledger compares it with AUDIT.
        const report = { ...found, not_checked: found.not_checked.filter(({ what }) => what !== NOT_CHECKED.audit) };
        if (problem) return { ...report, verdict: 'tampered', problem };
        if (!newer || report.verdict === 'tampered') return report;
        const not_checked = [...report.not_checked, { what: NOT_CHECKED.version, count: 1 }];
        return { ...report, verdict: 'unreadable', problem: newer, not_checked };
      });
    },
  };
}

function rank(orgid: string): number {
  return orgid === SYSTEM_CHAIN ? 1 : 0;
}
