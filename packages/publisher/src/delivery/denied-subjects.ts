/**
 * Events that wait aside so that others go on, in a lane for each organization: those whose subject the server's permissions
 * do not let us publish, and those that wait for them, because sending them would make more holes in the organization's
 * numbers than a chain remembers (open-holes.ts). One that is not permitted is tried now and then, because permissions get
 * corrected; then a lane goes out in the order of its numbers. When a lane, or all of them, have their share of the queue,
 * the oldest event that is not permitted is dropped: a right that never comes stops nobody else for good.
 */
import type { PendingEvent } from '../pending-event.ts';
import { type Lane, LaneBook } from './lane.ts';
import type { Permission } from './missing-ranges.ts';

export interface ParkingOptions {
  /** Own events that may be parked in all, and their bytes; of dead publishers' as many again. A lane has half of it. */
  readonly maxEvents: number;
  readonly maxBytes: number;
  /** Not permitted, and there is no room for it. */
  dropped(event: PendingEvent, detail: string): void;
}

/** An event that counts as in flight, and the token under which it was sent before; null: it never was. */
export interface Departure {
  readonly event: PendingEvent;
  readonly token: number | null;
}

export interface Parking {
  readonly events: number;
  /** Of them, dead publishers'. */
  readonly adopted: number;
  /** Subjects that are not permitted, some of them. */
  readonly subjects: readonly string[];
  /** What to do with the next event. `send`: it counts as in flight now. `hold`: park it. */
  judge(event: PendingEvent): Permission;
  park(event: PendingEvent): void;
  /** The subject is not permitted. @param events of it that were in flight, with their tokens */
  denied(subject: string, events: ReadonlyMap<number, PendingEvent>): void;
  /** An event in flight is in the stream, or never will be. */
  settled(event: PendingEvent, outcome: 'stored' | 'dropped'): void;
  /** A parked event was answered all the same: it was sent before. */
  answered(event: PendingEvent, outcome: 'stored' | 'dropped'): void;
  /** The next parked event that may be sent now, if any. */
  next(): Departure | undefined;
  /** What was sent with this token and is parked. */
  sentAs(token: number): PendingEvent | undefined;
  /** An event to be tried although it is not permitted, if any. It stays parked. */
  probe(newToken: number): Departure | undefined;
  /** When this is the answer to the probe: its type is permitted. */
  probed(token: number): void;
  /** Another server or another configuration: what was not permitted may be. */
  openAll(): void;
  all(): PendingEvent[];
}

/** Of what may be parked, one organization's share. */
const LANE_SHARE = 1 / 2;

/** Asked for with each status, and there may be thousands. */
const NAMED_SUBJECTS = 3;

/** Parked events that share a bound. */
interface Pool {
  events: number;
  bytes: number;
  /** Those that are not permitted, in the order in which they were parked. */
  readonly shut: Set<PendingEvent>;
}

interface ShutSubject {
  readonly type: string;
  readonly lanes: Set<Lane>;
}

export function createParking({ maxEvents, maxBytes, dropped }: ParkingOptions): Parking {
  const lanes = new LaneBook();
  /** Lanes that perhaps have something to send. */
  const runnable = new Set<Lane>();
  /** In order of turns: one that was tried goes to the end. */
  const shut = new Map<string, ShutSubject>();
  const tokens = new Map<PendingEvent, number>();
  const byToken = new Map<number, PendingEvent>();
  const pools = { own: emptyPool(), adopted: emptyPool() };
  let probing: { readonly event: PendingEvent; readonly token: number } | null = null;

  const poolOf = (event: PendingEvent): Pool => (event.adopted ? pools.adopted : pools.own);

  /** After anything that may let the lane send more, or end it. */
  const changed = (lane: Lane): void => {
    if (lane.firstHeld) runnable.add(lane);
    else runnable.delete(lane);
    lanes.deleteIfEmpty(lane);
  };

  const put = (lane: Lane, event: PendingEvent, token?: number): void => {
    const pool = poolOf(event);
    pool.events++;
    pool.bytes += event.bytes;
    if (token !== undefined) remember(event, token);
    const subject = shut.get(event.subject);
    if (subject === undefined) return lane.hold(event);
    pool.shut.add(event);
    subject.lanes.add(lane);
    lane.shut(event);
  };

  const remember = (event: PendingEvent, token: number): void => {
    tokens.set(event, token);
    byToken.set(token, event);
  };

  /** @returns the token that it was sent with */
  const remove = (lane: Lane, event: PendingEvent): number | null => {
    endProbe(event);
    lane.remove(event);
    const pool = poolOf(event);
    pool.events--;
    pool.bytes -= event.bytes;
    if (pool.shut.delete(event)) forgetIfNone(lane, event.subject);
    const token = tokens.get(event) ?? null;
    tokens.delete(event);
    if (token !== null) byToken.delete(token);
    return token;
  };

  /** Nothing waits for the subject in this lane any more. */
  const forgetIfNone = (lane: Lane, subject: string): void => {
    if (lane.firstShut(subject)) return;
    const its = shut.get(subject);
    its?.lanes.delete(lane);
    if (its?.lanes.size === 0) shut.delete(subject);
  };

  const isOver = (lane: Lane, events: number, bytes: number): boolean =>
    lane.events + events > Math.ceil(maxEvents * LANE_SHARE) ||
    (lane.events + events > 1 && lane.bytes + bytes > maxBytes * LANE_SHARE);
  const isFull = (pool: Pool, events: number, bytes: number): boolean =>
    pool.events + events > maxEvents || (pool.events + events > 1 && pool.bytes + bytes > maxBytes);

  /** Whether what is parked in its place can be dropped, if need be. */
  const hasRoom = (lane: Lane, event: PendingEvent): boolean => {
    const pool = poolOf(event);
    if (isOver(lane, 1, event.bytes) && lane.firstShut() === undefined) return false;
    return pool.shut.size > 0 || !isFull(pool, 1, event.bytes);
  };

  const trim = (lane: Lane, pool: Pool): void => {
    while (isOver(lane, 0, 0) && drop(lane.firstShut()));
    while (isFull(pool, 0, 0) && drop(pool.shut.values().next().value));
  };

  const drop = (event: PendingEvent | undefined): boolean => {
    if (event === undefined) return false;
    const lane = lanes.of(event);
    remove(lane, event);
    changed(lane);
    dropped(event, `not permitted to publish to ${event.subject}, and no room for more events that wait`);
    return true;
  };

  const open = (subjects: readonly string[]): void => {
    endProbe();
    for (const subject of subjects) {
      for (const lane of shut.get(subject)?.lanes ?? []) {
        for (const event of lane.open(subject)) poolOf(event).shut.delete(event);
        runnable.add(lane);
      }
      shut.delete(subject);
    }
  };

  /** The event that was tried counts as not sent again. @param only if it is this one */
  const endProbe = (only?: PendingEvent): void => {
    if (probing === null || (only !== undefined && probing.event !== only)) return;
    const lane = lanes.of(probing.event);
    lane.numbers.notStored(probing.event.producerseq);
    probing = null;
    changed(lane);
  };

  return {
    get events() {
      return pools.own.events + pools.adopted.events;
    },
    get adopted() {
      return pools.adopted.events;
    },
    get subjects() {
      const some: string[] = [];
      for (const subject of shut.keys()) if (some.push(subject) === NAMED_SUBJECTS) break;
      return some;
    },
    judge(event) {
      const lane = lanes.of(event);
      if (shut.has(event.subject)) return 'hold';
      const permission = lane.firstHeld ? 'hold' : lane.numbers.trySend(event.producerseq, lane.lowest);
      return permission === 'hold' && !hasRoom(lane, event) ? 'wait' : permission;
    },
    park(event) {
      const lane = lanes.of(event);
      put(lane, event);
      trim(lane, poolOf(event));
    },
    denied(subject, events) {
      if (probing?.event.subject === subject) endProbe();
      const its = new Set<Lane>();
      for (const [token, event] of events) {
        const lane = lanes.of(event);
        if (!shut.has(subject)) shut.set(subject, { type: event.type, lanes: new Set() });
        // Parked before it counts as settled, so that the lane stays.
        put(lane, event, token);
        lane.numbers.notStored(event.producerseq);
        if (!its.has(lane)) for (const held of lane.shutHeld(subject)) poolOf(held).shut.add(held);
        its.add(lane);
        changed(lane);
      }
      for (const lane of its) for (const pool of Object.values(pools)) trim(lane, pool);
    },
    settled(event, outcome) {
      const lane = lanes.of(event);
      if (outcome === 'stored') lane.numbers.stored(event.producerseq);
      else lane.numbers.notStored(event.producerseq);
      changed(lane);
    },
    answered(event, outcome) {
      const lane = lanes.of(event);
      remove(lane, event);
      if (outcome === 'stored') lane.numbers.found(event.producerseq);
      changed(lane);
    },
    next() {
      for (const lane of runnable) {
        const event = lane.firstHeld;
        if (event !== undefined && lane.numbers.trySend(event.producerseq, lane.lowest) === 'send') {
          return { event, token: remove(lane, event) };
        }
        // Until something of it settles.
        runnable.delete(lane);
      }
      return undefined;
    },
    sentAs: (token) => byToken.get(token),
    probe(newToken) {
      endProbe();
      for (let turns = shut.size; turns > 0; turns--) {
        const [subject, its] = shut.entries().next().value as [string, ShutSubject];
        shut.delete(subject);
        shut.set(subject, its);
        for (const lane of its.lanes) {
          const event = lane.firstShut(subject);
          if (event === undefined || lane.numbers.trySend(event.producerseq, lane.lowest) !== 'send') continue;
          const token = tokens.get(event) ?? newToken;
          remember(event, token);
          probing = { event, token };
          return probing;
        }
      }
      return undefined;
    },
    probed(token) {
      if (probing?.token !== token) return;
      const { type } = probing.event;
      open([...shut].flatMap(([subject, its]) => (its.type === type ? [subject] : [])));
    },
    openAll: () => open([...shut.keys()]),
    all: () => [...lanes].flatMap((lane) => lane.all()),
  };
}

function emptyPool(): Pool {
  return { events: 0, bytes: 0, shut: new Set() };
}
