import { producerClosed } from '@waybill/schema/internal';
import { type Drop, DROP_REASONS, type DropReason } from '../drop.ts';
import type { PendingEvent } from '../pending-event.ts';
import type { Accounts, AdoptedStats, CloseResult, EndCounts } from '../stats.ts';
import { Flushes } from './flushes.ts';

/** The type of the events that say that a publisher has closed. No number of the publisher comes after theirs. */
export const END_TYPE = producerClosed.type;

/**
 * The one place that counts events, and that says in which state they are while they are counted. Every emitted event
 * is in exactly one of its numbers: `emitted = acked + pending + spooled + Σ dropped`, at every moment.
 *
 * Events of dead publishers are counted apart: `found = acked + dropped + inMemory`. So are the publisher's own that say
 * that it has closed: they are in `pending`, `spooled`, `bytes` and `settled` here, which decide how events move, and not
 * in what a service is told about its events.
 */
export class AccountBook {
  readonly #dropped = Object.fromEntries(DROP_REASONS.map((reason) => [reason, 0])) as Record<DropReason, number>;
  readonly #adopted = { found: 0, acked: 0, dropped: 0, inMemory: 0, damaged: 0, torn: 0 };
  readonly #ends = { emitted: 0, acked: 0, pending: 0, spooled: 0, dropped: 0 };
  readonly #flushes = new Flushes();
  /** Accepted events from this position on say that the publisher has closed. */
  #endsFrom = Number.POSITIVE_INFINITY;
  #emitted = 0;
  #accepted = 0;
  #acked = 0;
  #duplicates = 0;
  #pending = 0;
  #spooled = 0;
  #bytes = 0;
  #holes = 0;

  /** Events in memory that are not settled. */
  get pending(): number {
    return this.#pending;
  }

  /** Events that are only on disk. */
  get spooled(): number {
    return this.#spooled;
  }

  /** Memory of the pending events. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Numbers that were taken and will never come. */
  get holes(): number {
    return this.#holes;
  }

  /** Accepted events that were acknowledged or dropped since the start. */
  get settled(): number {
    return this.#accepted - this.#pending - this.#spooled;
  }

  /** The position of the next event among the accepted ones. */
  get nextOrdinal(): number {
    return this.#accepted;
  }

  // --- in ---

  /** An event was emitted, and dropped at once. */
  refuse({ reason, producerseq }: Pick<Drop, 'reason' | 'producerseq'>): void {
    this.#emitted++;
    this.#dropped[reason]++;
    if (producerseq !== undefined) this.#holes++;
  }

  /** An event was emitted, and is pending. */
  accept(event: PendingEvent): void {
    if (this.isEnd(event)) {
      this.#ends.emitted++;
      this.#ends.pending++;
    } else this.#emitted++;
    this.#accepted++;
    this.#pending++;
    this.#bytes += event.memory;
  }

  /** The service emits nothing any more: each event that is accepted from now on says that the publisher has closed. */
  beginEnds(): void {
    this.#endsFrom = Math.min(this.#endsFrom, this.#accepted);
  }

  /** Whether an event of this publisher is one that says so. */
  isEnd({ ordinal, adopted }: Pick<PendingEvent, 'ordinal' | 'adopted'>): boolean {
    return !adopted && ordinal >= this.#endsFrom;
  }

  /** An event of a dead publisher was read. */
  adopt(): void {
    this.#adopted.found++;
    this.#adopted.inMemory++;
  }

  /** What a dead publisher left cannot be read: a record, or a last line without an end. */
  adoptDamaged(what: 'damaged' | 'torn'): void {
    this.#adopted[what]++;
  }

  // --- on its way ---

  /** The event takes this much memory now. */
  resize(event: PendingEvent, memory: number): void {
    this.#bytes += memory - event.memory;
    event.memory = memory;
  }

  /** It is only on disk from now on. */
  toDisk(event: PendingEvent): void {
    event.state = 'spooled';
    this.#pending--;
    this.#spooled++;
    this.#bytes -= event.memory;
    if (!this.isEnd(event)) return;
    this.#ends.pending--;
    this.#ends.spooled++;
  }

  /** It was read back. @param event a new object */
  fromDisk(event: PendingEvent): void {
    this.#spooled--;
    this.#pending++;
    this.#bytes += event.memory;
    if (!this.isEnd(event)) return;
    this.#ends.spooled--;
    this.#ends.pending++;
  }

  // --- out ---

  ack(event: PendingEvent, duplicate: boolean): void {
    event.state = 'acked';
    if (event.adopted) {
      this.#adopted.inMemory--;
      this.#adopted.acked++;
      return;
    }
    if (this.isEnd(event)) {
      this.#ends.pending--;
      this.#ends.acked++;
    } else {
      this.#acked++;
      if (duplicate) this.#duplicates++;
    }
    this.#settle(event);
  }

  drop(event: PendingEvent, reason: DropReason): void {
    event.state = 'dropped';
    if (this.isEnd(event)) {
      // No later number will show that this one is missing.
      this.#ends.pending--;
      this.#ends.dropped++;
      return this.#settle(event);
    }
    if (event.adopted) {
      if (event.type !== END_TYPE) this.#holes++;
      this.#adopted.inMemory--;
      this.#adopted.dropped++;
      return;
    }
    this.#holes++;
    this.#dropped[reason]++;
    this.#settle(event);
  }

  /** The oldest events that are only on disk cannot be read back. */
  lose(events: number): void {
    const own = Math.min(events, this.#spooled - this.#ends.spooled);
    this.#spooled -= events;
    this.#dropped.spool_damaged += own;
    this.#holes += own;
    this.#ends.spooled -= events - own;
    this.#ends.dropped += events - own;
    this.#flushes.lost(events);
  }

  #settle({ memory, ordinal }: PendingEvent): void {
    this.#pending--;
    this.#bytes -= memory;
    this.#flushes.settled(ordinal);
  }

  // --- asked ---

  /** Waits until every event that is in now is settled. false: not within the time. */
  whenSettled(timeoutMs: number): Promise<boolean> {
    return this.#flushes.wait(this.#accepted, this.#pending + this.#spooled, timeoutMs);
  }

  read(): Accounts {
    return {
      emitted: this.#emitted,
      acked: this.#acked,
      pending: this.#pending - this.#ends.pending,
      spooled: this.#spooled - this.#ends.spooled,
      dropped: { ...this.#dropped },
      duplicates: this.#duplicates,
    };
  }

  get ends(): EndCounts {
    return { ...this.#ends };
  }

  get adopted(): Omit<AdoptedStats, 'scanned' | 'segments'> {
    return { ...this.#adopted };
  }

  get adoptedInMemory(): number {
    return this.#adopted.inMemory;
  }

  /** Call it when nothing is pending. */
  closeResult(): CloseResult {
    const lost = Object.values(this.#dropped).reduce((sum, events) => sum + events, 0);
    return { acked: this.#acked, spooled: this.#spooled - this.#ends.spooled, lost };
  }
}
