/** Where to look for a moment in a chain of which some blocks are known. */
import type { BlockEnds } from './chain-search.ts';

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
  let lastLow = 0;
  let near = 0;
  let reach = 1;

  return (bracket) => {
    const { low, high, from, to } = bracket;
    const risen = (low?.streamSeq ?? 0) - lastLow;
    lastLow = low?.streamSeq ?? 0;
    turns++;
    const within = (at: number): Guess => ({ at: Math.min(Math.max(at, from), to - 1), way: 'up' });
    if (turns > MAX_GUESSES) return within(Math.floor((from + to) / 2));
    if (turns === 1) return within((low && high && !bracket.isHint && byTime(moment, low, high)) || from);
    if (near < MAX_NEAR) {
      near++;
      return risen > 0 ? within(from) : { at: to, way: 'down' };
    }
    near = 0;
    reach = 4 * Math.max(reach, risen > 0 ? risen : (high?.streamSeq ?? to) - to);
    return within(risen > 0 ? from + reach : to - reach);
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
