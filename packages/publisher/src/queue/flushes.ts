import { within } from '../duration.ts';

interface Flush {
  /** Events with ordinals below this one are waited for. */
  readonly below: number;
  /** How many of them are not settled. */
  left: number;
  done(): void;
}

/** Calls of `flush` and `close` that wait until everything that was emitted before them is settled. */
export class Flushes {
  readonly #flushes = new Set<Flush>();

  /** @param unsettled how many of them are not settled @returns true once all are; false after the time */
  async wait(below: number, unsettled: number, timeoutMs: number): Promise<boolean> {
    if (unsettled === 0) return true;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const flush: Flush = { below, left: unsettled, done: () => resolve(true) };
    this.#flushes.add(flush);
    try {
      return await within(promise, timeoutMs, () => false);
    } finally {
      this.#flushes.delete(flush);
    }
  }

  settled(ordinal: number): void {
    for (const flush of this.#flushes) {
      if (ordinal < flush.below && --flush.left <= 0) flush.done();
    }
  }

  /** The oldest events on disk cannot be read. */
  lost(events: number): void {
    for (const flush of this.#flushes) {
      flush.left -= events;
      if (flush.left <= 0) flush.done();
    }
  }
}
