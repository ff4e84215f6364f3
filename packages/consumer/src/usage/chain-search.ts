/**
 * Finds where moments cut a chain, with few requests and however long the chain is. Pure: it asks for blocks through a
 * `ChainSource`, and knows no server.
 *
 * What is known of the chain is a list of blocks. A moment lies between two of them, and is found when the second one
 * continues the first: their entries are numbered, so any replica's blocks prove it. Only where a block seems to be
 * missing, and at the end of the chain, does the leader's word count.
 */
import { inParallel } from '../in-parallel.ts';
import type { BlockEnds, Edge } from './block-ends.ts';
import { type Bracket, createGuess } from './search-guess.ts';

/** Where a moment cuts a chain: between its last entry received before then, and the next one. */
export interface Cut {
  /** null: there is none on that side. */
  readonly before: Edge | null;
  /** `received` of the next entry. */
  readonly after: string | null;
}

export interface ChainSource {
  /** The chain's first block at or after a position, as any replica has it; null when there is none up to `upTo`. */
  readonly next: (streamSeq: number) => Promise<BlockEnds | null>;
  /** The same by the leader's word. */
  readonly nextByLeader: (streamSeq: number) => Promise<BlockEnds | null>;
  /** The entries of a block, for a moment that lies within it. */
  readonly entriesOf: (streamSeq: number) => Promise<BlockEntries>;
  /** The last position of the ledger stream that counts. */
  readonly upTo: number;
}

/** The entries of one block; each is parsed when it is asked for. */
interface BlockEntries {
  readonly length: number;
  at(index: number): Edge;
}

export interface ChainSearch {
  /** Takes a block of the chain. One that is right before a moment saves requests. */
  addHint(block: BlockEnds): void;
  /** Takes the last block that counts, by the leader's word; null: there is none. */
  addNewest(block: BlockEnds | null): void;
  /**
   * The cuts at these moments, which may be in any order: of the entries with `received` before a moment, the last.
   *
   * @throws whatever the source throws
   */
  cutsAt(moments: readonly string[]): Promise<Map<string, Cut>>;
}

/** After all other texts of times: a chain's end. */
export const END_OF_CHAIN = '~';

const REQUESTS_AT_ONCE = 64;
/** Of many moments, first some: what they show settles most of the others where the chain has few blocks. */
const STRIDES = [64, 8, 1] as const;

interface KnownBlock {
  readonly ends: BlockEnds;
  /** From here to this block there is no other, as somebody said; `sureFrom`: as the leader said. */
  emptyFrom: number;
  sureFrom: number;
  readonly isHint: boolean;
}

interface KnownBlocks {
  /** By position, and so by time. */
  readonly blocks: KnownBlock[];
  /** The same as of a block, for the place after the last one. */
  readonly end: { emptyFrom: number; sureFrom: number };
  insert(block: BlockEnds, isHint?: boolean): KnownBlock;
  /** The first known block from a position on, or the end. */
  firstFrom(streamSeq: number): { emptyFrom: number; sureFrom: number };
  /** The known blocks that a moment lies between. `isOpen`: there may be others between them. */
  bracketOf(moment: string): Bracket & { readonly isOpen: boolean };
}

function createKnownBlocks(upTo: number): KnownBlocks {
  const blocks: KnownBlock[] = [];
  const end = { emptyFrom: upTo + 1, sureFrom: upTo + 1 };
  return {
    blocks,
    end,
    insert(block, isHint = false) {
      const { streamSeq } = block;
      const index = firstIndex(blocks, ({ ends }) => ends.streamSeq >= streamSeq);
      const known = blocks[index];
      if (known?.ends.streamSeq === streamSeq) return known;
      const added = { ends: block, emptyFrom: streamSeq, sureFrom: streamSeq, isHint };
      blocks.splice(index, 0, added);
      return added;
    },
    firstFrom: (streamSeq) => blocks[firstIndex(blocks, ({ ends }) => ends.streamSeq >= streamSeq)] ?? end,
    bracketOf(moment) {
      const index = firstIndex(blocks, ({ ends }) => ends.firstReceived >= moment);
      const [low = null, high = null] = [blocks[index - 1]?.ends, blocks[index]?.ends];
      const from = (low?.streamSeq ?? 0) + 1;
      const { emptyFrom, sureFrom } = blocks[index] ?? end;
      const isOpen = sureFrom > from && high?.firstSeq !== (low?.last.seq ?? 0) + 1;
      return { low, high, from, to: emptyFrom, isOpen, isHint: blocks[index - 1]?.isHint === true };
    },
  };
}

export function createChainSearch(source: ChainSource): ChainSearch {
  const { upTo, entriesOf } = source;
  const { blocks, end, insert, firstFrom, bracketOf } = createKnownBlocks(upTo);
  let isTrusted = true;

  async function askLeader(streamSeq: number): Promise<void> {
    const block = await source.nextByLeader(streamSeq);
    const isNew = block !== null && !blocks.some(({ ends }) => ends.streamSeq === block.streamSeq);
    if (block) insert(block);
    const above = firstFrom(streamSeq);
    above.sureFrom = Math.min(above.sureFrom, streamSeq);
    above.emptyFrom = Math.min(above.emptyFrom, streamSeq);
    // A replica lacks this block, and may lack others: from now on, only the leader is asked.
    if (isNew && isTrusted) {
      isTrusted = false;
      for (const one of [...blocks, end]) one.emptyFrom = one.sureFrom;
    }
  }

  async function lookUp(streamSeq: number): Promise<void> {
    if (!isTrusted) return askLeader(streamSeq);
    const block = await source.next(streamSeq);
    if (block) insert(block);
    // Mostly that block; a nearer one that is known already, where this replica lacks it.
    const above = firstFrom(streamSeq);
    above.emptyFrom = Math.min(above.emptyFrom, streamSeq);
  }

  async function settle(moments: readonly string[]): Promise<void> {
    const wanted = moments.map((moment) => ({ moment, guess: createGuess(moment) }));
    for (;;) {
      const probes = new Map<string, () => Promise<void>>();
      for (const { moment, guess } of wanted) {
        const bracket = bracketOf(moment);
        if (!bracket.isOpen) continue;
        const { from, to } = bracket;
        const at = from < to ? guess(bracket) : from;
        probes.set(`${at} ${from < to}`, () => (from < to ? lookUp(at) : askLeader(at)));
      }
      if (probes.size === 0) return;
      await inParallel([...probes.values()], REQUESTS_AT_ONCE, (probe) => probe());
    }
  }

  return {
    addHint(block) {
      if (block.streamSeq <= upTo) insert(block, true);
    },
    addNewest(block) {
      if (block) insert(block);
      end.emptyFrom = end.sureFrom = (block?.streamSeq ?? 0) + 1;
    },
    async cutsAt(moments) {
      const sorted = [...new Set(moments)].toSorted();
      // With both ends of the chain, a guess by time is possible.
      if (end.emptyFrom > 1 && sorted.length > 0 && !blocks.some(({ isHint }) => isHint)) await lookUp(1);
      for (const stride of STRIDES) await settle(sorted.filter((_, i) => i % stride === 0 || i === sorted.length - 1));
      const read = createReadOnce(entriesOf);
      const cuts = await inParallel(sorted, REQUESTS_AT_ONCE, async (moment) => {
        const { low, high } = bracketOf(moment);
        if (low && low.last.received >= moment) return cutWithin(await read(low.streamSeq), moment);
        return { before: low?.last ?? null, after: high?.firstReceived ?? null };
      });
      return new Map(sorted.map((moment, i) => [moment, cuts[i] as Cut]));
    },
  };
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
