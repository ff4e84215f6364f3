/** Feeds the fold: items are routed, their chains and the sizes that they need are loaded, and then they are folded. */
import type { ChainState } from '@waybill/schema/internal';
import { lastSeqOf, type StreamItem } from '../nats/stream-item.ts';
import type { Fold } from './fold.ts';
import type { LedgerWriter } from './ledger-writer.ts';
import type { OpenBlocks } from './open-blocks.ts';
import type { RoutedItem, Router } from './routing.ts';
import type { SizeLoader } from './size-loader.ts';
import type { Storing } from './storing.ts';
import type { StreamRecorder } from './stream-recorder.ts';
import type { Watermark } from './watermark.ts';

/**
 * Messages, and events in them, that are folded together, about. What a message becomes on the way lives as long as its
 * fold: with so few, it dies in the young generation of the heap.
 */
export const FOLDED_TOGETHER = 512;

export interface ChainingOptions {
  readonly route: Router;
  readonly fold: Fold;
  readonly ledger: Pick<LedgerWriter, 'chains' | 'load' | 'evict'>;
  readonly blocks: Pick<OpenBlocks, 'holds'>;
  readonly sizes: SizeLoader;
  readonly storing: Storing;
  readonly watermark: Watermark;
  readonly recorder: StreamRecorder | undefined;
}

/** Folds items into the open blocks. Stores blocks only where it has to: see `trim` and `drain`. */
export type Chain = (items: readonly StreamItem[]) => Promise<void>;

export function createChaining(options: ChainingOptions): Chain {
  const { route, fold, ledger, blocks, sizes, storing, watermark, recorder } = options;

  async function chainRouted(routed: readonly RoutedItem[]): Promise<void> {
    for (let start = 0; start < routed.length;) {
      ledger.evict(blocks.holds);
      await ledger.load(orgidsFrom(routed, start));
      const result = fold.run(routed, start);
      const next = result.done ? routed.length : result.index;
      if (next > start) advancePast(routed[next - 1] as RoutedItem);
      if (!result.done) {
        // What is read back must be in the ledger.
        await storing.drain();
        const { head } = ledger.chains.get(result.orgid) as ChainState;
        await sizes.load(head);
      }
      start = next;
    }
  }

  function advancePast({ item, isLast }: RoutedItem): void {
    const last = lastSeqOf(item);
    // In the middle of a message that holds several events, only what is before the message can be claimed.
    watermark.advance(isLast ? last : last - 1);
    if (recorder) recorder.place = { seq: watermark.folded, received: item.received };
  }

  return async (items) => {
    let routed: RoutedItem[] = [];
    for (const item of items) {
      route(item, routed);
      if (routed.length < FOLDED_TOGETHER) continue;
      // Messages may hold many events each: not all of them at once.
      await chainRouted(routed);
      await storing.trim();
      routed = [];
    }
    await chainRouted(routed);
    sizes.trim();
  };
}

function* orgidsFrom(routed: readonly RoutedItem[], start: number): Generator<string> {
  for (let i = start; i < routed.length; i++) yield (routed[i] as RoutedItem).orgid;
}
