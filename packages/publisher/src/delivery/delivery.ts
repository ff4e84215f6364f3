/**
 * From stamped events to acknowledgements, over whatever connection is there.
 *
 * Go-back-N: the window holds what was sent and is not acknowledged, in order. When an answer says "not now", when
 * none comes, or when the connection was lost, everything in the window counts as unsent; after a wait the first of it
 * goes out alone, and with each acknowledgement one more may be under way (slow start). So a stream that comes back
 * in the middle of a resend cannot take later events first, and nothing new is sent before all of the window was.
 * The same id each time makes a resend the same message; an answer to an earlier try counts.
 */
import type { Ack } from '../ack.ts';
import { type BackoffBounds, createBackoff } from '../backoff.ts';
import type { Denial, Inbox, InboxMessage, Link } from '../connection/link.ts';
import type { PendingEvent } from '../pending-event.ts';
import { createParking, type Departure } from './denied-subjects.ts';
import { createAnswerReader } from './pub-ack.ts';
import { createRing } from './ring.ts';

export interface DeliveryOptions {
  readonly windowEvents: number;
  readonly windowBytes: number;
  readonly ackTimeoutMs: number;
  readonly parkProbeMs: number;
  /** Events that may wait for a right, and their bytes. */
  readonly maxParked: number;
  readonly maxParkedBytes: number;
  readonly backoff: BackoffBounds;
  acked(event: PendingEvent, ack: Ack): void;
  dropped(event: PendingEvent, reason: 'too_large' | 'not_permitted', detail: string): void;
  /** There is something to send: call `run` soon. */
  wake(): void;
}

export interface Delivery {
  /** Takes over a stamped event. */
  offer(event: PendingEvent): void;
  connect(link: Link): void;
  disconnect(): void;
  denied(denial: Denial): void;
  /** Sends what may be sent until then (`performance.now`). true: there is more. */
  run(untilMs: number): boolean;
  /** The oldest event that was never sent, unless `keep` says to keep it. */
  dropOldest(keep: (event: PendingEvent) => boolean): PendingEvent | undefined;
  /** Everything that is still here, in the order of emitting; nothing is sent any more. */
  close(): PendingEvent[];
  /** What is wrong at present, or null. */
  readonly trouble: string | null;
  /** Taken over and never sent yet. */
  readonly queued: number;
  readonly inFlight: number;
  readonly parked: number;
  /** Of them, dead publishers'. */
  readonly parkedAdopted: number;
  /** Messages sent beyond the first try of an event. */
  readonly resent: number;
}

export function createDelivery(options: DeliveryOptions): Delivery {
  const { windowEvents, windowBytes, ackTimeoutMs, parkProbeMs, acked, dropped, wake } = options;
  const readAnswer = createAnswerReader();
  const ready = createRing<PendingEvent>();
  /** By token, in the order of the first try: a Map keeps it. */
  const window = new Map<number, PendingEvent>();
  const parking = createParking({
    maxEvents: options.maxParked,
    maxBytes: options.maxParkedBytes,
    dropped: (event, detail) => dropped(event, 'not_permitted', detail),
  });
  const backoff = createBackoff(options.backoff);

  let link: Link | null = null;
  let inbox: Inbox | null = null;
  /** Whose the inbox is. */
  let inboxLink: Link | null = null;
  let nextToken = 1;
  let unsent = 0;
  let flying = 0;
  let bytes = 0;
  let limit = 1;
  let resent = 0;
  /** Reading the clock costs a tenth of sending. */
  let looks = 0;
  /** The time was over in the middle of a burst. */
  let inBurst = false;
  let failure: string | null = null;
  let waiting: NodeJS.Timeout | undefined;
  let deadline: NodeJS.Timeout | undefined;
  let parkTimer: NodeJS.Timeout | undefined;
  /** Since when the window begins with the same event, or since its first was sent. */
  let headSince = 0;

  const send = (token: number, event: PendingEvent, to: Link): boolean => {
    try {
      to.publish(event.subject, event.text, { reply: `${inbox?.prefix}.${token.toString(36)}`, id: event.id });
    } catch (error) {
      // Closed or draining; `gone` comes with it, or the next try finds out.
      fail(`publishing failed: ${String(error)}`);
      return false;
    }
    if (event.tries++ > 0) resent++;
    return true;
  };

  const dropTooLarge = (event: PendingEvent, to: Link): void => {
    parking.settled(event, 'dropped');
    dropped(event, 'too_large', `${event.bytes} bytes, the server takes ${to.maxPayload}`);
  };

  const remove = (token: number, event: PendingEvent): void => {
    // Only the first one's progress counts: one that got lost is the first soon, while the others keep being answered.
    if (window.keys().next().value === token) headSince = performance.now();
    window.delete(token);
    bytes -= event.bytes;
    if (event.sent) flying--;
    else unsent--;
    if (window.size === 0) stopDeadline();
  };

  const fly = (token: number, event: PendingEvent, to: Link): boolean => {
    if (flying === 0) headSince = performance.now();
    if (!send(token, event, to)) return false;
    event.sent = true;
    unsent--;
    flying++;
    deadline ??= startDeadline(ackTimeoutMs);
    return true;
  };

  const grounded = (): void => {
    for (const event of window.values()) event.sent = false;
    unsent = window.size;
    flying = 0;
    limit = 1;
    stopDeadline();
  };

  const fail = (detail: string, waitMs = backoff.next()): void => {
    failure = detail;
    // Now, and not when the wait is over: the log is to say what is wrong.
    wake();
    grounded();
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      waiting = undefined;
      wake();
    }, waitMs).unref();
  };

  const startDeadline = (ms: number): NodeJS.Timeout =>
    setTimeout(() => {
      deadline = undefined;
      if (flying === 0) return;
      const left = headSince + ackTimeoutMs - performance.now();
      if (left > 1) deadline = startDeadline(left);
      else fail(`no acknowledgement within ${ackTimeoutMs} ms`);
    }, ms).unref();

  const stopDeadline = (): void => {
    clearTimeout(deadline);
    deadline = undefined;
  };

  const onMessage = (message: InboxMessage): void => {
    const token = Number.parseInt(message.subject.slice((inbox?.prefix.length ?? 0) + 1), 36);
    const event = window.get(token);
    if (event === undefined) return onLateAnswer(token, message);
    const answer = readAnswer(message);
    switch (answer.kind) {
      case 'stored':
        remove(token, event);
        parking.settled(event, 'stored');
        recovered();
        acked(event, answer.ack);
        break;
      case 'too_large':
        remove(token, event);
        parking.settled(event, 'dropped');
        dropped(event, 'too_large', answer.detail);
        break;
      case 'retry':
        // Others of the same burst: the first one said it.
        if (event.sent) fail(answer.detail);
        break;
    }
    wake();
  };

  const listen = (to: Link): boolean => {
    if (inbox !== null && inboxLink === to) return true;
    try {
      // The one on a connection that another has taken the place of.
      inbox?.close();
      inbox = to.openInbox(onMessage);
      inboxLink = to;
      return true;
    } catch (error) {
      fail(`subscribing to an inbox failed: ${String(error)}`);
      return false;
    }
  };

  const recovered = (): void => {
    if (limit < windowEvents) limit++;
    if (failure === null) return;
    failure = null;
    backoff.reset();
  };

  /** To an event that was parked since, or to the one that was tried: any answer says that its subject is permitted. */
  const onLateAnswer = (token: number, message: InboxMessage): void => {
    const event = parking.sentAs(token);
    if (event === undefined) return;
    const answer = readAnswer(message);
    parking.probed(token);
    // What else it may be is found out again in the window.
    if (answer.kind === 'stored') {
      parking.answered(event, 'stored');
      acked(event, answer.ack);
    } else if (answer.kind === 'too_large') {
      parking.answered(event, 'dropped');
      dropped(event, 'too_large', answer.detail);
    }
    wake();
  };

  const startProbing = (): void => {
    parkTimer ??= setTimeout(probeParked, parkProbeMs).unref();
  };

  const probeParked = (): void => {
    parkTimer = undefined;
    if (parking.events === 0) return;
    startProbing();
    const tried = link === null || inbox === null ? undefined : parking.probe(nextToken);
    if (tried === undefined || link === null) return;
    if (tried.token === nextToken) nextToken++;
    send(tried.token ?? nextToken, tried.event, link);
  };

  /** An event that counts as in flight. false: stop for now. */
  const launch = ({ event, token }: Departure, to: Link): boolean => {
    if (event.bytes > to.maxPayload) {
      dropTooLarge(event, to);
      return true;
    }
    const mine = token ?? nextToken++;
    window.set(mine, event);
    event.sent = false;
    bytes += event.bytes;
    unsent++;
    return fly(mine, event, to);
  };

  /** Sends or parks one event; what waits aside and may go comes first. false: stop for now. */
  const advance = (to: Link): boolean => {
    const released = parking.next();
    if (released) return launch(released, to);
    const event = ready.peek();
    if (event === undefined || (window.size > 0 && bytes + event.bytes > windowBytes)) return false;
    const permission = parking.judge(event);
    if (permission === 'wait') return false;
    ready.shift();
    if (permission === 'send') return launch({ event, token: null }, to);
    parking.park(event);
    startProbing();
    return true;
  };

  const mayFly = (): boolean => flying < limit && waiting === undefined;

  const resend = (to: Link, untilMs: number): boolean => {
    for (const [token, event] of window) {
      if (unsent === 0 || !mayFly()) return false;
      if (event.sent) continue;
      if (performance.now() > untilMs) return true;
      if (event.bytes > to.maxPayload) {
        remove(token, event);
        dropTooLarge(event, to);
      } else if (!fly(token, event, to)) return false;
    }
    return false;
  };

  return {
    offer: (event) => ready.push(event),
    connect(to) {
      link = to;
      clearTimeout(waiting);
      waiting = undefined;
      grounded();
      parking.openAll();
      wake();
    },
    disconnect() {
      link = null;
      grounded();
    },
    denied({ operation, subject }) {
      if (operation === 'publish') {
        const refused = new Map([...window].filter(([, event]) => event.subject === subject));
        for (const [token, event] of refused) remove(token, event);
        parking.denied(subject, refused);
        startProbing();
        wake();
      } else if (inbox !== null && subject === `${inbox.prefix}.*`) {
        inbox.close();
        inbox = null;
        const remedy =
          'set inboxPrefix (waybill-spool: WAYBILL_NATS_INBOX_PREFIX) to what the NATS user may subscribe to';
        fail(`not permitted to subscribe to ${subject}: ${remedy}`, parkProbeMs);
      }
    },
    run(untilMs) {
      if (link === null || waiting !== undefined) return false;
      if (!listen(link)) return false;
      if (unsent > 0 && resend(link, untilMs)) return true;
      // In bursts: one more for each acknowledgement would be a small write for each, here and at the server.
      if (!inBurst && flying > limit >> 1) return false;
      inBurst = false;
      while (unsent === 0 && mayFly()) {
        if (window.size > 0 && bytes >= windowBytes) return false;
        if ((++looks & 7) === 0 && performance.now() > untilMs) {
          inBurst = true;
          return true;
        }
        if (!advance(link)) return false;
      }
      return false;
    },
    dropOldest(keep) {
      const oldest = ready.peek();
      return oldest === undefined || keep(oldest) ? undefined : ready.shift();
    },
    close() {
      link = null;
      clearTimeout(waiting);
      clearTimeout(parkTimer);
      stopDeadline();
      inbox?.close();
      const left = [...window.values(), ...parking.all()].toSorted((a, b) => a.ordinal - b.ordinal);
      window.clear();
      for (let event = ready.shift(); event !== undefined; event = ready.shift()) left.push(event);
      return left;
    },
    get trouble() {
      if (failure !== null) return failure;
      const { subjects } = parking;
      return subjects.length > 0 ? `not permitted to publish to ${subjects.join(', ')}` : null;
    },
    get queued() {
      return ready.length;
    },
    get inFlight() {
      return flying;
    },
    get parked() {
      return parking.events;
    },
    get parkedAdopted() {
      return parking.adopted;
    },
    get resent() {
      return resent;
    },
  };
}
