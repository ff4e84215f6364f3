/** The events of one organization and boot id: which numbers are in flight, and which events wait aside, in order. */
import type { PendingEvent } from '../pending-event.ts';
import { OpenHoles } from './missing-ranges.ts';
import { NumberedEvents } from './numbered-events.ts';

interface Parked {
  /** Not permitted, by subject; none is empty. */
  readonly shut: Map<string, NumberedEvents>;
  /** Permitted, as far as anybody knows. */
  readonly held: NumberedEvents;
}

export class Lane {
  readonly producer: string;
  readonly orgid: string;
  readonly numbers = new OpenHoles();
  /** What waits. Made when something does: a lane may be there for one event in flight only. */
  #parked: Parked | null = null;
  #events = 0;
  #bytes = 0;

  constructor(producer: string, orgid: string) {
    this.producer = producer;
    this.orgid = orgid;
  }

  /** That wait. */
  get events(): number {
    return this.#events;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#events === 0 && this.numbers.inFlight === 0;
  }

  /** The next that is permitted. */
  get firstHeld(): PendingEvent | undefined {
    return this.#parked?.held.first;
  }

  /** The lowest number that waits; Infinity: none. */
  get lowest(): number {
    if (this.#events === 0) return Infinity;
    return Math.min(this.firstHeld?.producerseq ?? Infinity, this.firstShut()?.producerseq ?? Infinity);
  }

  /** The oldest that is not permitted. @param subject of this one only */
  firstShut(subject?: string): PendingEvent | undefined {
    if (subject !== undefined) return this.#parked?.shut.get(subject)?.first;
    let first: PendingEvent | undefined;
    for (const { first: event } of this.#parked?.shut.values() ?? []) {
      if (event && (first === undefined || event.producerseq < first.producerseq)) first = event;
    }
    return first;
  }

  hold(event: PendingEvent): void {
    this.#count(event);
    this.#room().held.put(event);
  }

  shut(event: PendingEvent): void {
    this.#count(event);
    this.#shutFor(event.subject).put(event);
  }

  /** What is held of the subject turns out not to be permitted. @returns those */
  shutHeld(subject: string): PendingEvent[] {
    const found = this.#room().held.removeAll(subject);
    if (found.length > 0) this.#shutFor(subject).putAll(found);
    return found;
  }

  /** The subject is permitted. @returns what waited for that */
  open(subject: string): Iterable<PendingEvent> {
    const { shut, held } = this.#room();
    const opened = shut.get(subject) ?? [];
    shut.delete(subject);
    held.putAll(opened);
    return opened;
  }

  /** One that waits here. */
  remove(event: PendingEvent): void {
    this.#events--;
    this.#bytes -= event.bytes;
    const { shut, held } = this.#room();
    const its = shut.get(event.subject);
    if (!its?.remove(event)) held.remove(event);
    else if (its.length === 0) shut.delete(event.subject);
  }

  all(): PendingEvent[] {
    const { shut, held } = this.#room();
    return [...held, ...[...shut.values()].flatMap((events) => [...events])];
  }

  #count(event: PendingEvent): void {
    this.#events++;
    this.#bytes += event.bytes;
  }

  #shutFor(subject: string): NumberedEvents {
    const { shut } = this.#room();
    let events = shut.get(subject);
    if (events === undefined) {
      events = new NumberedEvents();
      shut.set(subject, events);
    }
    return events;
  }

  #room(): Parked {
    return (this.#parked ??= { shut: new Map(), held: new NumberedEvents() });
  }
}

/** Lanes of organizations that have something in flight or waiting. */
export class LaneBook {
  readonly #lanes = new Map<string, Map<string, Lane>>();

  /** Made when it is not there. */
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
