import type { Ack } from '../ack.ts';
import type { Drop } from '../drop.ts';
import { dropError } from '../error.ts';
import type { PendingEvent, Waiter } from '../pending-event.ts';
import type { Reporter } from '../reporter.ts';
import type { Spool } from '../spool/spool.ts';
import { type AccountBook, END_TYPE } from './accounts.ts';
import type { Adoption } from './adoption.ts';
import type { Diagnostics } from './diagnostics.ts';
import type { Ending } from './ending.ts';
import type { Signing } from './signing.ts';

export interface SettlementOptions {
  readonly book: AccountBook;
  readonly ending: Ending;
  readonly signing: Signing;
  readonly spool: Spool | null;
  readonly adoption: Adoption | null;
  readonly diagnostics: Diagnostics;
  readonly reporter: Reporter;
}

/**
 * The only way out for events. In this order: the event is counted, its place on disk is released, and its waiter, the
 * log and the channels are told.
 */
export class Settlement {
  readonly #options: SettlementOptions;

  constructor(options: SettlementOptions) {
    this.#options = options;
  }

  acked(event: PendingEvent, ack: Ack): void {
    const { book, signing, diagnostics } = this.#options;
    diagnostics.acked(event, ack);
    signing.stored(event);
    book.ack(event, ack.duplicate);
    this.#release(event);
    event.waiter?.resolve(ack);
  }

  dropped(event: PendingEvent, why: Pick<Drop, 'reason' | 'detail' | 'cause'>): void {
    const { type, orgid, producerseq } = event;
    const drop: Drop = { ...why, type, orgid, producerseq: String(producerseq) };
    this.#options.book.drop(event, why.reason);
    this.#release(event);
    event.waiter?.reject(dropError(drop));
    if (!this.#isEnd(event)) return this.#tell(drop);
    const { ending, reporter } = this.#options;
    if (!event.adopted) ending.refuse();
    reporter.endDropped(drop);
  }

  /** A publisher's own event, which no service misses: this publisher's, or one that a dead publisher left. */
  #isEnd(event: PendingEvent): boolean {
    return this.#options.book.isEnd(event) || (event.adopted && event.type === END_TYPE);
  }

  /** An event that was never accepted. */
  refused(drop: Drop, waiter: Waiter | null): void {
    this.#options.book.refuse(drop);
    waiter?.reject(dropError(drop));
    this.#tell(drop);
  }

  /** Events that were only on disk cannot be read back. */
  unreadable(events: number, directory: string): void {
    this.#options.book.lose(events);
    const detail = `${events} records in ${directory} cannot be read back`;
    for (let i = 0; i < events; i++) this.#tell({ reason: 'spool_damaged', detail });
  }

  #release({ segment, adopted }: PendingEvent): void {
    if (segment === null) return;
    if (adopted) this.#options.adoption?.settle(segment);
    else this.#options.spool?.settle(segment);
  }

  #tell(drop: Drop): void {
    this.#options.diagnostics.dropped(drop);
    this.#options.reporter.dropped(drop);
  }
}
