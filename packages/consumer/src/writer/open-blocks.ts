/**
 * The blocks that entries are collected in, one for each chain, until they are sealed and stored.
 *
 * The oldest are sealed first, a few at a time, and the others go on growing meanwhile. So a block is as old as all can be
 * when it is sealed, and twice as large as the average that is in memory; sealing all of them at once would make them half
 * as large as that. (Knuth has it of replacement selection, TAOCP 5.4.1: the snow before a plough that goes in circles.)
 */
import { type ChainState, MAX_BLOCK_BYTES, nextTrailer, SYSTEM_CHAIN } from '@waybill/schema';
import type { FoldCounts, FoldSink } from './fold.ts';
import { createLinePages, type Lines, noLines } from './line-pages.ts';

/** A block is closed when its entries have this many bytes, or when one more and the trailer might make it too large. */
const FULL_BLOCK_BYTES = 262_144;
/** The largest entry, a record of a message on the longest subject, and what a trailer has besides publishers. */
const RESERVED_BYTES = 160 * 1024;

/** A block that is not stored yet. */
interface Draft {
  readonly orgid: string;
  /** `seq` of its first entry. */
  readonly first: number;
  /** Everything of AUDIT up to here was in earlier blocks when it was begun. */
  readonly after: number;
  readonly lines: Lines;
  entries: number;
  /** When it was full, where the chain stood and what was stored; else that is asked when it is sealed. */
  trailer: ReturnType<typeof nextTrailer> | null;
}

export interface SealedBlock {
  readonly orgid: string;
  /** `seq` of the chain's block that the trailer adds to; null: it has all. */
  readonly base: number | null;
  readonly entries: number;
  readonly bytes: number;
  /** Made when it is asked for: only those blocks are in memory twice that are on their way. Not after `stored()`. */
  payload(): Buffer;
  /** To be called when it is: its memory is for others then, and it holds back no watermark any more. */
  stored(): void;
}

export interface OpenBlocks extends FoldSink {
  /** Of all that is not sealed: entries, their bytes, and blocks. */
  readonly entries: number;
  readonly bytes: number;
  readonly blocks: number;
  /** Whether a chain has entries that are not stored. */
  holds(orgid: string): boolean;
  /** Everything of AUDIT up to here has been appended, or needed not to be. */
  position: number;
  /** Everything of AUDIT up to here is stored, as far as is known here. */
  readonly watermark: number;
  /**
   * The oldest blocks, so many of them that they have about as many entries and bytes as asked for; and before them, in
   * the order of storing, all of `_system`. Never the very last block: it is for `sealAll`, which has to have one. None of a
   * chain of which a block is on its way: empty when there are only such.
   */
  sealOldest(most: { entries: number; bytes: number }): SealedBlock[];
  /** All blocks, those of `_system` first. The last one claims `position`: it must be stored when all others are. */
  sealAll(): SealedBlock[];
  /** The latest `received` of an entry that was appended; '' before the first. */
  readonly latestReceived: string;
  /** Of entries since the last call. */
  takeCounts(): FoldCounts;
}

/** @param position everything of AUDIT up to here is stored */
export function createOpenBlocks(chains: ReadonlyMap<string, ChainState>, position: number): OpenBlocks {
  const pages = createLinePages();
  /** Those that take entries. */
  const open = new Map<string, Draft>();
  /** Those that are not sealed, open or full, in the order in which they were begun. */
  const waiting = new Set<Draft>();
  const waitingOfSystem = new Set<Draft>();
  /** Those that are not stored, in the same order. */
  const unstored = new Set<Draft>();
  /** By chain: how many of its blocks are not stored, and how many of those are sealed. */
  const unstoredOf = new Map<string, { blocks: number; sealed: number }>();
  const counts = noCounts();
  let entries = 0;
  let bytes = 0;
  let latestReceived = '';
  const start = position;

  const watermarkNow = (): number => {
    const [oldest] = unstored;
    return Math.max(start, oldest ? oldest.after : position);
  };

  function begin(orgid: string, first: number): Draft {
    const draft: Draft = { orgid, first, after: position, lines: noLines(), entries: 0, trailer: null };
    open.set(orgid, draft);
    (orgid === SYSTEM_CHAIN ? waitingOfSystem : waiting).add(draft);
    unstored.add(draft);
    const own = unstoredOf.get(orgid);
    if (own) own.blocks++;
    else unstoredOf.set(orgid, { blocks: 1, sealed: 0 });
    return draft;
  }

  function trailerOf({ orgid, first }: Draft, watermark: number): ReturnType<typeof nextTrailer> {
    return nextTrailer(chains.get(orgid) as ChainState, first, watermark);
  }

  function seal(draft: Draft, watermark: number): SealedBlock {
    const { orgid, lines } = draft;
    // The chain goes on as soon as this is on its way.
    const { line: trailer, base } = draft.trailer ?? trailerOf(draft, watermark);
    const own = unstoredOf.get(orgid) as { blocks: number; sealed: number };
    own.sealed++;
    if (open.get(orgid) === draft) open.delete(orgid);
    waiting.delete(draft);
    waitingOfSystem.delete(draft);
    entries -= draft.entries;
    bytes -= lines.bytes;
    const blockBytes = lines.bytes + Buffer.byteLength(trailer) + 1;
    return {
      orgid,
      base,
      entries: draft.entries,
      bytes: blockBytes,
      payload() {
        const block = Buffer.allocUnsafe(blockBytes);
        block.write(`${trailer}\n`, pages.copy(lines, block), 'utf8');
        return block;
      },
      stored() {
        pages.release(lines);
        unstored.delete(draft);
        own.sealed--;
        if (--own.blocks === 0) unstoredOf.delete(orgid);
      },
    };
  }

  return {
    append({ head, producers }, pieces) {
      const { orgid } = head;
      const draft = open.get(orgid) ?? begin(orgid, head.seq);
      const before = draft.lines.bytes;
      pages.append(draft.lines, pieces);
      bytes += draft.lines.bytes - before;
      // Never goes back in a chain, so a message from a clock that is ahead keeps it there.
      if (head.received > latestReceived) latestReceived = head.received;
      draft.entries++;
      entries++;
      counts.entries++;
      const room = MAX_BLOCK_BYTES - RESERVED_BYTES - producers.maxBytes;
      if (draft.lines.bytes < Math.min(FULL_BLOCK_BYTES, room)) return;
      draft.trailer = trailerOf(draft, watermarkNow());
      open.delete(orgid);
    },
    counts,
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
      return waiting.size + waitingOfSystem.size;
    },
    holds: (orgid) => unstoredOf.has(orgid),
    get position() {
      return position;
    },
    set position(seq) {
      position = seq;
    },
    get watermark() {
      return watermarkNow();
    },
    sealOldest(most) {
      const watermark = watermarkNow();
      let left = waiting.size + waitingOfSystem.size - 1;
      const chosen: Draft[] = [];
      let chosenEntries = 0;
      let chosenBytes = 0;
      for (const draft of waiting) {
        if (left - waitingOfSystem.size <= 0 || chosenEntries >= most.entries || chosenBytes >= most.bytes) break;
        if ((unstoredOf.get(draft.orgid)?.sealed ?? 0) > 0) continue;
        chosen.push(draft);
        chosenEntries += draft.entries;
        chosenBytes += draft.lines.bytes;
        left--;
      }
      const ofSystem = [...waitingOfSystem].slice(0, left);
      return [...ofSystem, ...chosen].map((draft) => seal(draft, watermark));
    },
    sealAll() {
      const watermark = watermarkNow();
      const all = [...waitingOfSystem, ...waiting];
      return all.map((draft, i) => seal(draft, i === all.length - 1 ? position : watermark));
    },
    takeCounts() {
      const taken = { ...counts };
      Object.assign(counts, noCounts());
      return taken;
    },
  };
}

function noCounts(): FoldCounts {
  return { entries: 0, rejected: 0, duplicates: 0, beyondWindow: 0, gaps: 0 };
}
