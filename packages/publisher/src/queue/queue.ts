/**
 * The `queue/` room: everything between `emit` and the wire. Events come in from the service, and from disk those that
 * dead publishers left. They go out through delivery/, or are dropped. The queue stamps and signs events, decides which
 * are in memory and which on disk, and counts them. Connections and hooks of the process never come in here.
 *
 * An event's way: `take` (this file) → admission.ts (is there room?) → staging.ts (stamping.ts, then memory or
 * disk-queue.ts) → delivery/ → settlement.ts. Each step is in the event's `state`, and accounts.ts counts it.
 */
import { outside } from '../context.ts';
import type { Delivery } from '../delivery/delivery.ts';
import { PublisherError } from '../error.ts';
import type { EventInput } from '../event-input.ts';
import type { PendingEvent, Waiter } from '../pending-event.ts';
import type { Spool } from '../spool/spool.ts';
import type { PublisherStats } from '../stats.ts';
import type { AccountBook } from './accounts.ts';
import type { Diagnostics } from './diagnostics.ts';
import { estimatedMemory } from './memory-bounds.ts';
import { createParts, type Parts, type QueueOptions } from './parts.ts';

/** What stamping adds to the JSON text of an event's fields, estimated. */
const ENVELOPE_BYTES = 320;
const STILL_PENDING = { reason: 'closed', detail: 'still pending when close() ended' } as const;

export class Queue {
  readonly book: AccountBook;
  readonly delivery: Delivery;
  readonly diagnostics: Diagnostics;
  /** null: there is no `spoolDir`. */
  readonly spool: Spool | null;
  readonly #parts: Parts;
  readonly #isWrittenFirst: boolean;
  readonly #wake: () => void;
  readonly #isConnected: () => boolean;
  #isClosing = false;

  constructor(options: QueueOptions) {
    this.#parts = createParts(options);
    this.#wake = options.wake;
    this.#isConnected = options.isConnected;
    this.book = this.#parts.book;
    this.delivery = this.#parts.delivery;
    this.diagnostics = this.#parts.diagnostics;
    this.spool = this.#parts.spool;
    this.#isWrittenFirst = this.spool !== null && options.settings.durability === 'sync';
  }

  // --- in ---

  /** Takes an event, or refuses it. Never throws. */
  take(input: EventInput, waiter: Waiter | null): void {
    const { intake, numbering, admission, settlement, now } = this.#parts;
    const taken = intake.take(input);
    // Checked now: the service's code has run, which may have called close().
    if (this.#isClosing) {
      return settlement.refused({ reason: 'closed', detail: 'emitted after close()' }, waiter);
    }
    if (!taken.ok) {
      const { drop } = taken;
      // A number that never comes proves the loss.
      const number = drop.orgid === undefined ? {} : { producerseq: String(numbering.take(drop.orgid)) };
      return settlement.refused({ ...drop, ...number }, waiter);
    }
    const { type, orgid, fields } = taken;
    const producerseq = numbering.take(orgid);
    const bytes = taken.bytes + ENVELOPE_BYTES;
    const memory = estimatedMemory(bytes, taken.wide);
    if (!admission.makeRoom(type, memory)) {
      const detail = `${this.book.pending} events and ${this.book.bytes} bytes of memory are pending`;
      const drop = { reason: 'queue_full', detail, type, orgid, producerseq: String(producerseq) } as const;
      return settlement.refused(drop, waiter);
    }
    this.#accept({
      ordinal: this.book.nextOrdinal,
      type,
      orgid,
      producer: numbering.producer,
      producerseq,
      timeMs: now(),
      state: 'accepted',
      id: '',
      fields,
      text: '',
      subject: '',
      bytes,
      memory,
      unsigned: 'no_key',
      tries: 0,
      waiter,
      segment: null,
      adopted: false,
    });
  }

  #accept(event: PendingEvent): void {
    const { staging } = this.#parts;
    this.book.accept(event);
    if (this.#isWrittenFirst) outside(() => staging.pushThrough(event));
    else staging.push(event);
    this.#wake();
  }

  /** Whether events of this type would be taken. */
  allows(type: string): boolean {
    return !this.#isClosing && this.#parts.intake.allows(type);
  }

  // --- on the way ---

  /** Works until then (`performance.now`). true: there is more to do at once. */
  run(untilMs: number): boolean {
    // What is stamped goes out before more is stamped, so that the server works at the same time.
    const isUnsent = this.delivery.run(untilMs);
    return this.#parts.staging.run(untilMs) || isUnsent;
  }

  // --- the end ---

  /** Refuses whatever is emitted from now on. */
  stopTaking(): void {
    this.#isClosing = true;
  }

  /**
   * Says in the chain of each organization that this publisher has closed, and waits until that is stored, as long as
   * there is a connection and no longer than until then (`performance.now`). Call it when the service's events are
   * settled.
   */
  async announceEnd(untilMs: number): Promise<void> {
    const { ending } = this.#parts;
    ending.begin();
    while (ending.isMore && this.#isConnected()) {
      const leftMs = untilMs - performance.now();
      if (leftMs <= 0 || this.book.pending + this.book.spooled > 0) return;
      for (const event of ending.step()) this.#accept(event);
      await this.book.whenSettled(leftMs);
    }
  }

  /** Leaves to disk what is still here, and drops what cannot go there. Synchronous: the process may be exiting. */
  leave(): void {
    const { staging, settlement, adoption, ending } = this.#parts;
    this.stopTaking();
    const reason = new PublisherError('CLOSED', 'closed before the event was acknowledged; it is on disk');
    for (const event of staging.leave(reason)) {
      settlement.dropped(event, STILL_PENDING);
    }
    while (this.spool && ending.isMore) {
      const events: PendingEvent[] = [];
      for (const event of ending.step()) {
        this.book.accept(event);
        events.push(event);
      }
      for (const event of staging.leaveMore(events)) settlement.dropped(event, STILL_PENDING);
    }
    this.spool?.close();
    adoption?.close();
  }

  /** What is wrong with the stream or the disk, or null. */
  get trouble(): string | null {
    return this.delivery.trouble ?? this.spool?.trouble ?? null;
  }

  stats(): PublisherStats {
    const { book, delivery, spool, adoption, signing } = this.#parts;
    return {
      ...book.read(),
      spool: spool &&
        adoption && {
          bytes: spool.bytes,
          segments: spool.segments,
          quarantined: spool.quarantined,
          adopted: adoption.stats(),
        },
      pendingBytes: book.bytes,
      inFlight: delivery.inFlight,
      parked: delivery.parked,
      holes: book.holes,
      resent: delivery.resent,
      ends: book.ends,
      unsigned: signing.unsigned(),
    };
  }
}
