/**
 * Finds where moments cut a chain, with few requests and however long the chain is. Pure: it asks for blocks through
 * `next`, and knows no server.
 *
 * What is known of the chain is a list of blocks. Each also says from which position on no other block precedes it. A
 * moment lies between two known blocks; it is found when nothing can be between those. Each request halves what is
 * between, or does better: a guess by time comes first, then steps of growing length away from it.
 */
import type { Totals } from '@waybill/schema';
import { inParallel } from '../in-parallel.ts';

/** An entry, as far as usage needs it. */
export interface Edge {
  /** Where its block is in the ledger stream. */
  readonly streamSeq: number;
  readonly seq: number;
  readonly hash: string;
  /** UTC, milliseconds. */
  readonly received: string;
  readonly totals: Totals;
}

/** A block of the chain, without its entries. */
export interface BlockEnds {
  /** Its sequence in the ledger stream. */
  readonly streamSeq: number;
  readonly firstReceived: string;
  readonly last: Edge;
}

/** Where a moment cuts a chain: between its last entry received before then, and the next one. */
export interface Cut {
  /** null: there is none on that side. */
  readonly before: Edge | null;
  /** `received` of the next entry. */
  readonly after: string | null;
}

export interface ChainSource {
  /** The chain's first block at or after a position; null when there is none up to `upTo`. By the leader's word. */
  readonly next: (streamSeq: number) => Promise<BlockEnds | null>;
  /** The entries of a block, for a moment that lies within it. */
  readonly entriesOf: (streamSeq: number) => Promise<BlockEntries>;
  /** The last position of the ledger stream that counts. */
  readonly upTo: number;
}

/** The entries of one block; each is parsed when it is asked for. */
export interface BlockEntries {
  readonly length: number;
  at(index: number): Edge;
}

export interface ChainSearch {
  /** Takes a block of the chain. One that is right before a moment saves requests. */
  addHint(block: BlockEnds): void;
  /** Takes the last block that counts, by the leader's word. */
  addNewest(block: BlockEnds): void;
  /** The chain has no block, by the leader's word. */
  addNothing(): void;
  /**
   * The cuts at these moments, which may be in any order: of the entries with `received` before a moment, the last.
   *
   * @throws whatever `next` and `entriesOf` throw
   */
  cutsAt(moments: readonly string[]): Promise<Map<string, Cut>>;
}

/** After all other texts of times: a chain's end. */
export const END_OF_CHAIN = '~';

const REQUESTS_AT_ONCE = 64;
/** Of many moments, first some: what they show settles most of the others where the chain has few blocks. */
const STRIDES = [64, 8, 1] as const;
/** Requests for one moment, before the search no longer guesses. */
const MAX_GUESSES = 12;
const MAX_NEXTS = 2;

interface KnownBlock extends BlockEnds {
  /** The chain has no block from here to this one. */
  emptyFrom: number;
  /** It was given, and is probably the one before a moment. */
  readonly isHint: boolean;
}

/** Between `low` and `high`, positions from `from` to before `to` are unknown. */
interface Bracket {
  readonly low: KnownBlock | null;
  readonly high: KnownBlock | null;
  readonly from: number;
  readonly to: number;
}

export function createChainSearch({ next, entriesOf, upTo }: ChainSource): ChainSearch {
  /** By position, and so by time. */
  const blocks: KnownBlock[] = [];
  let emptyAtEnd = upTo + 1;

  function insert(block: BlockEnds, emptyFrom: number, isHint: boolean): void {
    const index = firstIndex(blocks, (known) => known.streamSeq >= block.streamSeq);
    const known = blocks[index];
    if (known?.streamSeq === block.streamSeq) known.emptyFrom = Math.min(known.emptyFrom, emptyFrom);
    else blocks.splice(index, 0, { ...block, emptyFrom, isHint });
  }

  function bracketOf(moment: string): Bracket {
    const index = firstIndex(blocks, ({ firstReceived }) => firstReceived >= moment);
    const [low = null, high = null] = [blocks[index - 1], blocks[index]];
    return { low, high, from: (low?.streamSeq ?? 0) + 1, to: high?.emptyFrom ?? emptyAtEnd };
  }

  async function probe(streamSeq: number): Promise<void> {
    const block = await next(streamSeq);
    if (block) insert(block, streamSeq, false);
    else emptyAtEnd = Math.min(emptyAtEnd, streamSeq);
  }

  async function settle(moments: readonly string[]): Promise<void> {
    let open = moments.map((moment) => ({ moment, guess: createGuess(moment) }));
    for (;;) {
      open = open.filter(({ moment }) => isOpen(bracketOf(moment)));
      if (open.length === 0) return;
      const wanted = new Set(open.map(({ moment, guess }) => guess(bracketOf(moment))));
      await inParallel([...wanted], REQUESTS_AT_ONCE, probe);
    }
  }

  return {
    addHint(block) {
      if (block.streamSeq <= upTo) insert(block, block.streamSeq, true);
    },
    addNewest(block) {
      insert(block, block.streamSeq, false);
      emptyAtEnd = Math.min(emptyAtEnd, block.streamSeq + 1);
    },
    addNothing() {
      emptyAtEnd = 1;
    },
    async cutsAt(moments) {
      const sorted = [...new Set(moments)].toSorted();
      // With both ends of the chain, a guess by time is possible.
      if (emptyAtEnd > 1 && sorted.length > 0 && !blocks.some(({ isHint }) => isHint)) await probe(1);
      for (const stride of STRIDES) await settle(sorted.filter((_, i) => i % stride === 0 || i === sorted.length - 1));
      const read = createReadOnce(entriesOf);
      const cuts = await inParallel(sorted, REQUESTS_AT_ONCE, async (moment) => {
        const { low, high } = bracketOf(moment);
        if (!low) return { before: null, after: high?.firstReceived ?? null };
        if (low.last.received < moment) return { before: low.last, after: high?.firstReceived ?? null };
        return cutWithin(await read(low.streamSeq), moment);
      });
      return new Map(sorted.map((moment, i) => [moment, cuts[i] as Cut]));
    },
  };
}

function isOpen({ from, to }: Bracket): boolean {
  return from < to;
}

/**
 * Where to look next for one moment. First after a hint, or where the moment should be by time. Then the blocks right
 * after the nearest one before it, which mostly settles it; then away from there in growing steps; then in the middle.
 */
function createGuess(moment: string): (bracket: Bracket) => number {
  let turns = 0;
  let lastLow = 0;
  /** Successors that were asked for in a row. */
  let nexts = 0;
  let reach = 1;

  return ({ low, high, from, to }) => {
    const seq = low?.streamSeq ?? 0;
    const risen = seq - lastLow;
    lastLow = seq;
    turns++;
    let guess = from;
    if (turns > MAX_GUESSES) guess = Math.floor((from + to) / 2);
    else if (turns === 1) guess = (low && high && !low.isHint && byTime(moment, low, high)) || from;
    else if (risen > 0 && nexts >= MAX_NEXTS) guess = seq + (reach = 2 * Math.max(reach, risen));
    else if (risen === 0) guess = to - (reach = 2 * Math.max(reach, (high?.streamSeq ?? to) - to));
    guess = Math.min(Math.max(guess, from), to - 1);
    nexts = guess === from ? nexts + 1 : 0;
    return guess;
  };
}

/** Null where the two are so near that the next block is a better guess. */
function byTime(moment: string, low: BlockEnds, high: BlockEnds): number | null {
  const [start, end] = [Date.parse(low.last.received), Date.parse(high.firstReceived)];
  const share = (Date.parse(moment) - start) / (end - start);
  const distance = high.streamSeq - low.streamSeq;
  if (!(share >= 0 && share <= 1) || distance < 4) return null;
  return low.streamSeq + Math.floor(distance * share);
}

/** The cut in a block whose first entry is before the moment, and whose last one is not. */
function cutWithin(entries: BlockEntries, moment: string): Cut {
  let [low, high] = [0, entries.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (entries.at(middle).received < moment) low = middle;
    else high = middle;
  }
  return { before: entries.at(low), after: entries.at(high).received };
}

/** Several moments may lie within one block, which is read once. */
function createReadOnce(entriesOf: ChainSource['entriesOf']): ChainSource['entriesOf'] {
  const reads = new Map<number, Promise<BlockEntries>>();
  return (streamSeq) => {
    const read = reads.get(streamSeq) ?? entriesOf(streamSeq);
    reads.set(streamSeq, read);
    return read;
  };
}

/** The first index for which it holds, where it holds for all after that; the length when it never does. */
function firstIndex<T>(items: readonly T[], holds: (item: T) => boolean): number {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(items[middle] as T)) high = middle;
    else low = middle + 1;
  }
  return low;
}
