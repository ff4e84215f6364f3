import type { Event } from '@waybill/schema';
import { within } from '../duration.ts';

/** Callers that wait for an event. */
export class EventWatchers {
  readonly #watchers = new Set<(event: Event) => void>();

  tell(event: Event): void {
    for (const watcher of this.#watchers) watcher(event);
  }

  /** The next event that matches. @param late throws when the time is over */
  async next(matches: (event: Event) => boolean, timeoutMs: number, late: () => never): Promise<Event> {
    const { promise, resolve, reject } = Promise.withResolvers<Event>();
    const watcher = (event: Event): void => {
      try {
        if (matches(event)) resolve(event);
      } catch (error) {
        // The function is the waiting caller's, so the error is, too.
        reject(error);
      }
    };
    this.#watchers.add(watcher);
    try {
      return await within(promise, timeoutMs, late);
    } finally {
      this.#watchers.delete(watcher);
    }
  }
}
