/**
 * Reads the stream of events for the writer: in strict order, each message once, forever. Queries read otherwise (read-range.ts).
 *
 * An ephemeral pull consumer without acks does the delivering; this file does the believing. DeliveryInfo numbers must be
 * contiguous, or something was lost on the way; a heartbeat that knows of a later delivery than we do says the same;
 * silence says that the consumer is gone. The remedy is always the same: a new consumer, right after the last message
 * that arrived. Numbers that are missing *in the stream* are no fault of the delivery and are handed on as gaps, but
 * only when the stream's leader says so (stream-gap.ts): a consumer may run on a replica that lags or has lost a message.
 */
import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import type { DeliveryInfo, TapDeliveries } from './delivery-info.ts';
import { startPullConsumer, type PullConsumer } from './pull-consumer.ts';
import { createGapFinder } from './stream-gap.ts';
import type { StreamItem } from './stream-item.ts';

export interface OrderedReaderOptions {
  readonly nc: NatsConnection;
  readonly jsm: JetStreamManager;
  readonly stream: string;
  /** The first sequence to read. */
  readonly startSeq: number;
  /** Messages and bytes to hold for the caller at most. */
  readonly maxBufferedMessages?: number;
  readonly maxBufferedBytes?: number;
  /** A fast path for deliveries. Default: they come by the subscription's callback. */
  readonly tapDeliveries?: TapDeliveries | undefined;
  /** Rejects when the stream is not the one any more that is read here: asked of each new consumer, and of each gap. */
  readonly confirm?: () => Promise<void>;
  /** Called once, when the server has taken the first consumer: the stream may be read. */
  readonly onReading?: () => void;
  /** Called when a consumer has to be replaced, with the reason, and the error if it was one. */
  readonly onReset?: (reason: string, cause?: unknown) => void;
}

export interface OrderedReader {
  /**
   * What has arrived, in order, at most `maxItems`. Waits for at least one; and while the server has more to deliver
   * than has arrived, for more. Empty only after `close()` and `finish()`, or when nothing has come within `waitMs`.
   */
  next(maxItems: number, waitMs?: number): Promise<StreamItem[]>;
  /** Items that have arrived and were not handed out. */
  readonly buffered: number;
  /** Sequence of the last item that arrived here. */
  readonly position: number;
  /** What the server had not delivered yet when it sent the last message. */
  readonly pending: number;
  /** Reads nothing more. What has arrived is still handed on. */
  finish(): void;
  close(): void;
}

const RETRY_MS = 250;

export function createOrderedReader(options: OrderedReaderOptions): OrderedReader {
  const { nc, jsm, stream, onReset } = options;
  const maxMessages = options.maxBufferedMessages ?? 65_536;
  const maxBytes = Math.max(options.maxBufferedBytes ?? 32 * 1024 * 1024, 2 * (nc.info?.max_payload ?? 0));
  const buffer: StreamItem[] = [];
  let bufferedBytes = 0;
  let position = options.startSeq - 1;
  let pending = 0;
  let closed = false;
  let finished = false;
  let waiting: { readonly maxItems: number; readonly resolve: () => void } | null = null;
  /** Whether the consumer at work has delivered anything. */
  let delivered = false;

  let consumer: PullConsumer | null = null;
  let retry: NodeJS.Timeout | null = null;

  let isReading = false;

  const gaps = createGapFinder(jsm, stream);
  const isOver = (): boolean => closed || finished;

  /** @returns false when there is a jump in the sequence that nobody has confirmed yet */
  function accept(subject: string, payload: Uint8Array, delivery: DeliveryInfo): boolean {
    const { streamSeq: seq, received } = delivery;
    if (seq !== position + 1) return false;
    buffer.push({ kind: 'message', seq, subject, received, payload });
    bufferedBytes += payload.length;
    position = seq;
    pending = delivery.pending;
    delivered = true;
    wake();
    return true;
  }

  /** Takes in the gap after `position`, if there is one. */
  async function lookForGap(): Promise<void> {
    const gap = await gaps.findAfter(position);
    if (!gap || isOver() || gap.first !== position + 1) return;
    await options.confirm?.();
    if (isOver() || gap.first !== position + 1) return;
    buffer.push(gap);
    position = gap.last;
    wake();
  }

  function wake(): void {
    if (!waiting || !(closed || isEnough(waiting.maxItems))) return;
    waiting.resolve();
  }

  async function wait(maxItems: number, waitMs: number | undefined): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      waiting = { maxItems, resolve };
      if (waitMs !== undefined) timer = setTimeout(resolve, waitMs);
    });
    waiting = null;
    clearTimeout(timer);
  }

  function isEnough(maxItems: number): boolean {
    if (finished) return true;
    if (buffer.length === 0) return false;
    return buffer.length >= Math.min(maxItems, pending) || !hasRoom() || consumer === null;
  }

  const hasRoom = () => buffer.length < maxMessages / 2 && bufferedBytes < maxBytes / 2;

  function start(): void {
    retry = null;
    lookForGap().then(startConsumer, (error: unknown) => startAgain((error as Error).message, error));
  }

  function startConsumer(): void {
    if (isOver()) return;
    consumer = startPullConsumer({
      nc,
      jsm,
      stream,
      startSeq: position + 1,
      batch: maxMessages / 2,
      maxBytes: maxBytes / 2,
      hasRoom,
      tapDeliveries: options.tapDeliveries,
      onCreated() {
        if (!isReading) options.onReading?.();
        isReading = true;
      },
      onMessage: accept,
      onIdle: lookForGap,
      ...(options.confirm && { confirm: options.confirm }),
      onLost: startAgain,
    });
  }

  function startAgain(reason: string, cause?: unknown): void {
    consumer = null;
    if (isOver()) return;
    wake();
    onReset?.(reason, cause);
    // By whoever was told.
    if (isOver()) return;
    // At once after one that delivered something; with a pause after one that did not.
    retry = setTimeout(start, delivered ? 0 : RETRY_MS);
    delivered = false;
  }

  function stop(): void {
    if (retry) clearTimeout(retry);
    wake();
    consumer?.stop();
  }

  start();

  return {
    async next(maxItems, waitMs) {
      if (!closed && !isEnough(maxItems)) await wait(maxItems, waitMs);
      if (closed) return [];
      const items = buffer.splice(0, maxItems);
      for (const item of items) if (item.kind === 'message') bufferedBytes -= item.payload.length;
      consumer?.resume();
      return items;
    },
    get buffered() {
      return buffer.length;
    },
    get position() {
      return position;
    },
    get pending() {
      return pending;
    },
    finish() {
      finished = true;
      stop();
    },
    close() {
      closed = true;
      stop();
    },
  };
}
