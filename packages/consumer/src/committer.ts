import type { Batch } from './batch.ts';
import type { FoldCounts } from './fold.ts';
import type { Ledger } from './ledger.ts';

export interface Committer {
  /**
   * Waits for the commit before, then sends this one off. While it is under way the next batch can be read and folded.
   *
   * @param position every AUDIT message up to here is in this batch or in one before it
   * @throws whatever the commit before failed with
   */
  submit(batch: Batch, position: number): Promise<void>;
  /** What the ledger says when everything submitted is stored: all AUDIT messages up to here are in it. */
  readonly claimed: number;
  /** Waits until everything submitted is stored. */
  drain(): Promise<void>;
}

export interface CommitterHooks {
  onCommitted(commit: { counts: FoldCounts; blocks: number; ms: number; watermark: number }): void;
  /** Called at once, even if nobody is waiting for the commit. */
  onFailed(error: Error): void;
}

export function createCommitter(ledger: Ledger, hooks: CommitterHooks): Committer {
  let claimed = ledger.watermark;
  let inFlight = Promise.resolve();

  async function commit(batch: Batch, position: number): Promise<void> {
    const started = performance.now();
    const blocks = batch.seal({ before: claimed, after: position });
    claimed = position;
    try {
      await ledger.commit(blocks, position);
    } catch (error) {
      hooks.onFailed(error as Error);
      throw error;
    }
    batch.release();
    const ms = performance.now() - started;
    hooks.onCommitted({ counts: batch.counts, blocks: blocks.length, ms, watermark: position });
  }

  return {
    async submit(batch, position) {
      await inFlight;
      // Messages that the ledger has already make no block; the next one that does moves the watermark past them.
      if (batch.entries === 0) return;
      inFlight = commit(batch, position);
      inFlight.catch(() => undefined); // onFailed has told; the next submit or drain throws it.
    },
    get claimed() {
      return claimed;
    },
    drain: () => inFlight,
  };
}
