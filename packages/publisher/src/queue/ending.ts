import { producerClosed } from '@waybill/schema/internal';
import type { Numbering } from '../event/numbering.ts';
import type { Settings } from '../options.ts';
import type { PendingEvent } from '../pending-event.ts';
import { type AccountBook, END_TYPE } from './accounts.ts';
import { estimatedMemory } from './memory-bounds.ts';

/** Events made at once, whatever the bounds of memory. */
const MAX_STEP = 1_024;
/** Bytes of memory of one such event, at most. */
const EVENT_BYTES = 2_048;

export interface EndingOptions {
  readonly settings: Pick<Settings, 'maxQueueEvents' | 'maxQueueBytes'>;
  readonly numbering: Numbering;
  readonly book: AccountBook;
  readonly now: () => number;
}

/**
 * The end of a publisher: one event for each organization that it emitted for, so that a verifier can tell events that
 * were lost after the last stored one from a publisher that had no more. There may be 100,000 organizations, so the
 * events are made in steps.
 *
 * The first step is one event. Where the right to publish it is missing, the server refuses one message and not thousands.
 */
export class Ending {
  readonly #options: EndingOptions;
  readonly #maxStep: number;
  #organizations: Iterator<string> | null = null;
  #next: IteratorResult<string> | null = null;
  #made = 0;
  #isRefused = false;

  constructor(options: EndingOptions) {
    const { maxQueueEvents, maxQueueBytes } = options.settings;
    this.#options = options;
    this.#maxStep = Math.max(1, Math.min(MAX_STEP, maxQueueEvents >> 1, Math.floor(maxQueueBytes / 2 / EVENT_BYTES)));
  }

  /** Nothing is emitted any more: every event from now on is one of these. */
  begin(): void {
    if (this.#organizations) return;
    this.#options.book.beginEnds();
    this.#organizations = this.#options.numbering.organizations();
    this.#next = this.#organizations.next();
  }

  /** Whether there is an organization left to tell, and the events are of use. */
  get isMore(): boolean {
    return !this.#isRefused && this.#next !== null && this.#next.done !== true;
  }

  /** One of the events could not go out, and the others would not either. */
  refuse(): void {
    this.#isRefused = true;
  }

  /** The events of some organizations. To be accepted in this order, each before the next one is made. */
  *step(): Generator<PendingEvent> {
    const events = this.#made === 0 ? 1 : this.#maxStep;
    for (let i = 0; i < events && this.#next && !this.#next.done; i++) {
      yield this.#make(this.#next.value);
      this.#next = this.#organizations?.next() ?? null;
    }
  }

  #make(orgid: string): PendingEvent {
    const { numbering, book, now } = this.#options;
    this.#made++;
    return {
      ordinal: book.nextOrdinal,
      type: END_TYPE,
      orgid,
      producer: numbering.producer,
      producerseq: numbering.take(orgid),
      timeMs: now(),
      state: 'accepted',
      id: '',
      fields: { ...producerClosed({ orgid }).fields },
      text: '',
      subject: '',
      bytes: EVENT_BYTES,
      memory: estimatedMemory(EVENT_BYTES, 0),
      unsigned: 'no_key',
      tries: 0,
      waiter: null,
      segment: null,
      adopted: false,
    };
  }
}
