import type { PendingEvent } from '../pending-event.ts';
import type { Lane } from './lane.ts';

/** Of the room for waiting events, the part that one lane may take. */
const LANE_SHARE = 1 / 2;

export interface WaitingBounds {
  readonly maxEvents: number;
  readonly maxBytes: number;
}

/** Waiting events that share a bound. The publisher's own are one pool, those of dead publishers another. */
export class WaitingPool {
  /** Of the events, those whose subject is denied, in the order in which they came. */
  readonly denied = new Set<PendingEvent>();
  readonly #bounds: WaitingBounds;
  #events = 0;
  #bytes = 0;

  constructor(bounds: WaitingBounds) {
    this.#bounds = bounds;
  }

  get events(): number {
    return this.#events;
  }

  add({ bytes }: PendingEvent): void {
    this.#events++;
    this.#bytes += bytes;
  }

  remove({ bytes }: PendingEvent): void {
    this.#events--;
    this.#bytes -= bytes;
  }

  get isFull(): boolean {
    return this.#isOver(this.#events, this.#bytes, 1);
  }

  isFullFor(lane: Lane): boolean {
    return this.#isOver(lane.events, lane.bytes, LANE_SHARE);
  }

  /** Whether there is room for the event, or an event whose subject is denied that can be dropped for it. */
  takes(event: PendingEvent, lane: Lane): boolean {
    const isLaneFull = this.#isOver(lane.events + 1, lane.bytes + event.bytes, LANE_SHARE);
    if (isLaneFull && lane.firstDenied() === undefined) return false;
    return this.denied.size > 0 || !this.#isOver(this.#events + 1, this.#bytes + event.bytes, 1);
  }

  /** A single event is never over the bound of bytes. */
  #isOver(events: number, bytes: number, share: number): boolean {
    const { maxEvents, maxBytes } = this.#bounds;
    return events > Math.ceil(maxEvents * share) || (events > 1 && bytes > maxBytes * share);
  }
}
