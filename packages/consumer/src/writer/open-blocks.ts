/**
 * The blocks that entries are collected in, one for each chain, until they are sealed and stored.
 *
 * The oldest blocks are sealed first, a few at a time, and the others go on growing meanwhile. So a block is as old as
 * possible when it is sealed, and twice as large as the average block in memory. If all were sealed at once, they would
 * be half that size. (Knuth describes this for replacement selection in TAOCP 5.4.1: a snow plough that goes in
 * circles.)
 */
import { type ChainState, MAX_BLOCK_BYTES, nextTrailer } from '@waybill/schema/internal';
import { createDrafts, type Draft, type Drafts } from './drafts.ts';
import type { EntrySink } from './fold.ts';
import { createLinePages } from './line-pages.ts';
import type { Watermark } from './watermark.ts';

/** A block is closed when its entries have this many bytes, or when one more entry might make it too large. */
const FULL_BLOCK_BYTES = 262_144;
/**
 * Room for the largest entry (a record of a message on the longest subject), and for a trailer without its publishers.
 */
const RESERVED_BYTES = 160 * 1024;

/** A block that is on its way. */
export interface SealedBlock {
  readonly orgid: string;
  /** `seq` of the chain's block that the trailer adds to; null when the trailer has all publishers. */
  readonly base: number | null;
  readonly entries: number;
  readonly bytes: number;
  /** Whether one of its entries records how the streams are configured. */
  readonly hasStreamRecord: boolean;
  /**
   * Makes the block's bytes. Only blocks that are being sent are in memory twice. Do not call it after `stored()`.
   */
  payload(): Buffer;
  /** Call it when the block is stored. It frees the block's memory, and its hold on the watermark. */
  stored(): void;
}

/** How much to seal, about. */
export interface SealLimit {
  readonly entries: number;
  readonly bytes: number;
}

export interface OpenBlocks extends EntrySink {
  /** Entries in blocks that are not sealed, the bytes of their lines, and how many blocks there are. */
  readonly entries: number;
  readonly bytes: number;
  readonly blocks: number;
  /** Whether a chain has entries that are not stored. */
  holds(orgid: string): boolean;
  /**
   * Seals the oldest blocks, up to a limit, and all blocks of `_system`, which come first. Leaves the very last block
   * for `sealAll`, which needs one. Skips chains that have a block on its way: empty when every chain has one.
   */
  sealOldest(limit: SealLimit): SealedBlock[];
  /**
   * Seals all blocks, those of `_system` first. The last one claims the watermark, unless it was full before
   * (`Watermark.claimed`): it must be stored after all others.
   */
  sealAll(): SealedBlock[];
  /** The latest `received` of an entry that was appended; '' before the first. */
  readonly latestReceived: string;
}

export function createOpenBlocks(chains: ReadonlyMap<string, ChainState>, watermark: Watermark): OpenBlocks {
  const pages = createLinePages();
  const drafts = createDrafts(watermark);
  let entries = 0;
  let bytes = 0;
  let latestReceived = '';

  function trailerOf({ orgid, first }: Draft, claimed: number): ReturnType<typeof nextTrailer> {
    return nextTrailer(chains.get(orgid) as ChainState, first, claimed);
  }

  function seal(draft: Draft, claimed: number): SealedBlock {
    const { orgid, lines, hasStreamRecord } = draft;
    // Made now: the chain goes on as soon as this block is on its way.
    const { line: trailer, base } = draft.trailer ?? trailerOf(draft, claimed);
    drafts.seal(draft);
    entries -= draft.entries;
    bytes -= lines.bytes;
    const blockBytes = lines.bytes + Buffer.byteLength(trailer) + 1;
    return {
      orgid,
      base,
      entries: draft.entries,
      bytes: blockBytes,
      hasStreamRecord,
      payload() {
        const block = Buffer.allocUnsafe(blockBytes);
        block.write(`${trailer}\n`, pages.copy(lines, block), 'utf8');
        return block;
      },
      stored() {
        pages.release(lines);
        drafts.remove(draft);
      },
    };
  }

  return {
    append({ head, producers }, line, kind) {
      const { orgid } = head;
      const draft = drafts.open.get(orgid) ?? drafts.begin(orgid, head.seq);
      const before = draft.lines.bytes;
      pages.append(draft.lines, line);
      bytes += draft.lines.bytes - before;
      // A chain's `received` never goes back: after a message from a clock that is ahead, it stays there.
      if (head.received > latestReceived) latestReceived = head.received;
      draft.entries++;
      entries++;
      if (kind === 'streams') draft.hasStreamRecord = true;
      const room = MAX_BLOCK_BYTES - RESERVED_BYTES - producers.maxBytes;
      if (draft.lines.bytes < Math.min(FULL_BLOCK_BYTES, room)) return;
      draft.trailer = trailerOf(draft, watermark.stored);
      drafts.close(draft);
    },
    get latestReceived() {
      return latestReceived;
    },
    get entries() {
      return entries;
    },
    get bytes() {
      return bytes;
    },
    get blocks() {
      return drafts.size;
    },
    holds: drafts.holds,
    sealOldest(limit) {
      const { stored } = watermark;
      return oldestOf(drafts, limit).map((draft) => seal(draft, stored));
    },
    sealAll() {
      const { stored } = watermark;
      const all = [...drafts.unsealedOfSystem, ...drafts.unsealed];
      const last = all.at(-1);
      // A block that was full before has its trailer already, and claims what was stored then.
      return all.map((draft) => seal(draft, draft === last && draft.trailer === null ? watermark.claim() : stored));
    },
  };
}

/** See `sealOldest`. */
function oldestOf({ unsealed, unsealedOfSystem, isOnItsWay }: Drafts, limit: SealLimit): Draft[] {
  const chosen: Draft[] = [];
  /** Of all, without the very last one. */
  let left = unsealed.size + unsealedOfSystem.size - 1;
  let entries = 0;
  let bytes = 0;
  for (const draft of unsealed) {
    if (left - unsealedOfSystem.size <= 0 || entries >= limit.entries || bytes >= limit.bytes) break;
    if (isOnItsWay(draft.orgid)) continue;
    chosen.push(draft);
    entries += draft.entries;
    bytes += draft.lines.bytes;
    left--;
  }
  return [...[...unsealedOfSystem].slice(0, left), ...chosen];
}
