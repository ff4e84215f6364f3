/** Where to look for a moment in a chain of which some blocks are known. */
import type { BlockEnds } from './block-ends.ts';

/** The moment is between `low` and `high`; positions from `from` to before `to` are unknown. */
export interface Bracket {
  readonly low: BlockEnds | null;
  readonly high: BlockEnds | null;
  readonly from: number;
  readonly to: number;
  /** `low` was given, and is probably the right one. */
  readonly isHint: boolean;
}

/** Looks for one moment, before the search no longer guesses. */
const MAX_GUESSES = 12;
/** Looks at the next block in a row. */
const MAX_NEXT = 2;

/**
 * Chooses positions; at each, the search looks for the first block at or after it. First after a hint, or a block before
 * where the moment should be by time. Then after what that showed, which mostly settles it; then away from there in
 * growing steps; then in the middle, which takes about log2(n) more.
 *
 * @returns a function that gives a position in the bracket, from `from` to before `to`
 */
export function createGuess(moment: string): (bracket: Bracket) => number {
  let turns = 0;
  let nexts = 0;
  let reach = 1;
  let last = 0;

  function guess({ low, high, from, to, isHint }: Bracket): number {
    if (turns === 1) return (low && high && !isHint && byTime(moment, low, high)) || from;
    if (turns > MAX_GUESSES) return Math.floor((from + to) / 2);
    // What the last look showed is before the moment, so that the moment is after it.
    const isAfter = low !== null && low.streamSeq >= last;
    if (isAfter && nexts < MAX_NEXT) {
      nexts++;
      return from;
    }
    nexts = 0;
    reach = 2 * Math.max(reach, isAfter ? low.streamSeq - last : (high?.streamSeq ?? to) - to);
    return isAfter ? from + reach : to - reach;
  }

  return (bracket) => {
    turns++;
    last = Math.min(Math.max(guess(bracket), bracket.from), bracket.to - 1);
    return last;
  };
}

/** One block before where the moment should be; null where the two are neighbours, almost. */
function byTime(moment: string, low: BlockEnds, high: BlockEnds): number | null {
  const [start, end] = [Date.parse(low.last.received), Date.parse(high.firstReceived)];
  const share = (Date.parse(moment) - start) / (end - start);
  const distance = high.streamSeq - low.streamSeq;
  if (!(share >= 0 && share <= 1) || distance < 4) return null;
  return Math.round(low.streamSeq + distance * share - spacing(low, high));
}

/** Positions from one block to the next, if all blocks have as many entries as this one. */
function spacing(low: BlockEnds, high: BlockEnds): number {
  const between = (high.firstSeq - low.last.seq) / (low.last.seq - low.firstSeq + 1);
  return between > 0 ? (high.streamSeq - low.streamSeq) / (between + 1) : 1;
}
