/**
 * Everything that was accepted and is not settled yet, wherever it is (queued, in flight, parked, on disk): the bounds
 * of what is in memory, and who waits for all of it.
 */
import { startTimer } from '../duration.ts';
import type { PendingEvent } from '../pending-event.ts';

export interface Backlog {
  /** In memory. */
  readonly events: number;
  /** In memory. */
  readonly bytes: number;
  /** The ordinal for the next event. */
  readonly nextOrdinal: number;
  /** @param share of the bounds that may be used, 0 to 1 */
  hasRoom(bytes: number, share: number): boolean;
  add(event: PendingEvent): void;
  /** Its text is known now, and with it what it takes. */
  resize(event: PendingEvent, memory: number): void;
  remove(event: PendingEvent): void;
  /** It is only on disk from now on. */
  moveOut(event: PendingEvent): void;
  /** It is in memory again. */
  moveIn(event: PendingEvent): void;
  /** Of those that are only on disk, the oldest `count` cannot be read. */
  lose(count: number): void;
  /** true once every event that is in now has been settled; false after the time. */
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
  let onDisk = 0;
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
    hasRoom: (more, share) => events < bounds.maxEvents * share && bytes + more <= bounds.maxBytes * share,
    add(event) {
      events++;
      bytes += event.memory;
      nextOrdinal++;
    },
    resize(event, memory) {
      bytes += memory - event.memory;
      event.memory = memory;
    },
    remove(event) {
      events--;
      bytes -= event.memory;
      for (const watcher of watchers) {
        if (event.ordinal < watcher.below && --watcher.left <= 0) watcher.done();
      }
    },
    moveOut(event) {
      events--;
      bytes -= event.memory;
      onDisk++;
    },
    moveIn(event) {
      events++;
      bytes += event.memory;
      onDisk--;
    },
    lose(count) {
      onDisk -= count;
      for (const watcher of watchers) {
        watcher.left -= count;
        if (watcher.left <= 0) watcher.done();
      }
    },
    async whenSettled(timeoutMs) {
      if (events + onDisk === 0) return true;
      const { promise, resolve } = Promise.withResolvers<boolean>();
      const watcher: Watcher = { below: nextOrdinal, left: events + onDisk, done: () => resolve(true) };
      watchers.add(watcher);
      // Keeps the process: somebody awaits this.
      const timer = startTimer(timeoutMs, () => resolve(false));
      try {
        return await promise;
      } finally {
        timer.stop();
        watchers.delete(watcher);
      }
    },
  };
}
