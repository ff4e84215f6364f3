/**
 * Durations that callers give: every one that reaches a timer is checked here. Node fires a timer of more than 2^31-1 ms,
 * of Infinity or of NaN after 1 ms, so that a long pause would be none.
 */
import { ConsumerError } from './errors.ts';

/** A day: as long as the longest setting, and far from what timers hold also when it is multiplied. */
const MAX_PERIOD_MS = 86_400_000;

/** How often, or after how long, something is done by a timer: more than 0. @throws ConsumerError BAD_ARGUMENT */
export function checkPeriod(name: string, ms: number): number {
  if (typeof ms === 'number' && ms > 0 && ms <= MAX_PERIOD_MS) return ms;
  throw bad(name, ms, `milliseconds, more than 0 and at most ${MAX_PERIOD_MS}`);
}

/** How long something is waited for by looking at the clock: 0 or more. @throws ConsumerError BAD_ARGUMENT */
export function checkWait(name: string, ms: number): number {
  if (typeof ms === 'number' && ms >= 0) return ms;
  throw bad(name, ms, 'milliseconds, 0 or more; Infinity for no limit');
}

function bad(name: string, ms: unknown, expected: string): ConsumerError {
  return new ConsumerError('BAD_ARGUMENT', `${name} is ${String(ms)}: expected ${expected}`);
}
