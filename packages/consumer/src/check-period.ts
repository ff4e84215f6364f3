/**
 * Checks durations that callers give. Every duration that reaches a timer is checked here: Node fires a timer of more
 * than 2^31-1 ms, of Infinity or of NaN after 1 ms.
 */
import { ConsumerError } from './errors.ts';

/** A day: longer than any sensible setting. A few times as long still fits into a timer. */
const MAX_PERIOD_MS = 86_400_000;

/** For a timer: more than 0. @throws ConsumerError BAD_ARGUMENT */
export function checkPeriod(name: string, ms: number): number {
  if (typeof ms === 'number' && ms > 0 && ms <= MAX_PERIOD_MS) return ms;
  throw bad(name, ms, `milliseconds, more than 0 and at most ${MAX_PERIOD_MS}`);
}

/** For a wait that ends by the clock and not by a timer: 0 or more. @throws ConsumerError BAD_ARGUMENT */
export function checkWait(name: string, ms: number): number {
  if (typeof ms === 'number' && ms >= 0) return ms;
  throw bad(name, ms, 'milliseconds, 0 or more; Infinity for no limit');
}

function bad(name: string, ms: unknown, expected: string): ConsumerError {
  return new ConsumerError('BAD_ARGUMENT', `${name} is ${String(ms)}: expected ${expected}`);
}
