/**
 * Anti-replay windows (the idea of RFC 4303 §3.4.3): which of a publisher's events a chain has already.
 *
 * A sequence number above `last` is new; one that is missing below it is late and welcome; any other was chained
 * before. Bounded: the `MAX_PRODUCERS` publishers last seen, and for each the `MAX_MISSING` highest gaps. What falls
 * out is treated as chained: an event of a forgotten gap goes to the `_system` chain with its payload instead of
 * being counted twice. A forgotten publisher is new again.
 */
import * as z from 'zod';

/** Publishers that a chain remembers: those that it saw last. */
export const MAX_PRODUCERS = 64;
/** Gaps per publisher. One gap has any length. */
export const MAX_MISSING = 64;

/** Inclusive. */
export type SequenceRange = readonly [first: number, last: number];

const Count = z.int().min(1);

export const ProducerWindow = z
  .object({
    /** The highest sequence number chained. */
    last: Count,
    /** Numbers below it that have not come, as ascending inclusive ranges. */
    missing: z.array(z.tuple([Count, Count])),
    /** The chain's `seq` when the publisher was last seen: says who is forgotten first. */
    seen: Count,
  })
  .refine(isAscending, 'expected ascending ranges below last');
export interface ProducerWindow {
  last: number;
  missing: SequenceRange[];
  seen: number;
}

export const ProducerWindows = z.record(z.string(), ProducerWindow);
/** By boot id. Mutable: it belongs to the one who folds the chain. */
export type ProducerWindows = Map<string, ProducerWindow>;

export interface WindowLimits {
  readonly producers: number;
  readonly missing: number;
}

const LEDGER_LIMITS: WindowLimits = { producers: MAX_PRODUCERS, missing: MAX_MISSING };

/**
 * Takes in one event as the chain's entry `seq`.
 *
 * @returns false, and changes nothing, when the chain has the event already
 */
export function admit(
  windows: ProducerWindows,
  producer: string,
  sequence: number,
  seq: number,
  limits = LEDGER_LIMITS,
): boolean {
  const window = windows.get(producer);
  if (!window) {
    if (windows.size >= limits.producers) forgetOldest(windows);
    windows.set(producer, { last: sequence, missing: sequence > 1 ? [[1, sequence - 1]] : [], seen: seq });
    return true;
  }
  if (sequence > window.last) {
    if (sequence > window.last + 1) {
      window.missing.push([window.last + 1, sequence - 1]);
      if (window.missing.length > limits.missing) window.missing.shift();
    }
    window.last = sequence;
  } else if (!fill(window.missing, sequence, limits.missing)) {
    return false;
  }
  window.seen = seq;
  return true;
}

/** Takes one number out of the ranges; false when it is in none. */
function fill(missing: SequenceRange[], sequence: number, limit: number): boolean {
  // The first range that does not end before it: by halves, because a verifier keeps every gap.
  let i = 0;
  for (let end = missing.length; i < end;) {
    const middle = (i + end) >>> 1;
    if ((missing[middle] as SequenceRange)[1] < sequence) i = middle + 1;
    else end = middle;
  }
  const range = missing[i];
  if (!range || sequence < range[0]) return false;
  const rest: SequenceRange[] = [];
  if (range[0] < sequence) rest.push([range[0], sequence - 1]);
  if (sequence < range[1]) rest.push([sequence + 1, range[1]]);
  missing.splice(i, 1, ...rest);
  if (missing.length > limit) missing.shift();
  return true;
}

export function copyWindow({ last, missing, seen }: Readonly<ProducerWindow>): ProducerWindow {
  return { last, missing: [...missing], seen };
}

function isAscending({ last, missing }: ProducerWindow): boolean {
  return missing.every(([from, to], i) => from <= to && from > (missing[i - 1]?.[1] ?? 0) && to < last);
}

function forgetOldest(windows: ProducerWindows): void {
  let oldest: string | undefined;
  let seen = Infinity;
  for (const [producer, window] of windows) {
    if (window.seen < seen) {
      oldest = producer;
      seen = window.seen;
    }
  }
  if (oldest !== undefined) windows.delete(oldest);
}
