/**
 * When open blocks are stored, and how many of them.
 *
 * A block costs as much as two entries, and a sync where the server syncs always. So under a backlog blocks grow, and
 * the oldest are stored a few at a time. Without a backlog nobody waits for a block to grow: everything is stored at
 * once.
 */
import { type ChainState, SYSTEM_CHAIN } from '@waybill/schema/internal';
import { lastSeqOf, type StreamItem } from '../nats/stream-item.ts';
import type { Committer } from './committer.ts';
import type { Fold } from './fold.ts';
import type { OpenBlocks, SealLimit } from './open-blocks.ts';
import type { StreamRecorder } from './stream-recorder.ts';
import type { Watermark } from './watermark.ts';

/** Open blocks may have so many bytes at first. A small first commit soon shows what is wrong with commits. */
const FIRST_OPEN_BYTES = 1024 * 1024;
/** Open blocks have so many bytes at most. */
const MAX_OPEN_BYTES = 32 * 1024 * 1024;
/** What is stored while the open blocks are still growing: a sign of life for other consumers. */
const SIGN_OF_LIFE_BYTES = 64 * 1024;
/** What is stored at once: an atomic batch, if blocks are small. */
const COMMIT_BYTES = 2 * 1024 * 1024;
/** Bytes of open blocks for each block. A block has twice as many when it is sealed. */
const OPEN_BYTES_PER_BLOCK = 96 * 1024;
/** Every open block keeps its chain in memory. */
const MAX_OPEN_BLOCKS = 12_000;

export interface Storing {
  /** Gives the oldest blocks to the committer, if there is too much in all open blocks. */
  trim(): Promise<void>;
  /** Gives everything to the committer, with a claim that it is stored. Does not wait for that. */
  flush(): Promise<void>;
  /** Gives everything to the committer, and waits until it is stored. */
  drain(): Promise<void>;
  /** Says that everything up to an item is chained, if no block has said so. */
  claim(item: StreamItem): Promise<void>;
}

export interface StoringOptions {
  readonly maxOpenEntries: number;
  readonly watermark: Watermark;
  readonly blocks: OpenBlocks;
  readonly committer: Committer;
  readonly fold: Fold;
  readonly chains: ReadonlyMap<string, ChainState>;
  readonly recorder: StreamRecorder | undefined;
}

export function createStoring(options: StoringOptions): Storing {
  const { maxOpenEntries, watermark, blocks, committer, fold, chains, recorder } = options;
  let openBytes = FIRST_OPEN_BYTES;

  const isFull = (): boolean =>
    blocks.bytes >= openBytes || blocks.entries >= maxOpenEntries || blocks.blocks >= MAX_OPEN_BLOCKS;

  /** Only when all items that were read are folded: nothing of `_system` may come after a record at its place. */
  function recordStreams(): void {
    const system = chains.get(SYSTEM_CHAIN) as ChainState;
    if (blocks.entries === 0) recorder?.recordIdle(fold, system);
    else recorder?.recordAll(fold, system);
  }

  /** Waits where every chain has a block on its way. @returns false when only the very last block is left */
  async function storeOldest(limit: SealLimit): Promise<boolean> {
    const oldest = blocks.sealOldest(limit);
    if (oldest.length > 0) await committer.store(oldest);
    else if (blocks.blocks > 1) await committer.oneEnded();
    else return false;
    return true;
  }

  async function flush(): Promise<void> {
    recordStreams();
    if (blocks.entries === 0) return;
    await committer.drain();
    await committer.storeClaim(blocks.sealAll());
  }

  return {
    async trim() {
      if (!isFull()) return;
      recordStreams();
      const target = Math.min(Math.max(OPEN_BYTES_PER_BLOCK * blocks.blocks, FIRST_OPEN_BYTES), MAX_OPEN_BYTES);
      const entries = Math.ceil(maxOpenEntries / 4);
      if (openBytes < target) {
        // Nothing else is stored while the blocks grow, and another consumer must not take this one for dead.
        await storeOldest({ entries, bytes: SIGN_OF_LIFE_BYTES });
        openBytes += 2 * COMMIT_BYTES;
      }
      openBytes = Math.min(openBytes, target);
      // A few at a time, so that the others grow old.
      const limit = { entries, bytes: Math.min(COMMIT_BYTES, openBytes / 4) };
      while (isFull() && (await storeOldest(limit)));
    },
    flush,
    async drain() {
      await flush();
      await committer.drain();
    },
    async claim(item) {
      if (watermark.claimed >= lastSeqOf(item)) return;
      fold.recordWatermark(item);
      await flush();
    },
  };
}
