/**
 * Between `emit` and delivery: stamps events in slices, and decides where each goes. The one order is
 *
 *     delivery (in memory, oldest) < spool (only on disk) < staging (in memory, newest)
 *
 * so while anything is only on disk, whatever comes goes there too, and is read back as delivery has need of it.
 */
import type { Delivery } from '../delivery/delivery.ts';
import { createRing } from '../delivery/ring.ts';
import type { PublisherError } from '../error.ts';
import type { PendingEvent, Waiter } from '../pending-event.ts';
import type { Spool } from '../spool/spool.ts';
import type { Adoption } from './adoption.ts';
import { restoreEvent } from './adoption.ts';
import type { Backlog } from './backlog.ts';

export interface StagingOptions {
  readonly backlog: Backlog;
  readonly delivery: Delivery;
  readonly spool: Spool | null;
  readonly adoption: Adoption | null;
  readonly durability: 'memory' | 'async' | 'sync';
  /** Delivery is given more from disk while it has fewer than this many waiting. */
  readonly lowMark: number;
  readonly retryMs: number;
  connected(): boolean;
  /**
   * Whether to wait for the key; `wake` is called when that is over. What has to be on disk at once, for durability or for
   * want of room, is stamped and written without a signature, and waits here before it goes to delivery.
   */
  holds(): boolean;
  /** Signs an event that was stamped without, if that is possible by now. null: there is no signer. */
  readonly sign: ((event: PendingEvent) => void) | null;
  /** false: it was dropped. */
  stamp(event: PendingEvent): boolean;
  movedOut(events: number): void;
  movedIn(events: number): void;
  lost(events: number): void;
  wake(): void;
}

export interface Staging {
  readonly length: number;
  push(event: PendingEvent): void;
  /** Stamps and places an event before it returns, if nothing is before it. */
  pushThrough(event: PendingEvent): void;
  /** Moves some of what is staged to disk now. false: that is not possible. */
  makeRoom(): boolean;
  dropOldest(keep: (event: PendingEvent) => boolean): PendingEvent | undefined;
  /** Works until then (`performance.now`). true: there is more to do at once. */
  run(untilMs: number): boolean;
  /** Others may have died since the directory was looked through. */
  lookAgain(): void;
  /**
   * Leaves what is still in memory to the next publisher.
   *
   * @param reason for those who wait for the acknowledgement of an event that is on disk
   * @returns those for which there is no place on disk
   */
  leave(reason: PublisherError): PendingEvent[];
}

/** Beyond this part of the bounds, memory is left to what is being delivered, and the rest goes to disk. */
const SPILL_SHARE = 0.75;
/** Events stamped, and written with one call. */
const BATCH = 32;
const READ_BATCH = 256;

export function createStaging(options: StagingOptions): Staging {
  const { backlog, delivery, spool, adoption, durability, lowMark, retryMs } = options;
  const raw = createRing<PendingEvent>();
  /** Stamped, and refused by the disk while what is on it is older. */
  let held: PendingEvent[] = [];
  /** On their way to delivery, in order: the first was stamped before there was a key. */
  const unsigned = createRing<PendingEvent>();
  /** Of events that are only on disk. */
  const waiters = new Map<number, Waiter>();
  let adopted = spool === null;
  let retry: NodeJS.Timeout | undefined;

  const retryLater = (): void => {
    retry ??= setTimeout(() => {
      retry = undefined;
      options.wake();
    }, retryMs).unref();
  };

  const moveOut = (events: readonly PendingEvent[]): void => {
    options.movedOut(events.length);
    for (const event of events) {
      backlog.moveOut(event);
      if (event.waiter === null) continue;
      waiters.set(event.ordinal, event.waiter);
      event.waiter.written(event);
    }
  };

  const offer = (events: readonly PendingEvent[]): void => {
    for (const event of events) {
      if (options.sign === null || (event.unsigned === null && unsigned.length === 0)) delivery.offer(event);
      else unsigned.push(event);
    }
  };

  /** In slices of its own: a signature costs fifty times what a stamp does. true: the time is over. */
  const signUnsigned = (untilMs: number): boolean => {
    if (unsigned.length === 0 || options.holds()) return false;
    for (let event = unsigned.shift(); event !== undefined; event = unsigned.shift()) {
      if (event.unsigned !== null) options.sign?.(event);
      delivery.offer(event);
      if (performance.now() > untilMs) return unsigned.length > 0;
    }
    return false;
  };

  const inMemory = (): number => delivery.queued + unsigned.length;

  /** false: the disk has older ones and takes no more. */
  const place = (events: readonly PendingEvent[]): boolean => {
    if (spool === null) {
      offer(events);
      return true;
    }
    const hungry = options.connected() && inMemory() < lowMark && !options.holds();
    if (spool.spooled > 0 || (!hungry && !backlog.hasRoom(0, SPILL_SHARE))) {
      if (spool.take(events)) {
        moveOut(events);
        return true;
      }
      if (spool.spooled > 0) return false;
    }
    const kept = durability === 'memory' ? events.filter(({ waiter }) => waiter?.toDisk) : events;
    if (kept.length > 0 && spool.keep(kept)) for (const event of kept) event.waiter?.written(event);
    offer(events);
    return true;
  };

  /** false: nothing could be placed. */
  const step = (untilMs: number): boolean => {
    for (let i = held.length; i < BATCH; i++) {
      const event = raw.shift();
      if (event === undefined) break;
      if (event.text !== '' || options.stamp(event)) held.push(event);
      if (performance.now() > untilMs) break;
    }
    if (!place(held)) {
      retryLater();
      return false;
    }
    held = [];
    return true;
  };

  const readBack = (from: Spool): void => {
    const { records, lost } = from.next(READ_BATCH);
    let unreadable = lost;
    const events: PendingEvent[] = [];
    for (const { segment, ...record } of records) {
      const event = restoreEvent(record, { segment, adopted: false, waiter: waiters.get(record.ordinal) ?? null });
      waiters.delete(record.ordinal);
      if (event !== null) events.push(event);
      else {
        from.settle(segment);
        unreadable++;
      }
    }
    if (unreadable > 0) {
      backlog.lose(unreadable);
      options.lost(unreadable);
    }
    options.movedIn(events.length);
    for (const event of events) backlog.moveIn(event);
    offer(events);
  };

  const adopt = (from: Spool): void => {
    const paths = from.adopt();
    if (paths === null) return retryLater();
    adopted = true;
    adoption?.add(paths);
  };

  /** Whether there is something on disk that delivery has need of. */
  const isHungry = (): boolean => {
    if (spool === null || adoption === null || !options.connected() || inMemory() >= lowMark) return false;
    return (spool.spooled > 0 && !options.holds()) || adoption.waiting;
  };

  const refill = (): void => {
    if (spool === null || adoption === null) return;
    if (!adopted) adopt(spool);
    if (!isHungry()) return;
    // A dead publisher's stay as they are: whoever signs them would vouch for what it has not seen.
    for (const event of adoption.next()) delivery.offer(event);
    if (spool.spooled > 0 && !options.holds()) readBack(spool);
  };

  /** @returns those for which there is no room */
  const moveToFile = (to: Spool, events: readonly PendingEvent[]): PendingEvent[] => {
    const lost: PendingEvent[] = [];
    to.cut();
    for (let at = 0; at < events.length; at += READ_BATCH) {
      const batch = events.slice(at, at + READ_BATCH);
      if (to.take(batch)) moveOut(batch);
      else lost.push(...batch);
    }
    return lost;
  };

  return {
    get length() {
      return raw.length + held.length + unsigned.length;
    },
    push: (event) => raw.push(event),
    pushThrough(event) {
      if (raw.length > 0 || held.length > 0) return raw.push(event);
      if (!options.stamp(event)) return;
      if (!place([event])) raw.push(event);
    },
    makeRoom() {
      if (spool === null || raw.length === 0) return false;
      return step(Number.POSITIVE_INFINITY);
    },
    dropOldest(keep) {
      const from = unsigned.length > 0 ? unsigned : raw;
      const oldest = from.peek();
      return oldest === undefined || keep(oldest) ? undefined : from.shift();
    },
    run(untilMs) {
      refill();
      let more = signUnsigned(untilMs);
      more = delivery.run(untilMs) || more;
      if (raw.length > 0 && options.holds()) return more || isHungry();
      while (raw.length > 0 || held.length > 0) {
        if (performance.now() > untilMs) return true;
        if (!step(untilMs)) break;
        more = signUnsigned(untilMs) || more;
        more = delivery.run(untilMs) || more;
      }
      return more || isHungry();
    },
    lookAgain() {
      adopted = spool === null;
      options.wake();
    },
    leave(reason) {
      clearTimeout(retry);
      // They stay in their own segments.
      const left = delivery.close().filter((event) => !event.adopted);
      for (let event = unsigned.shift(); event !== undefined; event = unsigned.shift()) left.push(event);
      const isHome = (event: PendingEvent): boolean => event.segment !== null;
      if (spool !== null) moveOut(left.filter(isHome));
      const older = left.filter((event) => !isHome(event));
      const newer = held;
      held = [];
      for (let event = raw.shift(); event !== undefined; event = raw.shift()) {
        if (event.text !== '' || spool === null || options.stamp(event)) newer.push(event);
      }
      if (spool === null) return older.concat(newer);
      // What is on disk is between them, and files are replayed by their first event: each has a file of its own.
      const isBetween = spool.spooled > 0;
      const lost = moveToFile(spool, isBetween ? older : older.concat(newer));
      if (isBetween) lost.push(...moveToFile(spool, newer));
      for (const waiter of waiters.values()) if (!waiter.toDisk) waiter.reject(reason);
      waiters.clear();
      return lost;
    },
  };
}
