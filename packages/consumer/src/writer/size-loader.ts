/**
 * The sizes of earlier uploads, for skipped uploads that do not know theirs, loaded when one first asks.
 *
 * Most organizations never ask and cost nothing. For one that does, the last `SIZE_WINDOW` entries of its chain are
 * read back from the ledger once; from then on the fold keeps the memory up to date.
 *
 * Memory is bounded: organizations that ask least are let go first, and one that asks again is read back again. How often
 * an organization asked counts, and not only when: with a few more organizations than there is room for, asking in turn,
 * the last one that asked would push out the very one that asks next, and each question would cost a second.
 */
import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { createSizeMemory, decodeUtf8, type Head, SIZE_WINDOW, type SizeMemory } from '@waybill/schema';
import { ConsumerError } from '../errors.ts';
import type { Settings } from '../settings.ts';
import { chainRange } from '../ledger/chain-range.ts';
import { findBlockBySeq } from '../ledger/find-block.ts';
import { readRange } from '../nats/read-range.ts';
import type { SizeMemories } from './fold.ts';
import { readMention } from './transfer-mention.ts';

/** Digests in memory over all organizations, at about 200 bytes each. One organization alone stays below it. */
const MAX_DIGESTS = 1_000_000;

export interface SizeLoader {
  readonly memories: SizeMemories;
  /** Reads back the memory of one organization, whose chain must stand at `head` in the ledger. */
  load(head: Head): Promise<void>;
  /** Drops memories beyond the bound, those first that are asked least. */
  trim(): void;
  /** Memories that were read back. */
  readonly loads: number;
}

export interface SizeLoaderOptions {
  readonly nc: NatsConnection;
  readonly jsm: JetStreamManager;
  readonly settings: Settings;
  /** Ends a load that is under way, which then rejects. */
  readonly signal: AbortSignal;
  readonly maxDigests?: number;
}

interface Kept {
  readonly memory: SizeMemory;
  /** Questions, of which half are forgotten with each memory that is dropped. */
  asked: number;
}

export function createSizeLoader(options: SizeLoaderOptions): SizeLoader {
  const maxDigests = options.maxDigests ?? MAX_DIGESTS;
  const kept = new Map<string, Kept>();
  let loads = 0;

  function dropBut(asking: string | null): void {
    let digests = 0;
    for (const { memory } of kept.values()) digests += memory.size;
    while (digests > maxDigests && kept.size > 1) {
      const others = [...kept].filter(([orgid]) => orgid !== asking);
      // Of those that were asked as little, the one that was loaded last: the others have stood the test longer.
      const [orgid, least] = others.reduce((a, b) => (b[1].asked <= a[1].asked ? b : a));
      kept.delete(orgid);
      digests -= least.memory.size;
      for (const one of kept.values()) one.asked /= 2;
    }
  }

  return {
    memories: {
      get: (orgid) => kept.get(orgid)?.memory,
      need(orgid) {
        const one = kept.get(orgid);
        if (one) one.asked++;
        return one?.memory;
      },
    },
    async load(head) {
      const memory = createSizeMemory();
      for await (const line of linesFrom(options, head, Math.max(1, head.seq + 1 - SIZE_WINDOW))) {
        const mention = readMention(line);
        if (mention) memory.note(mention.seq, mention.transfer, mention.volume);
      }
      kept.set(head.orgid, { memory, asked: 0 });
      loads++;
      // Many organizations may ask in one go. The one that waits for an answer stays.
      dropBut(head.orgid);
    },
    trim: () => dropBut(null),
    get loads() {
      return loads;
    },
  };
}

/** The lines of a chain from an entry on to its head, in order. */
async function* linesFrom(options: SizeLoaderOptions, head: Head, seq: number): AsyncGenerator<string> {
  const { nc, jsm, settings, signal } = options;
  const start = head.seq === 0 ? null : await findBlockBySeq(jsm, settings, head.orgid, seq);
  if (!start) return;
  let next = start.block.trailer.first;
  // Its end is looked up: a chain ends at its head, while nobody else writes.
  const range = { orgid: head.orgid, from: start.streamSeq, to: Number.MAX_SAFE_INTEGER, signal };
  for await (const items of readRange(nc, jsm, chainRange(settings, range))) {
    for (const item of items) {
      if (item.kind !== 'message') continue;
      // The trailer is the last line, and after its line feed there is nothing.
      const lines = decodeUtf8(item.payload).split('\n').slice(0, -2);
      for (const line of lines) if (next++ >= seq) yield line;
      if (next > head.seq) return;
    }
  }
  throw new ConsumerError('NO_ANSWER', `stopped reading back the sizes of ${head.orgid}`);
}
