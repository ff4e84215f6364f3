/**
 * Everything between `emit` and the wire. Events come in from the service (intake), and from disk what dead publishers
 * left; they go out to the stream through delivery/, or are dropped. The queue stamps and signs events, decides what is in
 * memory and what on disk, and counts. Connections, timers of health and hooks of the process never come in here.
 *
 * An event's way: `take` (this file) → admission.ts (is there room?) → staging.ts (stamping.ts, then memory or
 * disk-queue.ts) → delivery → settlement.ts. Each step and each count is in the event's `state` and in accounts.ts.
 */
import { createDataCheck } from '@waybill/schema';
import { createClock } from '../clock.ts';
import { outside } from '../context.ts';
import { Delivery } from '../delivery/delivery.ts';
import { PublisherError } from '../error.ts';
import { createIntake, type Intake } from '../event/intake.ts';
import { createNumbering, type Numbering } from '../event/numbering.ts';
import { createUuidV7 } from '../event/uuid.ts';
import type { EventInput } from '../event-input.ts';
import { CONSOLE_LOGGER } from '../logger.ts';
import type { Settings } from '../options.ts';
import type { PendingEvent, Waiter } from '../pending-event.ts';
import type { Reporter } from '../reporter.ts';
import { createSpool, type Spool } from '../spool/spool.ts';
import type { PublisherStats } from '../stats.ts';
import { AccountBook } from './accounts.ts';
import { Admission } from './admission.ts';
import { Adoption } from './adoption.ts';
import { createDiagnostics, type Diagnostics } from './diagnostics.ts';
import { DiskQueue } from './disk-queue.ts';
import { estimatedMemory, MemoryBounds } from './memory.ts';
import { Settlement } from './settlement.ts';
import { createSigning, type Signing } from './signing.ts';
import { createStamping } from './stamping.ts';
import { Staging } from './staging.ts';

export interface QueueOptions {
  readonly settings: Settings;
  readonly reporter: Reporter;
  isConnected(): boolean;
  /** Call `run` soon. */
  wake(): void;
}

/** What stamping adds to the JSON text of an event's fields, estimated. */
const ENVELOPE_BYTES = 320;

export class Queue {
  readonly book = new AccountBook();
  readonly diagnostics: Diagnostics;
  readonly delivery: Delivery;
  readonly spool: Spool | null;
  readonly #options: QueueOptions;
  readonly #now: () => number;
  readonly #intake: Intake;
  readonly #numbering: Numbering;
  readonly #signing: Signing;
  readonly #adoption: Adoption | null;
  readonly #settlement: Settlement;
  readonly #staging: Staging;
  readonly #admission: Admission;
  #isClosing = false;

  constructor(options: QueueOptions) {
    const { settings, reporter, wake } = options;
    const { book } = this;
    const newId = createUuidV7();
    const checkData = createDataCheck(settings.events);
    const memory = new MemoryBounds(book, settings.maxQueueEvents, settings.maxQueueBytes);
    this.#options = options;
    this.#now = settings.clock ? createClock(settings.clock) : Date.now;
    const bootId = settings.producer ?? newId(this.#now());
    this.diagnostics = createDiagnostics(bootId);
    this.#numbering = createNumbering(bootId);
    this.#intake = createIntake({
      definitions: settings.events,
      allowTypes: settings.allowTypes,
      rulesOf: checkData.rulesOf,
      isNumbered: this.#numbering.has,
    });
    this.#signing = createSigning({ signer: settings.signer, logger: settings.logger ?? CONSOLE_LOGGER, resume: wake });
    this.delivery = this.#createDelivery();
    this.spool = this.#createSpool(bootId);
    this.#adoption = this.#createAdoption();
    const { delivery, spool, diagnostics } = this;
    const [signing, adoption] = [this.#signing, this.#adoption];
    const settlement = new Settlement({ book, signing, spool, adoption, diagnostics, reporter });
    const stamping = createStamping({ settings, checkData, newId, signing, book, reporter });
    const disk = spool && new DiskQueue({ spool, directory: settings.spoolDir ?? '', book, settlement });
    this.#settlement = settlement;
    this.#staging = new Staging({ ...options, memory, signing, stamping, settlement, delivery, disk, adoption });
    this.#admission = new Admission({ settings, memory, staging: this.#staging, delivery, settlement });
  }

  // --- in ---

  /** Never throws. */
  take(input: EventInput, waiter: Waiter | null): void {
    const taken = this.#intake.take(input);
    // Checked now: the service's code has run, which may have called close().
    if (this.#isClosing) {
      return this.#settlement.refused({ reason: 'closed', detail: 'emitted after close()' }, waiter);
    }
    if (!taken.ok) {
      const { drop } = taken;
      // A number that never comes proves the loss.
      const number = drop.orgid === undefined ? {} : { producerseq: String(this.#numbering.take(drop.orgid)) };
      return this.#settlement.refused({ ...drop, ...number }, waiter);
    }
    const { type, orgid, fields } = taken;
    const producerseq = this.#numbering.take(orgid);
    const bytes = taken.bytes + ENVELOPE_BYTES;
    const memory = estimatedMemory(bytes, taken.wide);
    if (!this.#admission.makeRoom(type, memory)) {
      const detail = `${this.book.pending} events and ${this.book.bytes} bytes of memory are pending`;
      const drop = { reason: 'queue_full', detail, type, orgid, producerseq: String(producerseq) } as const;
      return this.#settlement.refused(drop, waiter);
    }
    this.#accept({
      ordinal: this.book.nextOrdinal,
      type,
      orgid,
      producer: this.#numbering.producer,
      producerseq,
      timeMs: this.#now(),
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
    this.book.accept(event);
    const isWrittenFirst = this.spool !== null && this.#options.settings.durability === 'sync';
    if (isWrittenFirst) outside(() => this.#staging.pushThrough(event));
    else this.#staging.push(event);
    this.#options.wake();
  }

  /** Whether events of this type would be taken. */
  allows(type: string): boolean {
    return !this.#isClosing && this.#intake.allows(type);
  }

  // --- on the way ---

  /** Works until then (`performance.now`). true: there is more to do at once. */
  run(untilMs: number): boolean {
    // What is stamped goes out before more is stamped, so that the server works at the same time.
    const isUnsent = this.delivery.run(untilMs);
    return this.#staging.run(untilMs) || isUnsent;
  }

  #createDelivery(): Delivery {
    const { settings, wake } = this.#options;
    return new Delivery({
      ...settings,
      maxParked: Math.ceil(settings.maxQueueEvents / 2),
      maxParkedBytes: Math.ceil(settings.maxQueueBytes / 2),
      backoff: { minMs: settings.backoffMinMs, maxMs: settings.backoffMaxMs },
      acked: (event, ack) => this.#settlement.acked(event, ack),
      dropped: (event, reason, detail) => this.#settlement.dropped(event, { reason, detail }),
      wake,
    });
  }

  #createSpool(bootId: string): Spool | null {
    const { settings, reporter, wake } = this.#options;
    const { spoolDir } = settings;
    if (!spoolDir) return null;
    return createSpool({
      dir: spoolDir,
      bootId,
      maxBytes: settings.maxSpoolBytes,
      segmentBytes: settings.spoolSegmentBytes,
      retryMs: settings.spoolRetryMs,
      strangers: (paths) => reporter.strangers(spoolDir, paths),
      notAdopted: (home, error) => reporter.spoolFailed(`taking over ${home}`, error),
      lookAgain: () => {
        this.#adoption?.lookAgain();
        wake();
      },
    });
  }

  #createAdoption(): Adoption | null {
    const { settings, reporter } = this.#options;
    if (this.spool === null) return null;
    return new Adoption({
      spool: this.spool,
      book: this.book,
      reporter,
      maxInMemory: Math.min(settings.windowEvents, settings.maxQueueEvents),
      parked: () => this.delivery.parkedAdopted,
    });
  }

  // --- the end ---

  /** Refuses whatever is emitted from now on. */
  stopTaking(): void {
    this.#isClosing = true;
  }

  /** Leaves to disk what is still here, and drops what cannot go there. Synchronous: the process may be exiting. */
  leave(): void {
    this.stopTaking();
    const reason = new PublisherError('CLOSED', 'closed before the event was acknowledged; it is on disk');
    for (const event of this.#staging.leave(reason)) {
      this.#settlement.dropped(event, { reason: 'closed', detail: 'still pending when close() ended' });
    }
    this.spool?.close();
    this.#adoption?.close();
  }

  /** What is wrong with the stream or the disk, or null. */
  get trouble(): string | null {
    return this.delivery.trouble ?? this.spool?.trouble ?? null;
  }

  stats(): PublisherStats {
    const { book, delivery, spool } = this;
    return {
      ...book.read(),
      spool: spool &&
        this.#adoption && {
          bytes: spool.bytes,
          segments: spool.segments,
          quarantined: spool.quarantined,
          adopted: this.#adoption.stats(),
        },
      pendingBytes: book.bytes,
      inFlight: delivery.inFlight,
      parked: delivery.parked,
      holes: book.holes,
      resent: delivery.resent,
      unsigned: this.#signing.unsigned(),
    };
  }
}
