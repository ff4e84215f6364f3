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

export interface Guess {
  readonly at: number;
  /** `up`: the first block at or after the position; `down`: the last one before it. */
  readonly way: 'up' | 'down';
}

/** Looks for one moment, before the search no longer guesses. */
const MAX_GUESSES = 12;
/** Looks at neighbours in a row. */
const MAX_NEAR = 2;

/**
 * First after a hint, or where the moment should be by time. Then at the neighbours of what that showed, which mostly
 * settles it; then away from there in growing steps; then in the middle, which takes about log2(n) more.
 */
export function createGuess(moment: string): (bracket: Bracket) => Guess {
  let turns = 0;
  let near = 0;
  let reach = 1;
  let last = 0;

  function guess({ low, high, from, to, isHint }: Bracket): Guess {
    if (turns === 1) return { at: (low && high && !isHint && byTime(moment, low, high)) || from, way: 'up' };
    if (turns > MAX_GUESSES) return { at: Math.floor((from + to) / 2), way: 'up' };
    // What the last look showed is before the moment, so that the moment is after it.
    const isAfter = low !== null && low.streamSeq >= last;
    if (near < MAX_NEAR) {
      near++;
      return isAfter ? { at: from, way: 'up' } : { at: to, way: 'down' };
    }
    near = 0;
    reach = 4 * Math.max(reach, isAfter ? low.streamSeq - last : (high?.streamSeq ?? to) - to);
    return { at: isAfter ? from + reach : to - reach, way: 'up' };
  }

  return (bracket) => {
    turns++;
    const { at, way } = guess(bracket);
    last = way === 'up' ? Math.min(Math.max(at, bracket.from), bracket.to - 1) : at;
    return { at: last, way };
  };
}

/** Null where the two are neighbours, almost. */
function byTime(moment: string, low: BlockEnds, high: BlockEnds): number | null {
  const [start, end] = [Date.parse(low.last.received), Date.parse(high.firstReceived)];
  const share = (Date.parse(moment) - start) / (end - start);
  const distance = high.streamSeq - low.streamSeq;
  if (!(share >= 0 && share <= 1) || distance < 4) return null;
  return low.streamSeq + Math.floor(distance * share);
}
