import type { PendingEvent } from '../pending-event.ts';
import { MissingRanges } from './missing-ranges.ts';
import { NumberedEvents } from './numbered-events.ts';

interface Waiting {
  /** Events whose subject is denied, by subject. No list is empty. */
  readonly denied: Map<string, NumberedEvents>;
  /** Events that wait for those, because of their numbers. */
  readonly held: NumberedEvents;
}

/** The events of one organization and boot id: the numbers in flight, and the events that wait, in order. */
export class Lane {
  readonly producer: string;
  readonly orgid: string;
  readonly numbers = new MissingRanges();
  /** null until an event waits: many lanes only ever have one event in flight. */
  #waiting: Waiting | null = null;
  #events = 0;
  #bytes = 0;

  constructor(producer: string, orgid: string) {
    this.producer = producer;
    this.orgid = orgid;
  }

  /** How many wait. */
  get events(): number {
    return this.#events;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#events === 0 && this.numbers.inFlight === 0;
  }

  /** The next event whose subject is permitted, as far as anybody knows. */
  get firstHeld(): PendingEvent | undefined {
    return this.#waiting?.held.first;
  }

  /** The lowest number that waits; Infinity when none does. */
  get lowest(): number {
    if (this.#events === 0) return Infinity;
    return Math.min(this.firstHeld?.producerseq ?? Infinity, this.firstDenied()?.producerseq ?? Infinity);
  }

  /** The oldest event whose subject is denied. @param subject looks at this subject only */
  firstDenied(subject?: string): PendingEvent | undefined {
    if (subject !== undefined) return this.#waiting?.denied.get(subject)?.first;
    let first: PendingEvent | undefined;
    for (const { first: event } of this.#waiting?.denied.values() ?? []) {
      if (event && (first === undefined || event.producerseq < first.producerseq)) first = event;
    }
    return first;
  }

  hold(event: PendingEvent): void {
    this.#count(event);
    this.#room().held.put(event);
  }

  deny(event: PendingEvent): void {
    this.#count(event);
    this.#deniedOf(event.subject).put(event);
  }

  /** The subject turns out to be denied. @returns its events that were held */
  denyHeld(subject: string): PendingEvent[] {
    const found = this.#room().held.removeAll(subject);
    if (found.length > 0) this.#deniedOf(subject).putAll(found);
    return found;
  }

  /** The subject is permitted. @returns its events that were denied */
  permit(subject: string): Iterable<PendingEvent> {
    const { denied, held } = this.#room();
    const permitted = denied.get(subject) ?? [];
    denied.delete(subject);
    held.putAll(permitted);
    return permitted;
  }

  /** @param event one that waits here */
  remove(event: PendingEvent): void {
    this.#events--;
    this.#bytes -= event.bytes;
    const { denied, held } = this.#room();
    const its = denied.get(event.subject);
    if (!its?.remove(event)) held.remove(event);
    else if (its.length === 0) denied.delete(event.subject);
  }

  all(): PendingEvent[] {
    const { denied, held } = this.#room();
    return [...held, ...[...denied.values()].flatMap((events) => [...events])];
  }

  #count(event: PendingEvent): void {
    this.#events++;
    this.#bytes += event.bytes;
  }

  #deniedOf(subject: string): NumberedEvents {
    const { denied } = this.#room();
    let events = denied.get(subject);
    if (events === undefined) {
      events = new NumberedEvents();
      denied.set(subject, events);
    }
    return events;
  }

  #room(): Waiting {
    return (this.#waiting ??= { denied: new Map(), held: new NumberedEvents() });
  }
}

/** The lanes that have an event in flight or waiting. */
export class LaneBook {
  readonly #lanes = new Map<string, Map<string, Lane>>();

  /** The event's lane, a new one if there is none. */
  of({ producer, orgid }: PendingEvent): Lane {
    let its = this.#lanes.get(producer);
    if (its === undefined) {
      its = new Map();
      this.#lanes.set(producer, its);
    }
    let lane = its.get(orgid);
    if (lane === undefined) {
      lane = new Lane(producer, orgid);
      its.set(orgid, lane);
    }
    return lane;
  }

  deleteIfEmpty(lane: Lane): void {
    if (!lane.isEmpty) return;
    const its = this.#lanes.get(lane.producer);
    its?.delete(lane.orgid);
    if (its?.size === 0) this.#lanes.delete(lane.producer);
  }

  *[Symbol.iterator](): IterableIterator<Lane> {
    for (const its of this.#lanes.values()) yield* its.values();
  }
}
