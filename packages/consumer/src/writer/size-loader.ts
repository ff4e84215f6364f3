/**
 * The sizes of earlier uploads. A skipped upload that does not state its size takes it from there.
 *
 * Most organizations never need one and cost nothing. For one that does, the last `SIZE_WINDOW` entries of its chain
 * are read back from the ledger once. From then on the fold keeps the memory up to date.
 *
 * Memory is bounded. The organizations that ask least are dropped first, and one that asks again is read back again.
 * What counts is how often an organization asks, not when it asked last. With a few more organizations than there is
 * room for, asking in turn, the last one to ask would push out the next one, and each question would cost a second.
 */
import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { createSizeMemory, decodeUtf8, type Head, SIZE_WINDOW, type SizeMemory } from '@waybill/schema/internal';
import { ConsumerError } from '../errors.ts';
import type { Settings } from '../settings.ts';
import { chainRange } from '../ledger/chain-range.ts';
import { findBlockBySeq } from '../ledger/find-block.ts';
import { readRange } from '../nats/read-range.ts';
import type { SizeMemories } from './fold.ts';
import { readMention } from './transfer-mention.ts';

/** Digests in memory, of all organizations together, at about 200 bytes each. One organization alone has fewer. */
const MAX_DIGESTS = 1_000_000;

export interface SizeLoader {
  readonly memories: SizeMemories;
  /** Reads back the sizes of one organization. @param head of its chain, which must be in the ledger */
  load(head: Head): Promise<void>;
  /** Drops organizations while there are too many digests, those first that ask least. */
  trim(): void;
  /** How many times an organization was read back. */
  readonly loads: number;
}

export interface SizeLoaderOptions {
  readonly nc: NatsConnection;
  readonly jsm: JetStreamManager;
  readonly settings: Settings;
  /** Aborted: a load that is under way rejects. */
  readonly signal: AbortSignal;
  readonly maxDigests?: number;
}

interface LoadedSizes {
  readonly memory: SizeMemory;
  /** How often it was asked; halved with each organization that is dropped. */
  asked: number;
}

export function createSizeLoader(options: SizeLoaderOptions): SizeLoader {
  const maxDigests = options.maxDigests ?? MAX_DIGESTS;
  const loaded = new Map<string, LoadedSizes>();
  let loads = 0;

  /** @param asking is not dropped */
  function dropLeastAsked(asking: string | null): void {
    let digests = 0;
    for (const { memory } of loaded.values()) digests += memory.size;
    while (digests > maxDigests && loaded.size > 1) {
      const others = [...loaded].filter(([orgid]) => orgid !== asking);
      // Of several that were asked as little, the one that was loaded last: the others have been useful for longer.
      const [orgid, least] = others.reduce((a, b) => (b[1].asked <= a[1].asked ? b : a));
      loaded.delete(orgid);
      digests -= least.memory.size;
      for (const one of loaded.values()) one.asked /= 2;
    }
  }

  return {
    memories: {
      get: (orgid) => loaded.get(orgid)?.memory,
      need(orgid) {
        const one = loaded.get(orgid);
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
      loaded.set(head.orgid, { memory, asked: 0 });
      loads++;
      // Many organizations may ask at once. The one that waits for its answer stays.
      dropLeastAsked(head.orgid);
    },
    trim: () => dropLeastAsked(null),
    get loads() {
      return loads;
    },
  };
}

/** The lines of a chain from an entry to its head, in order. */
async function* linesFrom(options: SizeLoaderOptions, head: Head, seq: number): AsyncGenerator<string> {
  const { nc, jsm, settings, signal } = options;
  const start = head.seq === 0 ? null : await findBlockBySeq(jsm, settings, head.orgid, seq);
  if (!start) return;
  let next = start.block.trailer.first;
  // Read without an end: while nobody else writes, the chain ends at its head.
  const range = { orgid: head.orgid, from: start.streamSeq, to: Number.MAX_SAFE_INTEGER, signal };
  for await (const items of readRange(nc, jsm, chainRange(settings, range))) {
    for (const item of items) {
      if (item.kind !== 'message') continue;
      // Without the trailer, which is the last line, and the empty text after its line feed.
      const lines = decodeUtf8(item.payload).split('\n').slice(0, -2);
      for (const line of lines) if (next++ >= seq) yield line;
      if (next > head.seq) return;
    }
  }
  throw new ConsumerError('NO_ANSWER', `stopped reading back the sizes of ${head.orgid}`);
}
