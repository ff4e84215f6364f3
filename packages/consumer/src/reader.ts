/**
 * Reads a stream in strict order, each message once, forever.
 *
 * An ephemeral pull consumer without acks does the delivering; this file does the believing. Delivery numbers must be
 * contiguous, or something was lost on the way; a heartbeat that knows of a later delivery than we do says the same;
 * silence says that the consumer is gone. The remedy is always the same: a new consumer, right after the last message
 * that arrived. Numbers that are missing *in the stream* are no fault of the delivery and are handed on as gaps, but
 * only when the stream's leader says so (gap.ts): a consumer may run on a replica that lags or has lost a message.
 */
import { AckPolicy, DeliverPolicy, type JetStreamManager } from '@nats-io/jetstream';
import type { Msg, NatsConnection, Subscription } from '@nats-io/nats-core';
import { nanos, nuid } from '@nats-io/nats-core';
import { type Delivery, parseDelivery } from './delivery.ts';
import { createGapFinder, type StreamGap } from './gap.ts';
import { newInbox } from './inbox.ts';

export interface StreamMessage {
  readonly kind: 'message';
  readonly seq: number;
  readonly subject: string;
  readonly received: string;
  readonly payload: Uint8Array;
}

export type StreamItem = StreamMessage | StreamGap;

export interface ReaderOptions {
  readonly nc: NatsConnection;
  readonly jsm: JetStreamManager;
  readonly stream: string;
  /** The first sequence to read. */
  readonly startSeq: number;
  /** Only this subject; then jumps in the sequence are ordinary, and no gaps are reported. */
  readonly filterSubject?: string;
  /** Messages and bytes to hold for the caller at most. */
  readonly maxBufferedMessages?: number;
  readonly maxBufferedBytes?: number;
  /** Called when a consumer had to be replaced, with the reason. */
  readonly onReset?: (reason: string) => void;
}

export interface Reader {
  /** Everything that has arrived, in order, at most `maxItems`; waits for at least one. Empty only after `close()`. */
  next(maxItems: number): Promise<StreamItem[]>;
  /** Sequence of the last item that arrived here. */
  readonly position: number;
  /** What the server had not delivered yet when it sent the last message. */
  readonly pending: number;
  close(): void;
}

const EXPIRES_MS = 2_000;
const HEARTBEAT_MS = 1_000;
/** Without any word for so long, the consumer is taken for lost. */
const SILENCE_MS = 3_500;
const RETRY_MS = 250;

export function createReader(options: ReaderOptions): Reader {
  const { nc, jsm, stream, filterSubject, onReset } = options;
  const maxMessages = options.maxBufferedMessages ?? 16_384;
  const maxBytes = Math.max(options.maxBufferedBytes ?? 16 * 1024 * 1024, 2 * (nc.info?.max_payload ?? 0));
  const buffer: StreamItem[] = [];
  let bufferedBytes = 0;
  let position = options.startSeq - 1;
  let pending = 0;
  let closed = false;
  let waiting: (() => void) | null = null;

  let consumer: ReturnType<typeof listen> | null = null;
  let retry: NodeJS.Timeout | null = null;

  const gaps = createGapFinder(jsm, stream);

  /** @returns false when there is a jump in the sequence that nobody has confirmed yet */
  function accept(message: Msg, delivery: Delivery): boolean {
    const { streamSeq: seq, received } = delivery;
    if (filterSubject === undefined && seq !== position + 1) return false;
    buffer.push({ kind: 'message', seq, subject: message.subject, received, payload: message.data });
    bufferedBytes += message.data.length;
    position = seq;
    pending = delivery.pending;
    wake();
    return true;
  }

  /** Takes in the gap after `position`, if there is one. */
  async function lookForGap(): Promise<void> {
    if (filterSubject !== undefined) return;
    const gap = await gaps.after(position);
    if (!gap || closed || gap.first !== position + 1) return;
    buffer.push(gap);
    position = gap.last;
    wake();
  }

  function wake(): void {
    waiting?.();
    waiting = null;
  }

  const hasRoom = () => buffer.length < maxMessages / 2 && bufferedBytes < maxBytes / 2;

  async function start(): Promise<void> {
    retry = null;
    try {
      await lookForGap();
    } catch (error) {
      return startAgain((error as Error).message);
    }
    if (closed) return;
    consumer = listen({
      nc,
      jsm,
      stream,
      ...(filterSubject !== undefined && { filterSubject }),
      startSeq: position + 1,
      batch: maxMessages / 2,
      maxBytes: maxBytes / 2,
      hasRoom,
      onMessage: accept,
      onIdle: lookForGap,
      onLost: startAgain,
    });
  }

  function startAgain(reason: string): void {
    consumer = null;
    if (closed) return;
    onReset?.(reason);
    retry = setTimeout(() => void start(), RETRY_MS);
  }

  void start();

  return {
    async next(maxItems) {
      while (buffer.length === 0 && !closed) {
        await new Promise<void>((resolve) => {
          waiting = resolve;
        });
      }
      if (closed) return [];
      const items = buffer.splice(0, maxItems);
      for (const item of items) if (item.kind === 'message') bufferedBytes -= item.payload.length;
      consumer?.resume();
      return items;
    },
    get position() {
      return position;
    },
    get pending() {
      return pending;
    },
    close() {
      closed = true;
      if (retry) clearTimeout(retry);
      wake();
      consumer?.stop();
    },
  };
}

interface ListenOptions {
  readonly nc: NatsConnection;
  readonly jsm: JetStreamManager;
  readonly stream: string;
  readonly filterSubject?: string;
  readonly startSeq: number;
  readonly batch: number;
  readonly maxBytes: number;
  readonly hasRoom: () => boolean;
  /** Returns false when the message does not follow the one before. */
  readonly onMessage: (message: Msg, delivery: Delivery) => boolean;
  /** Nothing has come for a while: perhaps the rest of the stream is a gap. */
  readonly onIdle: () => Promise<void>;
  /** Called once; nothing else is called after it. */
  readonly onLost: (reason: string) => void;
}

/** One consumer's life: created, pulled from, watched, and given up at the first doubt. */
function listen(options: ListenOptions): { resume: () => void; stop: () => void } {
  const { nc, jsm, stream, batch, maxBytes } = options;
  const name = `waybill-${nuid.next()}`;
  const inbox = newInbox(nc);
  let consumerSeq = 0;
  /** A request is under way, for so many messages more. */
  let pulling = false;
  let remaining = 0;
  let over = false;
  let lastHeard = Date.now();
  let sub: Subscription | null = null;

  function lose(reason: string): void {
    if (over) return;
    finish();
    options.onLost(reason);
  }

  function finish(): void {
    if (over) return;
    over = true;
    clearInterval(watchdog);
    sub?.unsubscribe();
    // Not waited for: without it, the server removes an inactive consumer by itself.
    if (!nc.isClosed()) jsm.consumers.delete(stream, name).catch(() => false);
  }

  function pull(): void {
    if (over || pulling || !options.hasRoom()) return;
    pulling = true;
    remaining = batch;
    const request = { batch, max_bytes: maxBytes, expires: nanos(EXPIRES_MS), idle_heartbeat: nanos(HEARTBEAT_MS) };
    lastHeard = Date.now();
    nc.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`, JSON.stringify(request), { reply: inbox });
  }

  function onStatus(message: Msg): void {
    const code = message.headers?.code ?? 0;
    const description = message.headers?.description ?? '';
    if (code === 100) {
      const delivered = Number(message.headers?.get('Nats-Last-Consumer') ?? 0);
      if (delivered > consumerSeq) lose(`${delivered - consumerSeq} deliveries did not arrive`);
      return;
    }
    pulling = false;
    if (code === 408 || code === 404 || description.startsWith('Batch Completed') || description.startsWith('Message Size')) {
      if (code === 408) options.onIdle().catch((error: unknown) => lose((error as Error).message));
      pull();
      return;
    }
    lose(`status ${code} ${description}`);
  }

  async function begin(): Promise<void> {
    try {
      sub = nc.subscribe(inbox, {
        callback: (error, message) => {
          if (over) return;
          if (error) return lose(error.message);
          lastHeard = Date.now();
          const delivery = parseDelivery(message.reply);
          if (!delivery) return onStatus(message);
          if (delivery.consumerSeq !== consumerSeq + 1) {
            return lose(`expected delivery ${consumerSeq + 1}, got ${delivery.consumerSeq}`);
          }
          consumerSeq = delivery.consumerSeq;
          if (!options.onMessage(message, delivery)) return lose(`a jump to sequence ${delivery.streamSeq}`);
          if (--remaining > 0) return;
          pulling = false;
          pull();
        },
      });
      await jsm.consumers.add(stream, {
        name,
        ack_policy: AckPolicy.None,
        deliver_policy: DeliverPolicy.StartSequence,
        opt_start_seq: options.startSeq,
        inactive_threshold: nanos(30_000),
        mem_storage: true,
        num_replicas: 1,
        ...(options.filterSubject !== undefined && { filter_subject: options.filterSubject }),
      });
      pull();
    } catch (error) {
      lose((error as Error).message);
    }
  }

  const watchdog = setInterval(() => {
    if (pulling && Date.now() - lastHeard > SILENCE_MS) lose(`no heartbeat for ${SILENCE_MS} ms`);
  }, HEARTBEAT_MS);
  void begin();

  return { resume: pull, stop: finish };
}
