/**
 * Events that wait for a permission. The server's permissions deny some subjects: their events wait, each
 * organization's in a lane of its own, and everything else goes on. Events behind them in a lane are held as well when
 * sending them would make more missing ranges in the organization's numbers than a chain remembers (missing-ranges.ts).
 *
 * Permissions get corrected, so one event of a denied subject is tried now and then. When it is permitted, the lane
 * goes out in the order of its numbers. When there is no room for more, the oldest event of a denied subject is
 * dropped, so that a permission that never comes does not stop other events for ever.
 */
import type { PendingEvent } from '../pending-event.ts';
import { type Lane, LaneBook } from './lane.ts';
import type { Permission } from './missing-ranges.ts';
import { SentTokens } from './sent-tokens.ts';
import { SubjectBook } from './subject-book.ts';
import { type WaitingBounds, WaitingPool } from './waiting-pool.ts';

export interface DeniedSubjectsOptions extends WaitingBounds {
  /** There was no room for this event. */
  dropped(event: PendingEvent, detail: string): void;
}

/** An event that counts as in flight. */
export interface Departure {
  readonly event: PendingEvent;
  /** The token that it was sent with before; null: it never was. */
  readonly token: number | null;
}

/** `status().reason` names this many subjects. There may be thousands. */
const NAMED_SUBJECTS = 3;

export class DeniedSubjects {
  readonly #dropped: DeniedSubjectsOptions['dropped'];
  readonly #own: WaitingPool;
  readonly #adopted: WaitingPool;
  readonly #lanes = new LaneBook();
  /** Lanes that may have something to send. */
  readonly #runnable = new Set<Lane>();
  readonly #subjects = new SubjectBook();
  readonly #tokens = new SentTokens();
  /** The event that is being tried although its subject is denied. */
  #probe: { readonly event: PendingEvent; readonly token: number } | null = null;

  constructor({ dropped, ...bounds }: DeniedSubjectsOptions) {
    this.#dropped = dropped;
    this.#own = new WaitingPool(bounds);
    this.#adopted = new WaitingPool(bounds);
  }

  /** Events that wait. */
  get events(): number {
    return this.#own.events + this.#adopted.events;
  }

  /** Of these, events of dead publishers. */
  get adopted(): number {
    return this.#adopted.events;
  }

  /** Some of the denied subjects. */
  get subjects(): readonly string[] {
    return this.#subjects.some(NAMED_SUBJECTS);
  }

  /**
   * What to do with a new event. `send`: it counts as in flight now. `hold`: give it to `add`. `wait`: keep it, and ask
   * again later.
   */
  judge(event: PendingEvent): Permission {
    const lane = this.#lanes.of(event);
    if (this.#subjects.has(event.subject)) return 'hold';
    const permission = lane.firstHeld ? 'hold' : lane.numbers.trySend(event.producerseq, lane.lowest);
    return permission === 'hold' && !this.#poolOf(event).takes(event, lane) ? 'wait' : permission;
  }

  /** The event waits from now on. */
  add(event: PendingEvent): void {
    const lane = this.#lanes.of(event);
    this.#put(lane, event);
    this.#trim(lane, this.#poolOf(event));
  }

  /** The server denies the subject. @param events of it that were in flight, with their tokens */
  deny(subject: string, events: ReadonlyMap<number, PendingEvent>): void {
    if (this.#probe?.event.subject === subject) this.#endProbe();
    const lanes = new Set<Lane>();
    for (const [token, event] of events) {
      const lane = this.#lanes.of(event);
      this.#subjects.add(subject, event.type);
      // It waits before its number counts as settled, so that the lane stays.
      this.#put(lane, event);
      this.#tokens.set(event, token);
      lane.numbers.notStored(event.producerseq);
      if (!lanes.has(lane)) for (const held of lane.denyHeld(subject)) this.#poolOf(held).denied.add(held);
      lanes.add(lane);
      this.#changed(lane);
    }
    for (const lane of lanes) for (const pool of [this.#own, this.#adopted]) this.#trim(lane, pool);
  }

  /** An event in flight is in the stream, or never will be. */
  settled(event: PendingEvent, outcome: 'stored' | 'dropped'): void {
    const lane = this.#lanes.of(event);
    if (outcome === 'stored') lane.numbers.stored(event.producerseq);
    else lane.numbers.notStored(event.producerseq);
    this.#changed(lane);
  }

  /** An event that waits was answered, because it had been sent. */
  answered(event: PendingEvent, outcome: 'stored' | 'dropped'): void {
    const lane = this.#lanes.of(event);
    this.#remove(lane, event);
    if (outcome === 'stored') lane.numbers.found(event.producerseq);
    this.#changed(lane);
  }

  /** The next waiting event that may be sent now. It waits no longer. */
  next(): Departure | undefined {
    for (const lane of this.#runnable) {
      const event = lane.firstHeld;
      if (event !== undefined && lane.numbers.trySend(event.producerseq, lane.lowest) === 'send') {
        return { event, token: this.#remove(lane, event) };
      }
      // Until an event of this lane settles.
      this.#runnable.delete(lane);
    }
    return undefined;
  }

  /** The waiting event that was sent with this token. */
  sentAs(token: number): PendingEvent | undefined {
    return this.#tokens.eventOf(token);
  }

  /** An event to be tried although its subject is denied. It goes on waiting. */
  probe(newToken: number): { readonly event: PendingEvent; readonly token: number } | undefined {
    this.#endProbe();
    for (let turns = this.#subjects.size; turns > 0; turns--) {
      const [subject, its] = this.#subjects.nextTurn();
      for (const lane of its.lanes) {
        const event = lane.firstDenied(subject);
        if (event === undefined || lane.numbers.trySend(event.producerseq, lane.lowest) !== 'send') continue;
        const token = this.#tokens.of(event) ?? newToken;
        this.#tokens.set(event, token);
        this.#probe = { event, token };
        return this.#probe;
      }
    }
    return undefined;
  }

  /** If this token is the tried event's, an answer means that its type is permitted. */
  permit(token: number): void {
    if (this.#probe?.token !== token) return;
    this.#permit(this.#subjects.all(this.#probe.event.type));
  }

  /** The server is another, or has another configuration: every subject may be permitted. */
  permitAll(): void {
    this.#permit(this.#subjects.all());
  }

  all(): PendingEvent[] {
    return [...this.#lanes].flatMap((lane) => lane.all());
  }

  #poolOf({ adopted }: PendingEvent): WaitingPool {
    return adopted ? this.#adopted : this.#own;
  }

  #put(lane: Lane, event: PendingEvent): void {
    const pool = this.#poolOf(event);
    pool.add(event);
    const subject = this.#subjects.get(event.subject);
    if (subject === undefined) return lane.hold(event);
    pool.denied.add(event);
    subject.lanes.add(lane);
    lane.deny(event);
  }

  /** @returns the token that the event was sent with */
  #remove(lane: Lane, event: PendingEvent): number | null {
    if (this.#probe?.event === event) this.#endProbe();
    lane.remove(event);
    const pool = this.#poolOf(event);
    pool.remove(event);
    if (pool.denied.delete(event) && !lane.firstDenied(event.subject)) this.#subjects.leave(lane, event.subject);
    return this.#tokens.delete(event);
  }

  #trim(lane: Lane, pool: WaitingPool): void {
    while (pool.isFullFor(lane) && this.#drop(lane.firstDenied()));
    while (pool.isFull && this.#drop(pool.denied.values().next().value));
  }

  #drop(event: PendingEvent | undefined): boolean {
    if (event === undefined) return false;
    const lane = this.#lanes.of(event);
    this.#remove(lane, event);
    this.#changed(lane);
    this.#dropped(event, `not permitted to publish to ${event.subject}, and no room for more events that wait`);
    return true;
  }

  #permit(subjects: readonly string[]): void {
    this.#endProbe();
    for (const subject of subjects) {
      for (const lane of this.#subjects.get(subject)?.lanes ?? []) {
        for (const event of lane.permit(subject)) this.#poolOf(event).denied.delete(event);
        this.#runnable.add(lane);
      }
      this.#subjects.delete(subject);
    }
  }

  /** The event that is being tried counts as not sent again. */
  #endProbe(): void {
    if (this.#probe === null) return;
    const lane = this.#lanes.of(this.#probe.event);
    lane.numbers.notStored(this.#probe.event.producerseq);
    this.#probe = null;
    this.#changed(lane);
  }

  /** After all that may let the lane send, or end it. */
  #changed(lane: Lane): void {
    if (lane.firstHeld) this.#runnable.add(lane);
    else this.#runnable.delete(lane);
    this.#lanes.deleteIfEmpty(lane);
  }
}
