/** Wires everything; read first. emit → intake → raw queue → stamp → delivery (window) → acknowledged or dropped. */
import { Buffer } from 'node:buffer';
import { createDataCheck, formatEventSubject, stampEvent, SchemaError } from '@waybill/schema';
import { createAccountBook } from './accounts.ts';
import type { Ack } from './ack.ts';
import { createBacklog } from './backlog.ts';
import { type ConnectionLike, type Link, watchConnection } from './connection.ts';
import { decisionOf } from './decision.ts';
import { createDelivery } from './delivery.ts';
import { type Dial, startDial } from './dial.ts';
import { createDisabledPublisher } from './disabled.ts';
import type { Drop } from './drop.ts';
import { dropError, PublisherError } from './error.ts';
import {
  type CloseResult,
  DEFAULT_WAIT_MS,
  type Publisher,
  type PublisherCore,
  type PublisherStatus,
} from './handle.ts';
import { createIntake, type EventInput } from './intake.ts';
import { createNumbering } from './numbering.ts';
import { isEnabled, type PublisherOptions, readOptions, serverList, type Settings } from './options.ts';
import type { PendingEvent, Waiter } from './pending-event.ts';
import { CONSOLE_LOGGER, createReporter } from './report.ts';
import { createRing } from './ring.ts';
import { confirmSigned, createSigning } from './signing.ts';
import { createUuidV7 } from './uuid.ts';

/** The longest that one turn of stamping and sending keeps the event loop. */
const SLICE_MS = 2;
/** What `stampEvent` adds to an event's fields, about. */
const ENVELOPE_BYTES = 320;

/**
 * Starts a publisher. Connecting happens in the background; never being connected is a normal state.
 *
 * A publisher that opens its own connection keeps the process alive until `close()`, as every NATS client does.
 *
 * @throws PublisherError INVALID_OPTIONS
 */
export function createPublisher(options: PublisherOptions): Publisher {
  const settings = readOptions(options);
  const reporter = createReporter(settings.logger ?? CONSOLE_LOGGER, settings.onDrop);
  const core = isEnabled(settings)
    ? confirmSigned(createEnabledPublisher(settings, reporter), settings.signer)
    : createDisabledPublisher(reporter);
  return Object.assign(core, { decision: decisionOf(core) });
}

function createEnabledPublisher(settings: Settings, reporter: ReturnType<typeof createReporter>): PublisherCore {
  const source = settings.source as string;
  const now = settings.clock ?? Date.now;
  const newId = createUuidV7();
  const intake = createIntake(settings.events ?? []);
  const checkData = createDataCheck(settings.events);
  const numbering = createNumbering(settings.producer ?? newId(now()));
  const signing = createSigning(settings.signer, settings.logger ?? CONSOLE_LOGGER);
  const book = createAccountBook();
  const backlog = createBacklog({ maxEvents: settings.maxQueueEvents, maxBytes: settings.maxQueueBytes });
  const raw = createRing<PendingEvent>();
  const delivery = createDelivery({
    ...settings,
    maxParked: Math.ceil(settings.maxQueueEvents / 2),
    backoff: { minMs: settings.backoffMinMs, maxMs: settings.backoffMaxMs },
    acked: settleAcked,
    dropped: (event, reason, detail) => settleDropped(event, { reason, detail }),
    wake,
  });

  let scheduled = false;
  let closing: Promise<CloseResult> | null = null;
  let closed = false;
  let link: Link | null = null;
  /** Why there is no link. */
  let offline = 'connecting';
  let everConnected = false;
  let dial: Dial | null = null;

  // --- in ---

  function take(input: EventInput, waiter: Waiter | null): void {
    const taken = intake.take(input);
    // Checked after foreign code has run, which may have called close().
    if (closing) return refuse({ reason: 'closed', detail: 'emitted after close()' }, waiter);
    if (!taken.ok) {
      const { drop } = taken;
      return refuse(
        drop.orgid === undefined ? drop : { ...drop, sequence: String(numbering.take(drop.orgid)) },
        waiter,
      );
    }
    const { type, orgid, fields } = taken;
    const sequence = numbering.take(orgid);
    const bytes = taken.bytes + ENVELOPE_BYTES;
    if (!backlog.hasRoom(bytes)) {
      const detail = `${backlog.events} events and ${backlog.bytes} bytes are pending`;
      return refuse({ reason: 'queue_full', detail, type, orgid, sequence: String(sequence) }, waiter);
    }
    const event: PendingEvent = {
      ordinal: backlog.nextOrdinal,
      type,
      orgid,
      producer: numbering.producer,
      sequence,
      timeMs: now(),
      id: '',
      fields,
      text: '',
      subject: '',
      bytes,
      sent: false,
      tries: 0,
      waiter,
    };
    book.accept();
    backlog.add(event);
    raw.push(event);
    wake();
  }

  function refuse(drop: Drop, waiter: Waiter | null): void {
    book.refuse(drop.reason);
    waiter?.reject(dropError(drop));
    reporter.dropped(drop);
  }

  // --- the loop: slices of stamping and sending, with I/O in between ---

  function wake(): void {
    if (scheduled || closed) return;
    scheduled = true;
    setImmediate(turn);
  }

  function turn(): void {
    scheduled = false;
    const untilMs = performance.now() + SLICE_MS;
    // What is stamped goes out before more is stamped, so that the server works at the same time.
    let more = delivery.run(untilMs);
    // The first events wait for the first try to get a key, so that not all of them are unsigned.
    const held = signing.hold(wake);
    while (!held && raw.length > 0 && performance.now() < untilMs) {
      for (let i = 0; i < 16 && performance.now() < untilMs; i++) {
        const event = raw.shift();
        if (event === undefined) break;
        stamp(event);
      }
      more = delivery.run(untilMs);
    }
    observe();
    if (more || (raw.length > 0 && !held)) wake();
  }

  function stamp(event: PendingEvent): void {
    const { type, orgid, producer } = event;
    const id = newId(event.timeMs);
    const sequence = String(event.sequence);
    event.id = id;
    try {
      const time = new Date(event.timeMs).toISOString();
      event.text = stampEvent(
        type,
        event.fields,
        { id, source, time, producer, sequence, ...signing.stamp() },
        checkData,
      ).text;
      event.subject = formatEventSubject({ type, orgid }, settings.subjectPrefix);
    } catch (cause) {
      const detail = cause instanceof Error ? cause.message : String(cause);
      const reason = cause instanceof SchemaError && cause.code === 'TOO_LARGE' ? 'too_large' : 'invalid';
      return settleDropped(event, { reason, detail, cause });
    }
    event.fields = null;
    backlog.resize(event, Buffer.byteLength(event.text));
    delivery.offer(event);
  }

  // --- out ---

  function settleAcked(event: PendingEvent, ack: Ack): void {
    book.ack(ack.duplicate);
    backlog.remove(event);
    event.waiter?.resolve(ack);
  }

  function settleDropped(event: PendingEvent, why: Pick<Drop, 'reason' | 'detail' | 'cause'>): void {
    const { type, orgid, sequence } = event;
    const drop: Drop = { ...why, type, orgid, sequence: String(sequence) };
    book.drop(why.reason);
    backlog.remove(event);
    event.waiter?.reject(dropError(drop));
    reporter.dropped(drop);
  }

  // --- connections ---

  function attach(connection: ConnectionLike): void {
    const mine: Link = watchConnection(
      connection,
      {
        up() {
          dial?.up();
          link = mine;
          everConnected = true;
          delivery.connect(mine);
        },
        down: () => detach('disconnected, reconnecting'),
        gone() {
          mine.release();
          detach(dial ? 'the connection was closed, dialling again' : 'the connection was closed by its owner');
          dial?.again();
        },
        denied: (denial) => delivery.denied(denial),
      },
      settings.inboxPrefix,
    );
    // A client that is between two servers has no info; it says `reconnect` then.
    if (connection.isClosed()) detach('the connection was closed by its owner');
    else if (connection.info === undefined) detach('disconnected, reconnecting');
    else {
      link = mine;
      everConnected = true;
      delivery.connect(mine);
    }
    release = () => mine.release();
  }
  let release = (): void => {};

  function detach(reason: string): void {
    link = null;
    offline = reason;
    delivery.disconnect();
    observe();
  }

  /** Tells the log when the health changed. */
  function observe(): void {
    if (closing) return;
    const { state, reason } = status();
    if (state === 'connected') reporter.connected();
    else if (state === 'degraded') reporter.degraded(reason ?? '');
  }

  function status(): PublisherStatus {
    if (closed) return { state: 'closed' };
    if (link === null) return { state: everConnected || !dial ? 'degraded' : 'connecting', reason: offline };
    const { trouble } = delivery;
    return trouble === null ? { state: 'connected' } : { state: 'degraded', reason: trouble };
  }

  async function shutDown(timeoutMs: number): Promise<CloseResult> {
    const { acked } = book.read();
    const pending = backlog.events;
    await backlog.whenSettled(timeoutMs);
    closed = true;
    release();
    const left = delivery.close();
    for (let event = raw.shift(); event !== undefined; event = raw.shift()) left.push(event);
    for (const event of left) settleDropped(event, { reason: 'closed', detail: 'still pending when close() ended' });
    await dial?.close().catch(() => {});
    const nowAcked = book.read().acked - acked;
    return { acked: nowAcked, spooled: 0, lost: pending - nowAcked };
  }

  const publisher: PublisherCore = {
    emit: (event) => take(event, null),
    confirm(event, { timeoutMs = DEFAULT_WAIT_MS } = {}) {
      return new Promise<Ack>((resolve, reject) => {
        // Keeps the process: somebody awaits this.
        const timer = setTimeout(
          () =>
            reject(
              new PublisherError(
                'TIMEOUT',
                `not acknowledged within ${timeoutMs} ms: ${status().reason ?? 'no answer'}`,
              ),
            ),
          timeoutMs,
        );
        take(event, {
          resolve(ack) {
            clearTimeout(timer);
            resolve(ack);
          },
          reject(error) {
            clearTimeout(timer);
            reject(error);
          },
        });
      });
    },
    enabled: (type) => !closing && intake.allows(type),
    flush: ({ timeoutMs = DEFAULT_WAIT_MS } = {}) => backlog.whenSettled(timeoutMs),
    close: ({ timeoutMs = DEFAULT_WAIT_MS } = {}) => (closing ??= shutDown(timeoutMs)),
    status,
    stats: () => ({
      ...book.read(),
      pendingBytes: backlog.bytes,
      inFlight: delivery.inFlight,
      parked: delivery.parked,
      resent: delivery.resent,
    }),
    async [Symbol.asyncDispose]() {
      await publisher.close();
    },
  };

  if (settings.connection) attach(settings.connection);
  else {
    dial = startDial({
      servers: serverList(settings),
      connect: settings.connect ?? {},
      minMs: settings.backoffMinMs,
      maxMs: settings.backoffMaxMs,
      connected: attach,
      failed(error) {
        offline = `cannot connect: ${error instanceof Error ? error.message : String(error)}`;
        reporter.degraded(offline);
      },
    });
  }
  return publisher;
}
