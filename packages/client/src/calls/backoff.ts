import { ROUTES, type Route } from '@waybill/schema/routes';
import { ClientError, type ClientErrorCode } from '../error.ts';
import { orAborted } from '../time-limit.ts';
import type { Call } from './context.ts';

/** The same question may be answered when it is asked again. Everything else is a mistake that stays one. */
const PASSING: ReadonlySet<ClientErrorCode> = new Set([
  'RATE_LIMITED',
  'BUSY',
  'TIMED_OUT',
  'UNAVAILABLE',
  'NO_ANSWER',
  'UNREACHABLE',
  'TIMEOUT',
  'TRUNCATED',
]);
const LONGEST_DELAY_MS = 5_000;
/** A reader that sends everybody away for as long would have all of them back at once. */
const SPREAD_MS = 250;

export interface Backoff {
  /**
   * Waits until the question may be asked again.
   *
   * @throws ClientError the same one when asking again is not allowed or would not help; that of the signal
   */
  wait(error: unknown, signal: AbortSignal | undefined): Promise<void>;
  /** Something has arrived. */
  reset(): void;
}

/** @param untilMs when the call's time is over, by `performance.now()`: a wait beyond that is none */
export function createBackoff({ operation, patience }: Call, untilMs = Infinity): Backoff {
  let failures = 0;
  const { method }: Route = ROUTES[operation];
  return {
    async wait(error, signal) {
      if (!(error instanceof ClientError) || !PASSING.has(error.code) || method !== 'GET') throw error;
      if (failures >= patience.retries || signal?.aborted) throw error;
      const longest = Math.min(LONGEST_DELAY_MS, patience.retryDelayMs * 2 ** failures);
      failures++;
      const delay =
        error.retryAfterMs === undefined
          ? longest * (0.5 + Math.random() / 2)
          : error.retryAfterMs + Math.random() * SPREAD_MS;
      // Nobody waits longer for a sequence than for a whole answer. A timer that is too long would not wait at all.
      if (performance.now() + delay > untilMs || delay > patience.timeoutMs) throw error;
      await pause(delay, signal);
    },
    reset() {
      failures = 0;
    },
  };
}

/** @throws ClientError ABORTED */
export async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const passed = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  try {
    await (signal ? orAborted(passed, signal) : passed);
  } finally {
    clearTimeout(timer);
  }
}
