import type { PendingEvent } from '../pending-event.ts';

/** Empty places at the front stay until there are this many, and more of them than events. */
const KEPT_PLACES = 64;

/**
 * Events of one organization and boot id in the order of their numbers. Most are added at the end and removed at the
 * front.
 */
export class NumberedEvents {
  #places: (PendingEvent | undefined)[] = [];
  /** Index of the first event. Shifting a long array takes time. */
  #front = 0;

  get length(): number {
    return this.#places.length - this.#front;
  }

  get first(): PendingEvent | undefined {
    return this.#places[this.#front];
  }

  put(event: PendingEvent): void {
    const isBefore = (other: PendingEvent | undefined): boolean =>
      other === undefined || other.producerseq < event.producerseq;
    if (isBefore(this.#places.at(-1))) this.#places.push(event);
    else this.#places.splice(this.#places.findLastIndex(isBefore) + 1, 0, event);
  }

  putAll(events: Iterable<PendingEvent>): void {
    this.#replace([...this, ...events].toSorted((a, b) => a.producerseq - b.producerseq));
  }

  /** @returns whether it was here */
  remove(event: PendingEvent): boolean {
    if (this.first !== event) {
      const i = this.#places.indexOf(event);
      if (i !== -1) this.#places.splice(i, 1);
      return i !== -1;
    }
    this.#places[this.#front] = undefined;
    this.#front++;
    if (this.#front >= KEPT_PLACES && this.#front > this.length) this.#replace([...this]);
    return true;
  }

  removeAll(subject: string): PendingEvent[] {
    const { yes = [], no = [] } = Object.groupBy(this, (event) => (event.subject === subject ? 'yes' : 'no'));
    if (yes.length > 0) this.#replace(no);
    return yes;
  }

  *[Symbol.iterator](): IterableIterator<PendingEvent> {
    for (let i = this.#front; i < this.#places.length; i++) yield this.#places[i] as PendingEvent;
  }

  #replace(events: PendingEvent[]): void {
    this.#places = events;
    this.#front = 0;
  }
}
