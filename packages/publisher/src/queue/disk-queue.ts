import { dropError, type PublisherError } from '../error.ts';
import type { PendingEvent, Waiter } from '../pending-event.ts';
import type { Spool } from '../spool/spool.ts';
import type { AccountBook } from './accounts.ts';
import { restoreEvent } from './restore-event.ts';
import type { Settlement } from './settlement.ts';

export interface DiskQueueOptions {
  readonly spool: Spool;
  readonly directory: string;
  readonly book: AccountBook;
  readonly settlement: Settlement;
}

/** Events read or written at once. */
const BATCH = 256;

/** The part of the queue that is only on disk. The callers of `confirm` for these events wait here. */
export class DiskQueue {
  readonly #options: DiskQueueOptions;
  /** By ordinal. */
  readonly #waiters = new Map<number, Waiter>();

  constructor(options: DiskQueueOptions) {
    this.#options = options;
  }

  get isEmpty(): boolean {
    return this.#options.spool.spooled === 0;
  }

  /** Writes events that leave memory. false: nothing was written. */
  append(events: readonly PendingEvent[]): boolean {
    if (!this.#options.spool.spill(events)) return false;
    this.#leftMemory(events);
    return true;
  }

  /** Writes events that stay in memory as well. When the disk takes nothing, they are in memory only. */
  keepCopy(events: readonly PendingEvent[]): void {
    if (events.length === 0 || !this.#options.spool.journal(events)) return;
    for (const event of events) event.waiter?.written(event);
  }

  /** The oldest events on disk, in memory again. Records that cannot be read are counted as lost. */
  readBack(): PendingEvent[] {
    const { spool, book, settlement, directory } = this.#options;
    const { records, lost } = spool.readBack(BATCH);
    let unreadable = lost;
    const events: PendingEvent[] = [];
    for (const { segment, ...record } of records) {
      const waiter = this.#waiters.get(record.ordinal) ?? null;
      const event = restoreEvent(record, { segment, adopted: false, waiter });
      if (event !== null) {
        events.push(event);
        this.#waiters.delete(record.ordinal);
      } else {
        spool.settle(segment);
        unreadable++;
      }
    }
    if (unreadable > 0) settlement.unreadable(unreadable, directory);
    this.#rejectPassed(records.at(-1)?.ordinal ?? -1);
    for (const event of events) book.fromDisk(event);
    return events;
  }

  /**
   * Leaves everything that is still in memory to the next publisher.
   *
   * @param older events before those that are only on disk, and `newer` events after them. Both get files of their own,
   *   because the next publisher sends files in the order of their first events
   * @param reason for callers who wait for the acknowledgement of an event that is on disk
   * @returns the events for which there is no room
   */
  leave(older: readonly PendingEvent[], newer: readonly PendingEvent[], reason: PublisherError): PendingEvent[] {
    const isOnDisk = (event: PendingEvent): boolean => event.segment !== null;
    this.#leftMemory(older.filter(isOnDisk));
    const unwritten = older.filter((event) => !isOnDisk(event));
    const lost = this.isEmpty
      ? this.#writeToNewFile(unwritten.concat(newer))
      : [...this.#writeToNewFile(unwritten), ...this.#writeToNewFile(newer)];
    for (const waiter of this.#waiters.values()) if (!waiter.toDisk) waiter.reject(reason);
    this.#waiters.clear();
    return lost;
  }

  /** Records come back in order: a caller that still waits for one of these, waits for a record that was not readable. */
  #rejectPassed(lastOrdinal: number): void {
    for (const [ordinal, waiter] of this.#waiters) {
      if (ordinal > lastOrdinal && !this.isEmpty) return;
      this.#waiters.delete(ordinal);
      const detail = `its record in ${this.#options.directory} cannot be read back`;
      waiter.reject(dropError({ reason: 'spool_damaged', detail }));
    }
  }

  #leftMemory(events: readonly PendingEvent[]): void {
    for (const event of events) {
      this.#options.book.toDisk(event);
      if (event.waiter === null) continue;
      this.#waiters.set(event.ordinal, event.waiter);
      event.waiter.written(event);
    }
  }

  /** @returns the events for which there is no room */
  #writeToNewFile(events: readonly PendingEvent[]): PendingEvent[] {
    const lost: PendingEvent[] = [];
    if (events.length > 0) this.#options.spool.startSegment();
    for (let at = 0; at < events.length; at += BATCH) {
      const batch = events.slice(at, at + BATCH);
      if (!this.append(batch)) lost.push(...batch);
    }
    return lost;
  }
}
