import type { Delivery } from '../delivery/delivery.ts';
import { createRing, drain } from '../delivery/ring.ts';
import type { PendingEvent } from '../pending-event.ts';
import type { Signing } from './signing.ts';
import type { Stamping } from './stamping.ts';

/**
 * Stamped events that had to be written to disk before there was a key, for durability or for want of room. They wait
 * here for the key, and every event behind them, so that delivery gets all in order.
 */
export class UnsignedEvents {
  readonly #signing: Signing;
  readonly #stamping: Stamping;
  readonly #delivery: Pick<Delivery, 'offer'>;
  readonly #waiting = createRing<PendingEvent>();

  constructor(signing: Signing, stamping: Stamping, delivery: Pick<Delivery, 'offer'>) {
    this.#signing = signing;
    this.#stamping = stamping;
    this.#delivery = delivery;
  }

  get length(): number {
    return this.#waiting.length;
  }

  get oldest(): PendingEvent | undefined {
    return this.#waiting.peek();
  }

  /** Hands events to delivery, or lets them wait. */
  offer(events: readonly PendingEvent[]): void {
    for (const event of events) {
      const isReady = !this.#signing.isOn || (event.unsigned === null && this.#waiting.length === 0);
      if (isReady) this.#delivery.offer(event);
      else this.#waiting.push(event);
    }
  }

  /**
   * Signs and hands over what waits, if waiting is over. One signature takes fifty times as long as stamping does.
   *
   * @returns whether the time is over before all is done
   */
  run(untilMs: number): boolean {
    if (this.#waiting.length === 0 || this.#signing.waits()) return false;
    for (const event of drain(this.#waiting)) {
      if (event.unsigned !== null) this.#stamping.sign(event);
      this.#delivery.offer(event);
      if (performance.now() > untilMs) return this.#waiting.length > 0;
    }
    return false;
  }

  shift(): PendingEvent | undefined {
    return this.#waiting.shift();
  }

  takeAll(): PendingEvent[] {
    return [...drain(this.#waiting)];
  }
}
