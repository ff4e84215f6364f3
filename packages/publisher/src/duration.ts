/**
 * Durations that callers give: every one that reaches a timer is checked or waited for here. Node fires a timer of more
 * than 2^31-1 ms, of Infinity or of NaN after 1 ms, so that an unlimited wait would be none.
 */
import { PublisherError } from './error.ts';

/** The longest that Node's timers hold: 24.8 days. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * How long somebody waits for something: 0 or more. Infinity, or anything beyond what a timer holds, is no mistake: wait
 * with `startTimer`.
 *
 * @throws PublisherError INVALID_OPTIONS
 */
export function checkWait(name: string, ms: number): number {
  if (typeof ms === 'number' && ms >= 0) return ms;
  throw bad(name, ms, 'milliseconds, 0 or more; Infinity for no limit');
}

/** How often something is done: more than 0, and no more than a timer holds. @throws PublisherError INVALID_OPTIONS */
export function checkPeriod(name: string, ms: number): number {
  if (typeof ms === 'number' && ms > 0 && ms <= MAX_TIMER_MS) return ms;
  throw bad(name, ms, `milliseconds, more than 0 and at most ${MAX_TIMER_MS}`);
}

function bad(name: string, ms: unknown, expected: string): PublisherError {
  return new PublisherError('INVALID_OPTIONS', `${name} is ${String(ms)}, expected ${expected}`);
}

export interface Timer {
  stop(): void;
  /** It does not keep the process any more. */
  unref(): Timer;
}

/** Calls it once, after any time that `checkWait` takes: after Infinity never. It keeps the process meanwhile. */
export function startTimer(ms: number, call: () => void): Timer {
  const endsAt = performance.now() + ms;
  let timer: NodeJS.Timeout;
  let holds = true;
  const arm = (left: number): void => {
    timer = left > MAX_TIMER_MS ? setTimeout(next, MAX_TIMER_MS) : setTimeout(call, left);
    if (!holds) timer.unref();
  };
  const next = (): void => arm(endsAt - performance.now());
  arm(ms);
  const handle: Timer = {
    stop: () => clearTimeout(timer),
    unref() {
      holds = false;
      timer.unref();
      return handle;
    },
  };
  return handle;
}

/**
 * Waits for a promise, but not longer than this. The timer keeps the process alive, because somebody waits.
 *
 * @param ms any time that `checkWait` takes
 * @param late gives or throws the outcome when the time is over; what the promise does afterwards is ignored
 */
export async function within<T>(promise: Promise<T>, ms: number, late: () => T): Promise<T> {
  const { promise: tooLate, resolve } = Promise.withResolvers<null>();
  const timer = startTimer(ms, () => resolve(null));
  try {
    return await Promise.race([promise, tooLate.then(late)]);
  } finally {
    timer.stop();
  }
}

/** Milliseconds since then (`performance.now`), to the microsecond. */
export function elapsedMs(startMs: number): number {
  return Math.max(0, Math.round((performance.now() - startMs) * 1000) / 1000);
}
