/**
 * The sizes of earlier uploads, for skipped uploads that do not know theirs, loaded when one first asks.
 *
 * Most organizations never ask and cost nothing. For one that does, the last `SIZE_WINDOW` entries of its chain are
 * read back from the ledger once; from then on the fold keeps the memory up to date. Memory is bounded by evicting
 * the organizations that asked longest ago; one that asks again is read back again.
 */
import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import {
  createSizeMemory,
  decodeUtf8,
  type Entry,
  type Head,
  parseBlock,
  SIZE_WINDOW,
  type SizeMemory,
  transferOf,
} from '@waybill/schema';
import { chainRange } from './chain-range.ts';
import { findBlockBySeq } from './find-block.ts';
import { readRange } from './read-range.ts';
import type { Settings } from './settings.ts';

/** Digests in memory over all organizations, at about 200 bytes each. One organization alone stays below it. */
const MAX_DIGESTS = 1_000_000;

export interface SizeLoader {
  readonly memories: ReadonlyMap<string, SizeMemory>;
  /** Reads back the memory of one organization, whose chain must stand at `head` in the ledger. */
  load(head: Head): Promise<void>;
  /** Drops memories beyond the bound, the oldest first. */
  trim(): void;
}

export interface SizeLoaderOptions {
  readonly nc: NatsConnection;
  readonly jsm: JetStreamManager;
  readonly settings: Settings;
  /** Ends a load that is under way, which then rejects. */
  readonly signal: AbortSignal;
  readonly maxDigests?: number;
}

export function createSizeLoader(options: SizeLoaderOptions): SizeLoader {
  const maxDigests = options.maxDigests ?? MAX_DIGESTS;
  const memories = new Map<string, SizeMemory>();

  return {
    memories,
    async load(head) {
      const memory = createSizeMemory();
      for await (const { core, event } of entriesFrom(options, head, Math.max(1, head.seq + 1 - SIZE_WINDOW))) {
        const transfer = event && transferOf(event);
        if (transfer) memory.note(core.seq, transfer, core.volume);
      }
      memories.delete(head.orgid);
      memories.set(head.orgid, memory);
    },
    trim() {
      let digests = 0;
      for (const memory of memories.values()) digests += memory.size;
      for (const [orgid, memory] of memories) {
        if (digests <= maxDigests || memories.size === 1) return;
        memories.delete(orgid);
        digests -= memory.size;
      }
    },
  };
}

/** The entries of a chain from `seq` to its head, in order. */
async function* entriesFrom(options: SizeLoaderOptions, head: Head, seq: number): AsyncGenerator<Entry> {
  const { nc, jsm, settings, signal } = options;
  const start = head.seq === 0 ? null : await findBlockBySeq(jsm, settings, head.orgid, seq);
  if (!start) return;
  // Its end is looked up: a chain ends at its head, while nobody else writes.
  const range = { orgid: head.orgid, from: start.streamSeq, to: Number.MAX_SAFE_INTEGER, signal };
  for await (const items of readRange(nc, jsm, chainRange(settings, range))) {
    for (const item of items) {
      if (item.kind !== 'message') continue;
      for (const entry of parseBlock(decodeUtf8(item.payload)).entries) {
        if (entry.core.seq >= seq) yield entry;
        if (entry.core.seq === head.seq) return;
      }
    }
  }
  throw new Error(`stopped reading back the sizes of ${head.orgid}`);
}
