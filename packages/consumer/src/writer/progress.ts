import type { FoldCounts } from './fold.ts';

/** The counts are of commits that were finished, since the start of the process. */
export interface Progress extends FoldCounts {
  /** Every AUDIT message up to here is in the ledger. */
  watermark: number;
  /** AUDIT messages that are not, when last counted. */
  lag: number;
  /** Commits, and blocks in them. */
  commits: number;
  blocks: number;
  /** Chains whose state is in memory. */
  chains: number;
  /** The latest `received` that this process has chained: RFC 3339, UTC; null before the first. */
  latestReceived: string | null;
  /** Milliseconds that the last commit took. */
  lastCommitMs: number | null;
  /** Of a stream of somebody else: which epoch this is; 0 with a stream of our own. `watermark` is within it. */
  epoch: number;
}
