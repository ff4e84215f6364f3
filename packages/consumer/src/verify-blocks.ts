/** Verification of the ledger stream itself: every chain in it, every trailer, and no hole. */
import {
  admit,
  canonicalJson,
  type ChainReport,
  type ChainVerifier,
  createChainVerifier,
  decodeUtf8,
  type Entry,
  type Expectation,
  type Json,
  type Problem,
  type ProducerWindows,
  splitBlock,
  SYSTEM_CHAIN,
  type Trailer,
  trailerMismatch,
  type VerifiedEntry,
  type VerifySignature,
} from '@waybill/schema';
import { nodeSha256 } from './sha256.ts';

export interface BlockVerifierOptions {
  /** The only chains that are looked at. Default: all. */
  readonly only?: ReadonlySet<string>;
  /** The `seq` that they start with; what is before it is taken on trust. Default: 1. */
  readonly fromSeq?: number;
  /** Heads that chains must contain, by organization. */
  readonly expect?: ReadonlyMap<string, readonly Expectation[]>;
  readonly verifySignature?: VerifySignature;
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
  producers: ProducerWindows;
  /** There are events since the last trailer that cannot be looked at. */
  isPartial: boolean;
  /** Found here, at an entry that is good in itself: nothing after it is looked at. */
  problem: Problem | null;
}

function isBad({ problem, verifier }: Chain): boolean {
  return problem !== null || verifier.failed;
}

export function createBlockVerifier(options: BlockVerifierOptions): BlockVerifier {
  const { only, fromSeq = 1, expect, verifySignature, onEntry } = options;
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
        ...(verifySignature && { verifySignature }),
      });
      chain = { verifier, start, producers: new Map(), isPartial: start > 1, problem: null };
      chains.set(orgid, chain);
    }
    return chain;
  }

  // A chain that has to be there gets a report even when it is not.
  for (const orgid of expect?.keys() ?? []) chainOf(orgid);

  function verifyBlock(chain: Chain, text: string, seq: number): Problem | null {
    const { lines, trailer } = splitBlock(text);
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
      takeIn(chain, verified);
    }
    if (!first || !last) return { seq: chain.start, detail: `block ${seq} of the stream ends before it` };
    const mismatch =
      trailerMismatch(isStart ? { ...trailer, first: chain.start } : trailer, first, last) ??
      producersMismatch(chain, trailer);
    if (mismatch !== null)
      return { seq: last.core.seq, detail: `in the trailer of block ${seq} of the stream: ${mismatch}` };
    // Not always higher than the one before: a writer that was overtaken repeats an older one.
    watermark = Math.max(watermark, trailer.watermark);
    return null;
  }

  return {
    push({ seq, orgid, payload }) {
      if (only && !only.has(orgid)) return;
      const chain = chainOf(orgid);
      if (isBad(chain)) return;
      try {
        chain.problem = verifyBlock(chain, decodeUtf8(payload), seq);
      } catch (error) {
        chain.verifier.fail(`block ${seq} of the stream is none: ${(error as Error).message}`);
      }
    },
    get watermark() {
      return watermark;
    },
    get entries() {
      return entries;
    },
    finish() {
      const sorted = [...chains].toSorted(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : 1));
      return sorted.map(([, { verifier, problem }]) => {
        const report = verifier.finish();
        return problem ? { ...report, verdict: 'tampered', problem } : report;
      });
    },
  };
}

function rank(orgid: string): number {
  return orgid === SYSTEM_CHAIN ? 1 : 0;
}

/** Follows the anti-replay windows as the writer did. */
function takeIn(chain: Chain, { entry, isErased, origin }: VerifiedEntry): void {
  if (isErased) chain.isPartial = true;
  if (origin) admit(chain.producers, origin.producer, origin.producerseq, entry.core.seq);
}

function producersMismatch(chain: Chain, trailer: Trailer): string | null {
  if (chain.isPartial) {
    // What erased and earlier events said of their publishers is known from the trailer alone.
    chain.producers = new Map(Object.entries(trailer.producers));
    chain.isPartial = false;
    return null;
  }
  const derived = canonicalJson(Object.fromEntries(chain.producers) as unknown as Json);
  if (derived === canonicalJson(trailer.producers)) return null;
  return 'producers are not those of the entries';
}
