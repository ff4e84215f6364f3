import type { PendingEvent } from '../pending-event.ts';

/**
 * The send window: events that were sent and are not answered, in the order of their first try.
 *
 * It is go-back-N. When the connection or an answer is lost, all of the window counts as unsent, and one event goes out
 * first; each acknowledgement then lets one more be in flight (slow start).
 */
export class SendWindow {
  /** By token; a Map keeps the order in which events came. */
  readonly #events = new Map<number, PendingEvent>();
  readonly #maxEvents: number;
  readonly #maxBytes: number;
  #nextToken = 1;
  #bytes = 0;
  #unsent = 0;
  #inFlight = 0;
  /** How many may be in flight at present. */
  #limit = 1;

  constructor(maxEvents: number, maxBytes: number) {
    this.#maxEvents = maxEvents;
    this.#maxBytes = maxBytes;
  }

  get isEmpty(): boolean {
    return this.#events.size === 0;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Events in the window that have to be sent again. */
  get unsent(): number {
    return this.#unsent;
  }

  /** One more may be in flight. */
  get isOpen(): boolean {
    return this.#inFlight < this.#limit;
  }

  /**
   * So much is in flight that sending waits: one small write for each acknowledgement costs more than a few large ones.
   */
  get isHalfFull(): boolean {
    return this.#inFlight > this.#limit >> 1;
  }

  get isOutOfBytes(): boolean {
    return this.#events.size > 0 && this.#bytes >= this.#maxBytes;
  }

  /** A single event always fits. */
  hasRoomFor(event: PendingEvent): boolean {
    return this.#events.size === 0 || this.#bytes + event.bytes <= this.#maxBytes;
  }

  /** A token for a message that is not in the window. */
  newToken(): number {
    return this.#nextToken++;
  }

  get(token: number): PendingEvent | undefined {
    return this.#events.get(token);
  }

  entries(): MapIterator<[token: number, event: PendingEvent]> {
    return this.#events.entries();
  }

  events(): MapIterator<PendingEvent> {
    return this.#events.values();
  }

  /** Takes in an event that is not sent yet. */
  add(token: number, event: PendingEvent): void {
    this.#events.set(token, event);
    this.#bytes += event.bytes;
    this.#unsent++;
  }

  sent(event: PendingEvent): void {
    event.state = 'in_flight';
    this.#unsent--;
    this.#inFlight++;
  }

  /** The event is answered, denied or dropped. @returns whether it was the oldest */
  remove(token: number, event: PendingEvent): boolean {
    const wasOldest = this.#events.keys().next().value === token;
    this.#events.delete(token);
    this.#bytes -= event.bytes;
    if (event.state === 'in_flight') this.#inFlight--;
    else this.#unsent--;
    event.state = 'stamped';
    return wasOldest;
  }

  /** Everything in the window counts as unsent. */
  goBack(): void {
    for (const event of this.#events.values()) event.state = 'stamped';
    this.#unsent = this.#events.size;
    this.#inFlight = 0;
    this.#limit = 1;
  }

  /** An acknowledgement came. */
  grow(): void {
    if (this.#limit < this.#maxEvents) this.#limit++;
  }

  clear(): void {
    this.#events.clear();
  }
}
