/** Stores blocks in the background, a few commits side by side, while the next blocks are made. */
import type { LedgerWriter } from './ledger-writer.ts';
import type { SealedBlock } from './open-blocks.ts';

/** What one commit stored. */
export interface Commit {
  readonly blocks: number;
  readonly entries: number;
  readonly ms: number;
}

export interface Committer {
  /**
   * Begins to store blocks. Those that are under way must be of other chains. Waits first while `COMMITS_AT_ONCE` commits
   * are under way.
   *
   * @throws whatever an earlier commit failed with
   */
  store(blocks: readonly SealedBlock[]): Promise<void>;
  /**
   * Begins to store blocks of which the last one claims the watermark. Waits first for all earlier commits. All later
   * commits wait for this one.
   */
  storeClaim(blocks: readonly SealedBlock[]): Promise<void>;
  /** Waits until one of the commits that are under way has ended, if there is any. */
  oneEnded(): Promise<void>;
  /** Waits until everything that was submitted is stored. */
  drain(): Promise<void>;
}

export interface CommitterHooks {
  /** Called when blocks are submitted. What it returns is called when they are stored. */
  onSubmitted(): (commit: Commit) => void;
  /** Called at once, even when nobody waits for the commit. */
  onFailed(error: Error): void;
}

/** While the server stores one commit, the next is made and sent. */
const COMMITS_AT_ONCE = 3;

export function createCommitter(ledger: Pick<LedgerWriter, 'store' | 'storeClaim'>, hooks: CommitterHooks): Committer {
  const underWay = new Set<Promise<void>>();
  let isClaiming = false;
  let failure: Error | null = null;

  function start(blocks: readonly SealedBlock[], store: () => Promise<void>): void {
    const entries = blocks.reduce((sum, block) => sum + block.entries, 0);
    const onCommitted = hooks.onSubmitted();
    const started = performance.now();
    const commit = store().then(
      () => {
        underWay.delete(commit);
        onCommitted({ blocks: blocks.length, entries, ms: performance.now() - started });
      },
      (error: unknown) => {
        underWay.delete(commit);
        failure ??= error as Error;
        hooks.onFailed(failure);
      },
    );
    underWay.add(commit);
  }

  async function oneEnded(): Promise<void> {
    if (!failure && underWay.size > 0) await Promise.race(underWay);
    if (failure) throw failure;
  }

  async function drain(): Promise<void> {
    while (underWay.size > 0) await oneEnded();
    if (failure) throw failure;
  }

  return {
    async store(blocks) {
      // A claim's last block is sent when its others are stored. A newer block of `_system` must not overtake it.
      if (isClaiming) await drain();
      while (underWay.size >= COMMITS_AT_ONCE) await oneEnded();
      if (failure) throw failure;
      start(blocks, () => ledger.store(blocks));
    },
    async storeClaim(blocks) {
      await drain();
      isClaiming = true;
      start(blocks, async () => {
        await ledger.storeClaim(blocks);
        isClaiming = false;
      });
    },
    oneEnded,
    drain,
  };
}
