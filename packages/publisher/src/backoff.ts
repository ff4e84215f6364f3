/**
 * Waits with full jitter: random, below a bound that doubles, so that many publishers do not retry at the same moment.
 */
export interface Backoff {
  /** Milliseconds to wait before the next try. */
  next(): number;
  reset(): void;
}

export interface BackoffBounds {
  readonly minMs: number;
  readonly maxMs: number;
}

export function createBackoff({ minMs, maxMs }: BackoffBounds): Backoff {
  let tries = 0;
  return {
    next: () => Math.random() * Math.min(maxMs, minMs * 2 ** Math.min(tries++, 30)),
    reset() {
      tries = 0;
    },
  };
}
