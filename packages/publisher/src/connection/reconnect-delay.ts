import type { BackoffBounds } from '../backoff.ts';

export interface ReconnectDelay {
  /** Milliseconds to wait before the client dials again. */
  next(): number;
  /** The connection is there. */
  reset(): void;
}

/**
 * The client's waits between dials: random, below a bound that grows with the time since the connection was lost. It
 * does not grow with the number of calls, because the client asks several times for each dial.
 */
export function createReconnectDelay({ minMs, maxMs }: BackoffBounds): ReconnectDelay {
  let downSince = 0;
  return {
    next() {
      const now = performance.now();
      if (downSince === 0) downSince = now;
      return Math.random() * Math.min(maxMs, Math.max(minMs, (now - downSince) / 2));
    },
    reset() {
      downSince = 0;
    },
  };
}
