import type { Link } from '../connection/link.ts';
import type { PendingEvent } from '../pending-event.ts';
import type { DeniedSubjects, Departure } from './denied-subjects.ts';
import type { Recovery } from './recovery.ts';
import { createRing, drain } from './ring.ts';
import type { SendWindow } from './window.ts';
import type { Wire } from './wire.ts';

export interface SenderOptions {
  readonly wire: Wire;
  readonly window: SendWindow;
  readonly denied: DeniedSubjects;
  readonly recovery: Recovery;
  /** An event waits for a permission. */
  waits(): void;
  /** The server takes no such large event. */
  tooLarge(event: PendingEvent, detail: string): void;
}

/** The clock is read once for this many events, because reading it costs a tenth of sending one. */
const EVENTS_PER_CLOCK = 8;

/** Decides which event goes out next: one of the window again, one that waited for a permission, or a new one. */
export class Sender {
  readonly #options: SenderOptions;
  readonly #ready = createRing<PendingEvent>();
  #launched = 0;
  #resent = 0;
  /** The time was over in the middle of a burst. */
  #inBurst = false;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /** Events that were never sent. */
  get queued(): number {
    return this.#ready.length;
  }

  /** Messages sent beyond the first try of each event. */
  get resent(): number {
    return this.#resent;
  }

  offer(event: PendingEvent): void {
    this.#ready.push(event);
  }

  /** Takes back the oldest event that was never sent, unless `keep` says to keep it. */
  dropOldest(keep: (event: PendingEvent) => boolean): PendingEvent | undefined {
    const oldest = this.#ready.peek();
    return oldest === undefined || keep(oldest) ? undefined : this.#ready.shift();
  }

  takeAll(): PendingEvent[] {
    return [...drain(this.#ready)];
  }

  /** Sends what may be sent until then (`performance.now`). true: there is more. */
  run(untilMs: number): boolean {
    const { wire, window, recovery } = this.#options;
    const { link } = wire;
    if (link === null || recovery.isPaused) return false;
    const fault = wire.listen(link);
    if (fault !== null) return recovery.fail(fault);
    if (window.unsent > 0 && this.#resend(link, untilMs)) return true;
    // In bursts: one more for each acknowledgement would be a small write for each, here and at the server.
    if (!this.#inBurst && window.isHalfFull) return false;
    this.#inBurst = false;
    while (window.unsent === 0 && this.#maySend) {
      if (window.isOutOfBytes) return false;
      if (++this.#launched % EVENTS_PER_CLOCK === 0 && performance.now() > untilMs) {
        this.#inBurst = true;
        return true;
      }
      if (!this.#sendNext(link)) return false;
    }
    return false;
  }

  /** Sends one message, in or beside the window. @returns false: stop for now */
  publish(token: number, event: PendingEvent, to: Link): boolean {
    const { wire, recovery } = this.#options;
    const fault = wire.publish(token, event, to);
    if (fault !== null) return recovery.fail(fault);
    if (event.tries++ > 0) this.#resent++;
    return true;
  }

  get #maySend(): boolean {
    return this.#options.window.isOpen && !this.#options.recovery.isPaused;
  }

  /** true: the time is over, and there is more to resend. */
  #resend(to: Link, untilMs: number): boolean {
    const { window, recovery } = this.#options;
    for (const [token, event] of window.entries()) {
      if (window.unsent === 0 || !this.#maySend) return false;
      if (event.state === 'in_flight') continue;
      if (performance.now() > untilMs) return true;
      if (event.bytes > to.maxPayload) {
        recovery.left(window.remove(token, event));
        this.#dropTooLarge(event, to);
      } else if (!this.#send(token, event, to)) return false;
    }
    return false;
  }

  /** Sends one event or sets it aside. Events that waited and may go come first. false: stop for now. */
  #sendNext(to: Link): boolean {
    const { window, denied } = this.#options;
    const released = denied.next();
    if (released) return this.#launch(released, to);
    const event = this.#ready.peek();
    if (event === undefined || !window.hasRoomFor(event)) return false;
    const permission = denied.judge(event);
    if (permission === 'wait') return false;
    this.#ready.shift();
    if (permission === 'send') return this.#launch({ event, token: null }, to);
    denied.add(event);
    this.#options.waits();
    return true;
  }

  /** @param departure counts as in flight in its lane. @returns false: stop for now */
  #launch({ event, token }: Departure, to: Link): boolean {
    if (event.bytes > to.maxPayload) {
      this.#dropTooLarge(event, to);
      return true;
    }
    const mine = token ?? this.#options.window.newToken();
    this.#options.window.add(mine, event);
    return this.#send(mine, event, to);
  }

  /** @param event in the window, unsent. @returns false: stop for now */
  #send(token: number, event: PendingEvent, to: Link): boolean {
    const { window, recovery } = this.#options;
    recovery.sending();
    if (!this.publish(token, event, to)) return false;
    window.sent(event);
    recovery.sent();
    return true;
  }

  #dropTooLarge(event: PendingEvent, to: Link): void {
    this.#options.denied.settled(event, 'dropped');
    this.#options.tooLarge(event, `${event.bytes} bytes, the server takes ${to.maxPayload}`);
  }
}
