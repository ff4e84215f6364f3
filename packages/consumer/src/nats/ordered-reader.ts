/**
 * Reads a stream for a writer: in strict order, each message once, for ever. Queries read otherwise (read-range.ts).
 *
 * An ephemeral pull consumer without acks delivers (pull-consumer.ts), and is given up at the first doubt: when its
 * delivery numbers are not contiguous, when a heartbeat knows of a later delivery, or when it is silent. Then a new
 * consumer begins right after the last message that arrived.
 *
 * Sequence numbers that are missing *in the stream* are no fault of the delivery. They are handed on as gaps, but only
 * by the word of the stream's leader (stream-gap.ts): a consumer may run on a replica that lags or has lost a message.
 */
import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { type Arrivals, createArrivals } from './arrivals.ts';
import type { TapDeliveries } from './delivery-info.ts';
import { createItemBuffer, type ItemBuffer } from './item-buffer.ts';
import { keepConsumer, type OnLost } from './kept-consumer.ts';
import { type PullConsumer, startPullConsumer } from './pull-consumer.ts';
import type { StreamItem } from './stream-item.ts';

export interface OrderedReaderOptions {
  readonly nc: NatsConnection;
  readonly jsm: JetStreamManager;
  readonly stream: string;
  /** The first sequence to read. */
  readonly startSeq: number;
  /** Items and bytes that are held for the caller at most. Defaults: 65,536 and 32 MiB, or two messages of any size. */
  readonly maxBufferedMessages?: number;
  readonly maxBufferedBytes?: number;
  /** A fast path for deliveries. Default: they come by the subscription's callback. */
  readonly tapDeliveries?: TapDeliveries | undefined;
  /**
   * Rejects when the stream is no longer the one that was to be read. Called for each new consumer and for each gap.
   */
  readonly confirm?: () => Promise<void>;
  /** Called once, when the server has created the first consumer: the stream may be read. */
  readonly onReading?: () => void;
  /** Called when a consumer is lost, before another one replaces it. @param cause the error, if it was one */
  readonly onReset?: (reason: string, cause?: unknown) => void;
}

export interface OrderedReader {
  /**
   * Takes items in order, at most `maxItems`. Waits for at least one, and for more while the server has more to
   * deliver. Empty only after `close()` or `finish()`, or when nothing has come within `waitMs`.
   */
  next(maxItems: number, waitMs?: number): Promise<StreamItem[]>;
  /** Number of items that have arrived and were not taken. */
  readonly buffered: number;
  /** Sequence of the last item that has arrived. */
  readonly position: number;
  /** Number of messages that the server had not delivered yet when it sent the last one. */
  readonly pending: number;
  /** Reads nothing more. What has arrived can still be taken. */
  finish(): void;
  close(): void;
}

const MAX_ITEMS = 65_536;
const MAX_BYTES = 32 * 1024 * 1024;

export function createOrderedReader(options: OrderedReaderOptions): OrderedReader {
  const buffer = createItemBuffer({
    maxItems: options.maxBufferedMessages ?? MAX_ITEMS,
    maxBytes: Math.max(options.maxBufferedBytes ?? MAX_BYTES, 2 * (options.nc.info?.max_payload ?? 0)),
  });
  const arrivals = createArrivals(buffer, options);
  let isOver = false;
  let isClosed = false;
  let isReading = false;

  function onAccepted(): void {
    consumers.noteDelivery();
  }

  function noteReading(): void {
    if (!isReading) options.onReading?.();
    isReading = true;
  }

  function isEnough(most: number): boolean {
    if (isOver) return true;
    if (buffer.length === 0) return false;
    return buffer.length >= Math.min(most, arrivals.pending) || !buffer.hasRoom || !consumers.isRunning;
  }

  function stop(): void {
    isOver = true;
    arrivals.stop();
    buffer.wake();
    consumers.stop();
  }

  const consumers = keepConsumer({
    prepare: arrivals.addGap,
    start: (onLost) => startConsumer(options, { buffer, arrivals, onCreated: noteReading, onAccepted, onLost }),
    onLost(reason, cause) {
      buffer.wake();
      options.onReset?.(reason, cause);
    },
  });

  return {
    async next(most, waitMs) {
      if (!isClosed) await buffer.wait(() => isEnough(most), waitMs);
      if (isClosed) return [];
      const items = buffer.take(most);
      consumers.resume();
      return items;
    },
    get buffered() {
      return buffer.length;
    },
    get position() {
      return arrivals.position;
    },
    get pending() {
      return arrivals.pending;
    },
    finish: stop,
    close() {
      isClosed = true;
      stop();
    },
  };
}

interface ConsumerParts {
  readonly buffer: ItemBuffer;
  readonly arrivals: Arrivals;
  readonly onCreated: () => void;
  /** A message has arrived, and is the next one. */
  readonly onAccepted: () => void;
  readonly onLost: OnLost;
}

function startConsumer(options: OrderedReaderOptions, parts: ConsumerParts): PullConsumer {
  const { nc, jsm, stream, tapDeliveries, confirm } = options;
  const { buffer, arrivals, onCreated, onAccepted, onLost } = parts;
  return startPullConsumer({
    nc,
    jsm,
    stream,
    tapDeliveries,
    startSeq: arrivals.position + 1,
    batch: buffer.maxItems / 2,
    maxBytes: buffer.maxBytes / 2,
    hasRoom: () => buffer.hasRoom,
    onCreated,
    onMessage(subject, payload, delivery) {
      const isNext = arrivals.addMessage(subject, payload, delivery);
      if (isNext) onAccepted();
      return isNext;
    },
    onIdle: arrivals.addGap,
    ...(confirm && { confirm }),
    onLost,
  });
}
