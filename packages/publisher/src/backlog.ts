/**
 * Everything that was accepted and is not settled yet, wherever it is (queued, in flight, parked): its bounds and
 * who waits for it.
 */
import type { PendingEvent } from './pending-event.ts';

export interface Backlog {
  readonly events: number;
  readonly bytes: number;
  /** The ordinal for the next event. */
  readonly nextOrdinal: number;
  hasRoom(bytes: number): boolean;
  add(event: PendingEvent): void;
  /** Its text is known now, and with it its size. */
  resize(event: PendingEvent, bytes: number): void;
  remove(event: PendingEvent): void;
  /** true once every event that is in now has been removed; false after the time. */
  whenSettled(timeoutMs: number): Promise<boolean>;
}

interface Watcher {
  /** Ordinals below this one are waited for. */
  readonly below: number;
  left: number;
  done(): void;
}

export function createBacklog(bounds: { readonly maxEvents: number; readonly maxBytes: number }): Backlog {
  let events = 0;
  let bytes = 0;
  let nextOrdinal = 0;
  const watchers = new Set<Watcher>();

  return {
    get events() {
      return events;
    },
    get bytes() {
      return bytes;
    },
    get nextOrdinal() {
      return nextOrdinal;
    },
    hasRoom: (more) => events < bounds.maxEvents && bytes + more <= bounds.maxBytes,
    add(event) {
      events++;
      bytes += event.bytes;
      nextOrdinal++;
    },
    resize(event, size) {
      bytes += size - event.bytes;
      event.bytes = size;
    },
    remove(event) {
      events--;
      bytes -= event.bytes;
      for (const watcher of watchers) {
        if (event.ordinal < watcher.below && --watcher.left === 0) watcher.done();
      }
    },
    async whenSettled(timeoutMs) {
      if (events === 0) return true;
      const { promise, resolve } = Promise.withResolvers<boolean>();
      const watcher: Watcher = { below: nextOrdinal, left: events, done: () => resolve(true) };
      watchers.add(watcher);
      // Keeps the process: somebody awaits this.
      const timer = setTimeout(() => resolve(false), timeoutMs);
      try {
        return await promise;
      } finally {
        clearTimeout(timer);
        watchers.delete(watcher);
      }
    },
  };
}
