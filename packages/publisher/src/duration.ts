/**
 * Durations that callers pass. Every one is checked here before it reaches a timer: Node fires a timer of more than
 * 2^31-1 ms, of Infinity or of NaN after 1 ms, so an unlimited wait would be no wait.
 */
import { PublisherError } from './error.ts';

/** The longest time of Node's timers: 24.8 days. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Checks how long a caller waits: 0 or more. Infinity and other times beyond Node's timers are valid. `within` and
 * `startTimer` take them.
 *
 * @throws PublisherError INVALID_OPTIONS
 */
export function checkWait(name: string, ms: number): number {
  if (typeof ms === 'number' && ms >= 0) return ms;
  throw bad(name, ms, 'milliseconds, 0 or more; Infinity for no limit');
}

/**
 * Checks how often something is done: more than 0, and at most the longest time of a timer.
 *
 * @throws PublisherError INVALID_OPTIONS
 */
export function checkPeriod(name: string, ms: number): number {
  if (typeof ms === 'number' && ms > 0 && ms <= MAX_TIMER_MS) return ms;
  throw bad(name, ms, `milliseconds, more than 0 and at most ${MAX_TIMER_MS}`);
}

function bad(name: string, ms: unknown, expected: string): PublisherError {
  return new PublisherError('INVALID_OPTIONS', `${name} is ${String(ms)}, expected ${expected}`);
}

export interface Timer {
  stop(): void;
  /** It no longer keeps the process alive. */
  unref(): Timer;
}

/** Calls the function once, after any time that `checkWait` takes; after Infinity never. It keeps the process alive. */
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
