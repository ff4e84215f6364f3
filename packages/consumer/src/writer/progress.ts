import type { Commit } from './committer.ts';
import { type FoldCounts, noCounts } from './fold.ts';

/** What a writer reports. Everything that is counted is counted since the start of the process, of finished commits. */
export interface Progress extends FoldCounts {
  /** Entries that were stored. */
  entries: number;
  /** Every AUDIT message up to here is in the ledger. */
  watermark: number;
  /** AUDIT messages that are not in the ledger, when last counted. */
  lag: number;
  commits: number;
  /** Blocks in those commits. */
  blocks: number;
  /** Chains whose state is in memory. */
  chains: number;
  /** The latest `received` that this process has chained: RFC 3339, UTC; null before the first. */
  latestReceived: string | null;
  /** Milliseconds that the last commit took. */
  lastCommitMs: number | null;
  /**
   * The number of the epoch, which `watermark` is within, for a stream that somebody else owns; 0 for a stream of our
   * own.
   */
  epoch: number;
}

export function noProgress(): Progress {
  return {
    ...noCounts(),
    entries: 0,
    watermark: 0,
    lag: 0,
    commits: 0,
    blocks: 0,
    chains: 0,
    latestReceived: null,
    lastCommitMs: null,
    epoch: 0,
  };
}

/** Adds a finished commit. @param counts what the fold did for it */
export function countCommit(progress: Progress, commit: Commit, counts: FoldCounts): void {
  progress.commits++;
  progress.blocks += commit.blocks;
  progress.entries += commit.entries;
  for (const name of Object.keys(counts) as (keyof FoldCounts)[]) progress[name] += counts[name];
  progress.lastCommitMs = commit.ms;
}
