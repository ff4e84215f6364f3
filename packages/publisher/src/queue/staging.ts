import { type Alarm, createAlarm } from '../alarm.ts';
import type { Delivery } from '../delivery/delivery.ts';
import { createRing, drain } from '../delivery/ring.ts';
import type { PublisherError } from '../error.ts';
import type { Settings } from '../options.ts';
import type { PendingEvent } from '../pending-event.ts';
import type { Adoption } from './adoption.ts';
import type { DiskQueue } from './disk-queue.ts';
import type { MemoryBounds } from './memory-bounds.ts';
import type { Settlement } from './settlement.ts';
import type { Signing } from './signing.ts';
import type { Stamping } from './stamping.ts';
import { UnsignedEvents } from './unsigned-events.ts';

export interface StagingOptions {
  readonly settings: Pick<Settings, 'durability' | 'spoolRetryMs' | 'windowEvents' | 'maxQueueEvents'>;
  readonly memory: MemoryBounds;
  readonly signing: Signing;
  readonly stamping: Stamping;
  readonly settlement: Settlement;
  readonly delivery: Delivery;
  /** Both null: without a `spoolDir`. */
  readonly disk: DiskQueue | null;
  readonly adoption: Adoption | null;
  isConnected(): boolean;
  /** Call `run` soon. */
  wake(): void;
}

/** Beyond this part of the bounds, memory is left to what is being delivered, and the rest goes to disk. */
const SPILL_SHARE = 0.75;
/** Events stamped, and written with one call. */
const BATCH = 32;

/**
 * Between `emit` and delivery: stamps events in slices, and decides where each goes. The one order is
 *
 *     delivery (in memory, oldest) < disk queue (only on disk) < staging (in memory, newest)
 *
 * so while any event is only on disk, a new one goes there too, and is read back when delivery needs it.
 */
export class Staging {
  readonly #options: StagingOptions;
  readonly #accepted = createRing<PendingEvent>();
  /** Stamped, and refused by the disk while older events are there. */
  #held: PendingEvent[] = [];
  readonly #unsigned: UnsignedEvents;
  /** Delivery is given more from disk while it has fewer events than this. */
  readonly #lowMark: number;
  readonly #retry: Alarm;

  constructor(options: StagingOptions) {
    const { windowEvents, maxQueueEvents } = options.settings;
    this.#options = options;
    this.#unsigned = new UnsignedEvents(options.signing, options.stamping, options.delivery);
    // Not above the share at which memory spills: a small queue that is connected and refused would drop and never
    // spill.
    this.#lowMark = Math.min(windowEvents, Math.ceil(maxQueueEvents / 2));
    this.#retry = createAlarm(options.wake);
  }

  push(event: PendingEvent): void {
    this.#accepted.push(event);
  }

  /** Stamps and places an event before it returns, if nothing is before it. */
  pushThrough(event: PendingEvent): void {
    if (this.#accepted.length > 0 || this.#held.length > 0) return this.push(event);
    if (this.#stamp(event) && !this.#place([event])) this.push(event);
  }

  /** Moves some events to disk now. false: that is not possible. */
  makeRoom(): boolean {
    if (this.#options.disk === null || this.#accepted.length === 0) return false;
    return this.#step(Number.POSITIVE_INFINITY);
  }

  /** Takes out the oldest event, unless `keep` says to keep it. */
  dropOldest(keep: (event: PendingEvent) => boolean): PendingEvent | undefined {
    const unsigned = this.#unsigned.oldest;
    const oldest = unsigned ?? this.#accepted.peek();
    if (oldest === undefined || keep(oldest)) return undefined;
    return unsigned === undefined ? this.#accepted.shift() : this.#unsigned.shift();
  }

  /** Works until then (`performance.now`). true: there is more to do at once. */
  run(untilMs: number): boolean {
    const { delivery, signing } = this.#options;
    this.#refill();
    let more = this.#unsigned.run(untilMs);
    more = delivery.run(untilMs) || more;
    if (this.#accepted.length > 0 && signing.waits()) return more || this.#isHungry;
    while (this.#accepted.length > 0 || this.#held.length > 0) {
      if (performance.now() > untilMs) return true;
      if (!this.#step(untilMs)) break;
      more = this.#unsigned.run(untilMs) || more;
      more = delivery.run(untilMs) || more;
    }
    return more || this.#isHungry;
  }

  /**
   * Leaves what is still in memory to the next publisher.
   *
   * @param reason for callers who wait for the acknowledgement of an event that is on disk
   * @returns the events for which there is no place on disk
   */
  leave(reason: PublisherError): PendingEvent[] {
    const { delivery, disk } = this.#options;
    this.#retry.stop();
    // Adopted events stay in their own segments.
    const undelivered = delivery.close().filter((event) => !event.adopted);
    const older = undelivered.concat(this.#unsigned.takeAll());
    const newer = this.#held;
    this.#held = [];
    for (const event of drain(this.#accepted)) {
      if (disk === null || event.state !== 'accepted' || this.#stamp(event)) newer.push(event);
    }
    return disk === null ? older.concat(newer) : disk.leave(older, newer, reason);
  }

  /** Leaves more events to the next publisher, after `leave`. @returns those for which there is no place on disk */
  leaveMore(events: readonly PendingEvent[]): PendingEvent[] {
    const stamped = events.filter((event) => this.#stamp(event));
    return this.#options.disk?.append(stamped) === true ? [] : stamped;
  }

  /** Stamps and places a batch. false: nothing could be placed. */
  #step(untilMs: number): boolean {
    for (let i = this.#held.length; i < BATCH; i++) {
      const event = this.#accepted.shift();
      if (event === undefined) break;
      if (event.state !== 'accepted' || this.#stamp(event)) this.#held.push(event);
      if (performance.now() > untilMs) break;
    }
    if (!this.#place(this.#held)) {
      this.#retry.set(this.#options.settings.spoolRetryMs);
      return false;
    }
    this.#held = [];
    return true;
  }

  /** false: it is no valid event, and was dropped. */
  #stamp(event: PendingEvent): boolean {
    const fault = this.#options.stamping.stamp(event);
    if (fault === null) return true;
    this.#options.settlement.dropped(event, fault);
    return false;
  }

  /** false: the disk has older events and takes no more. */
  #place(events: readonly PendingEvent[]): boolean {
    const { disk, memory, settings } = this.#options;
    if (disk !== null) {
      const spills = !this.#deliveryNeeds && !memory.hasRoom(0, SPILL_SHARE);
      if ((!disk.isEmpty || spills) && disk.append(events)) return true;
      if (!disk.isEmpty) return false;
      disk.keepCopy(settings.durability === 'memory' ? events.filter(({ waiter }) => waiter?.toDisk) : events);
    }
    this.#unsigned.offer(events);
    return true;
  }

  /** Connected, and soon nothing is left to send. */
  get #deliveryNeeds(): boolean {
    const { delivery, isConnected, signing } = this.#options;
    return isConnected() && delivery.queued + this.#unsigned.length < this.#lowMark && !signing.waits();
  }

  /** Reads from disk what delivery needs. */
  #refill(): void {
    const { disk, adoption, delivery, signing, settings } = this.#options;
    if (disk === null || adoption === null) return;
    if (!adoption.look()) this.#retry.set(settings.spoolRetryMs);
    if (!this.#isHungry) return;
    // These are never signed here: a signature says that the signer saw the event happen.
    for (const event of adoption.next()) delivery.offer(event);
    if (!disk.isEmpty && !signing.waits()) this.#unsigned.offer(disk.readBack());
  }

  /** Whether something is on disk that delivery needs. */
  get #isHungry(): boolean {
    const { disk, adoption, delivery, isConnected, signing } = this.#options;
    if (disk === null || adoption === null || !isConnected()) return false;
    if (delivery.queued + this.#unsigned.length >= this.#lowMark) return false;
    return (!disk.isEmpty && !signing.waits()) || adoption.isWaiting;
  }
}
