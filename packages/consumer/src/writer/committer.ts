/** Has blocks stored in the background, a few commits side by side, while the next are made. */
import type { FoldCounts } from './fold.ts';
import type { Ledger } from './ledger-writer.ts';
import type { SealedBlock } from './open-blocks.ts';

/** What one commit stored. */
interface Commit {
  readonly blocks: number;
  readonly entries: number;
  readonly ms: number;
}

export interface Committer {
  /**
   * Has blocks stored beside others, which must be of other chains; waits first while there are `COMMITS_AT_ONCE` of them.
   *
   * @throws whatever a commit before failed with
   */
  store(blocks: readonly SealedBlock[], counts: FoldCounts): Promise<void>;
  /**
   * The same with blocks of which the last claims the watermark `position`: waits for everything before, and everything
   * after waits for it.
   */
  claim(blocks: readonly SealedBlock[], counts: FoldCounts, position: number): Promise<void>;
  /** What the ledger says when everything that was submitted is stored: all AUDIT messages up to here are in it. */
  readonly claimed: number;
  /** Waits until something that is under way is stored, if there is any. */
  progress(): Promise<void>;
  /** Waits until everything that was submitted is stored. */
  drain(): Promise<void>;
}

export interface CommitterHooks {
  onCommitted(commit: Commit, counts: FoldCounts): void;
  /** Called at once, even if nobody is waiting for the commit. */
  onFailed(error: Error): void;
}

/** While the server stores one, the next is made and sent. */
const COMMITS_AT_ONCE = 3;

export function createCommitter(ledger: Ledger, hooks: CommitterHooks): Committer {
  const underWay = new Set<Promise<void>>();
  let isClaiming = false;
  let claimed = ledger.watermark;
  let failure: Error | null = null;

  function start(blocks: readonly SealedBlock[], counts: FoldCounts, store: () => Promise<void>): void {
    const entries = blocks.reduce((sum, block) => sum + block.entries, 0);
    const started = performance.now();
    const commit = store().then(
      () => {
        underWay.delete(commit);
        hooks.onCommitted({ blocks: blocks.length, entries, ms: performance.now() - started }, counts);
      },
      (error: unknown) => {
        underWay.delete(commit);
        failure ??= error as Error;
        hooks.onFailed(failure);
      },
    );
    underWay.add(commit);
  }

  async function progress(): Promise<void> {
    if (!failure && underWay.size > 0) await Promise.race(underWay);
    if (failure) throw failure;
  }

  async function drain(): Promise<void> {
    while (underWay.size > 0) await progress();
    if (failure) throw failure;
  }

  return {
    async store(blocks, counts) {
      // The last block of a claim is sent when the others are stored: one of `_system` must not be overtaken by a newer one.
      if (isClaiming) await drain();
      while (underWay.size >= COMMITS_AT_ONCE) await progress();
      if (failure) throw failure;
      start(blocks, counts, () => ledger.store(blocks));
    },
    async claim(blocks, counts, position) {
      await drain();
      isClaiming = true;
      claimed = position;
      start(blocks, counts, async () => {
        await ledger.commit(blocks, position);
        isClaiming = false;
      });
    },
    get claimed() {
      return claimed;
    },
    progress,
    drain,
  };
}
