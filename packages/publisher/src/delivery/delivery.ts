/**
 * The `delivery/` room: from stamped events to acknowledgements, over whatever connection is there. Stamped events come
 * in, in order, and connections. The acknowledgement of each event goes out, or why it is dropped. Nothing here knows
 * of disks, of callers that wait, or how an event was made.
 *
 * An event waits to be sent (sender.ts), then in the send window for its answer (window.ts), or aside while its subject
 * is denied (denied-subjects.ts). When an answer says "not now", when none comes, or when the connection is lost, all
 * of the window is sent again, in order, before anything new (recovery.ts). So a stream that comes back in the middle
 * of a resend cannot take later events first. A resend has the same id, so it is the same message; an answer to any try
 * counts.
 */
import type { Ack } from '../ack.ts';
import { type Alarm, createAlarm } from '../alarm.ts';
import type { BackoffBounds } from '../backoff.ts';
import type { Denial, InboxMessage, Link } from '../connection/link.ts';
import type { PendingEvent } from '../pending-event.ts';
import { DeniedSubjects } from './denied-subjects.ts';
import { createAnswerReader } from './pub-ack.ts';
import { Recovery } from './recovery.ts';
import { Sender } from './sender.ts';
import { SendWindow } from './window.ts';
import { Wire } from './wire.ts';

export interface DeliveryOptions {
  readonly windowEvents: number;
  readonly ackTimeoutMs: number;
  readonly parkProbeMs: number;
  /** Events that may wait for a permission, and their bytes. */
  readonly maxParked: number;
  readonly maxParkedBytes: number;
  readonly backoff: BackoffBounds;
  /** Whether the event waits for a permission. Otherwise it is dropped when it is denied. */
  mayWait(event: PendingEvent): boolean;
  acked(event: PendingEvent, ack: Ack): void;
  dropped(event: PendingEvent, reason: 'too_large' | 'not_permitted', detail: string): void;
  /** There is something to send: call `run` soon. */
  wake(): void;
}

/** How many bytes may be unacknowledged at once. */
const WINDOW_BYTES = 8 * 1024 * 1024;

export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #wire = new Wire((token, message) => this.#answered(token, message));
  readonly #readAnswer = createAnswerReader();
  readonly #window: SendWindow;
  readonly #denied: DeniedSubjects;
  readonly #recovery: Recovery;
  readonly #sender: Sender;
  readonly #probeAlarm: Alarm;

  constructor(options: DeliveryOptions) {
    this.#options = options;
    this.#window = new SendWindow(options.windowEvents, WINDOW_BYTES);
    this.#denied = new DeniedSubjects({
      maxEvents: options.maxParked,
      maxBytes: options.maxParkedBytes,
      dropped: (event, detail) => options.dropped(event, 'not_permitted', detail),
    });
    this.#recovery = new Recovery({ window: this.#window, ...options });
    this.#probeAlarm = createAlarm(() => this.#probe());
    this.#sender = new Sender({
      wire: this.#wire,
      window: this.#window,
      denied: this.#denied,
      recovery: this.#recovery,
      waits: () => this.#probeAlarm.set(options.parkProbeMs),
      tooLarge: (event, detail) => options.dropped(event, 'too_large', detail),
    });
  }

  /** Takes over a stamped event. */
  offer(event: PendingEvent): void {
    this.#sender.offer(event);
  }

  /** Sends what may be sent until then (`performance.now`). true: there is more. */
  run(untilMs: number): boolean {
    return this.#sender.run(untilMs);
  }

  /** Takes back the oldest event that was never sent, unless `keep` says to keep it. */
  dropOldest(keep: (event: PendingEvent) => boolean): PendingEvent | undefined {
    return this.#sender.dropOldest(keep);
  }

  // --- the connection ---

  connect(link: Link): void {
    this.#wire.connect(link);
    this.#recovery.endPause();
    this.#recovery.goBack();
    this.#denied.permitAll();
    this.#options.wake();
  }

  disconnect(): void {
    this.#wire.disconnect();
    this.#recovery.goBack();
  }

  denied({ operation, subject }: Denial): void {
    const { parkProbeMs, wake } = this.#options;
    if (operation === 'publish') {
      const denied = new Map([...this.#window.entries()].filter(([, event]) => event.subject === subject));
      for (const [token, event] of denied) this.#recovery.left(this.#window.remove(token, event));
      this.#dropUnlessWaiting(denied);
      this.#denied.deny(subject, denied);
      this.#probeAlarm.set(parkProbeMs);
      wake();
    } else {
      const fault = this.#wire.inboxDenied(subject);
      if (fault !== null) this.#recovery.fail(fault, parkProbeMs);
    }
  }

  /** @param denied what is dropped is taken out of it */
  #dropUnlessWaiting(denied: Map<number, PendingEvent>): void {
    for (const [token, event] of denied) {
      if (this.#options.mayWait(event)) continue;
      denied.delete(token);
      this.#denied.settled(event, 'dropped');
      this.#options.dropped(event, 'not_permitted', `not permitted to publish to ${event.subject}`);
    }
  }

  /** Tries an event whose subject is denied, now and then. */
  #probe(): void {
    if (this.#denied.events === 0) return;
    this.#probeAlarm.set(this.#options.parkProbeMs);
    const { link, isListening } = this.#wire;
    if (link === null || !isListening) return;
    const tried = this.#denied.probe(this.#window.newToken());
    if (tried !== undefined) this.#sender.publish(tried.token, tried.event, link);
  }

  // --- answers ---

  #answered(token: number, message: InboxMessage): void {
    const inWindow = this.#window.get(token);
    const event = inWindow ?? this.#denied.sentAs(token);
    if (event === undefined) return;
    const answer = this.#readAnswer(message);
    // The event waits, or is tried: any answer says that its subject is permitted.
    if (inWindow === undefined) this.#denied.permit(token);
    switch (answer.kind) {
      case 'stored':
        this.#leave(token, event, 'stored');
        if (inWindow !== undefined) this.#recovery.succeeded();
        this.#options.acked(event, answer.ack);
        break;
      case 'too_large':
        this.#leave(token, event, 'dropped');
        this.#options.dropped(event, 'too_large', answer.detail);
        break;
      case 'retry':
        // If it is not in flight, an earlier answer of the same burst has failed, or it waits and is sent again.
        if (event.state === 'in_flight') this.#recovery.fail(answer.detail);
        break;
    }
    this.#options.wake();
  }

  #leave(token: number, event: PendingEvent, outcome: 'stored' | 'dropped'): void {
    if (this.#window.get(token) === undefined) return this.#denied.answered(event, outcome);
    this.#recovery.left(this.#window.remove(token, event));
    this.#denied.settled(event, outcome);
  }

  // --- out ---

  /** Sends nothing any more. @returns everything that is still here, in the order of emitting */
  close(): PendingEvent[] {
    this.#wire.close();
    this.#recovery.close();
    this.#probeAlarm.stop();
    const left = [...this.#window.events(), ...this.#denied.all()].toSorted((a, b) => a.ordinal - b.ordinal);
    this.#window.clear();
    return left.concat(this.#sender.takeAll());
  }

  /** What is wrong at present, or null. */
  get trouble(): string | null {
    if (this.#recovery.failure !== null) return this.#recovery.failure;
    const { subjects } = this.#denied;
    return subjects.length > 0 ? `not permitted to publish to ${subjects.join(', ')}` : null;
  }

  /** Events that were never sent. */
  get queued(): number {
    return this.#sender.queued;
  }

  get inFlight(): number {
    return this.#window.inFlight;
  }

  /** Events that wait for a permission. */
  get parked(): number {
    return this.#denied.events;
  }

  /** Of these, events of dead publishers. */
  get parkedAdopted(): number {
    return this.#denied.adopted;
  }

  /** Messages sent beyond the first try of each event. */
  get resent(): number {
    return this.#sender.resent;
  }
}
