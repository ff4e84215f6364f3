/**
 * Reading a stretch of a stream, in order and in bounded memory, for queries: with an end, and with errors.
 *
 * It comes in batches, from whichever replica answers (direct-batches.ts). What such a replica does not have may be there
 * all the same: it lags, or it has lost a message. So each jump, and all that is missing up to the end of the stretch, is
 * the leader's to explain: it has the message, or there is none.
 */
import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { setTimeout as pause } from 'node:timers/promises';
import { createDirectBatches } from './direct-batches.ts';
import type { DirectMessage } from './direct-message.ts';
import { ConsumerError } from '../errors.ts';
import { createGapFinder, type StreamGap } from './stream-gap.ts';
import { createLeaderReader } from './leader-read.ts';
import { explain, isRefusal } from './nats-error.ts';
import type { StreamItem, StreamMessage } from './ordered-reader.ts';

export interface StreamRange {
  readonly stream: string;
  /** Only messages on this subject (wildcards allowed); then there are no gaps. */
  readonly subject?: string;
  /** The first and the last sequence, inclusive. The last one is the leader's: another replica may not have it yet. */
  readonly from: number;
  readonly to: number;
  /**
   * With a subject: whether a message is the next one after another, or the first one. If not, the leader is asked what is
   * between them. Default: it is.
   */
  readonly follows?: (message: StreamMessage, before: StreamMessage | null) => boolean;
  readonly signal?: AbortSignal;
}

const RETRY_MS = 250;
/** Attempts one after the other, with nothing read in between, before a query gives up. */
const MAX_FAILURES = 12;

/**
 * Batches of a stretch of the stream; empty stretches give none.
 *
 * @throws ConsumerError NO_PERMISSION, NO_STREAM; NO_ANSWER when reading fails again and again
 */
export async function* readRange(
  nc: NatsConnection,
  jsm: JetStreamManager,
  range: StreamRange,
): AsyncGenerator<readonly StreamItem[]> {
  const { stream, subject, from, signal } = range;
  const to = subject === undefined ? range.to : Math.min(range.to, await lastOn(jsm, stream, subject));
  const isAborted = (): boolean => signal?.aborted === true;
  if (to < from || isAborted()) return;
  const batches = createDirectBatches({ nc, stream, subject, to });
  const stop = (): void => batches.close();
  signal?.addEventListener('abort', stop);
  const order = createOrder(jsm, range, to);
  let failures = 0;
  try {
    while (order.position < to) {
      const items: StreamItem[] = [];
      let failure: unknown = null;
      try {
        await order.take(await batches.from(order.position + 1), items);
        if (items.length === 0 && !isAborted()) await order.askLeader(items);
      } catch (error) {
        if (isRefusal(error) || nc.isClosed()) throw error;
        failure = error;
      }
      if (isAborted()) return;
      if (items.length > 0) {
        failures = 0;
        yield items;
      } else if (order.position < to) {
        if (++failures >= MAX_FAILURES) throw noAnswer(stream, order.position, failure);
        await pause(RETRY_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  } finally {
    signal?.removeEventListener('abort', stop);
    stop();
  }
}

interface Order {
  /** Sequence up to which everything was handed out. */
  readonly position: number;
  /** Adds messages that some replica has, and what the leader has between them. What was added before a failure counts. */
  take(messages: readonly DirectMessage[], items: StreamItem[]): Promise<void>;
  /** Adds what comes next by the leader's word; nothing when it has to be asked again. */
  askLeader(items: StreamItem[]): Promise<void>;
}

function createOrder(jsm: JetStreamManager, { stream, subject, from, follows }: StreamRange, to: number): Order {
  const leader = createLeaderReader(jsm, stream, subject);
  const gaps = createGapFinder(jsm, stream);
  let position = from - 1;
  let before: StreamMessage | null = null;

  function add(message: StreamMessage, items: StreamItem[]): void {
    if (subject === undefined && message.seq > position + 1) {
      addGap({ kind: 'gap', first: position + 1, last: message.seq - 1, received: message.received }, items);
    }
    position = Math.min(message.seq, to);
    if (message.seq > to) return;
    items.push(message);
    before = message;
  }

  function addGap(gap: StreamGap, items: StreamItem[]): void {
    position = Math.min(gap.last, to);
    items.push({ ...gap, last: position });
  }

  function isNext(message: StreamMessage): boolean {
    return subject === undefined ? message.seq === position + 1 : (follows?.(message, before) ?? true);
  }

  return {
    get position() {
      return position;
    },
    async take(messages, items) {
      for (const { seq, subject: on, received, payload } of messages) {
        const message: StreamMessage = { kind: 'message', seq, subject: on, received, payload };
        while (position < to && !isNext(message)) {
          const missed = (await leader.after(position)).filter((one) => one.seq < seq);
          if (missed.length === 0) break;
          for (const one of missed) add(one, items);
        }
        if (position < to) add(message, items);
      }
      if (messages.length > 0) leader.rest();
    },
    async askLeader(items) {
      const found = await leader.after(position);
      for (const message of found) add(message, items);
      if (found.length > 0) return;
      if (subject === undefined) {
        const gap = await gaps.after(position);
        if (gap) addGap(gap, items);
      } else {
        // It was there when the end was looked up, and was deleted since.
        position = to;
      }
    },
  };
}

function noAnswer(stream: string, position: number, failure: unknown): ConsumerError {
  const why = failure instanceof Error ? failure.message : 'the server has nothing there, and does not say why';
  const attempted = `could not read stream ${stream} from sequence ${position + 1} on`;
  return new ConsumerError('NO_ANSWER', `${attempted}: ${why}`, { cause: failure });
}

/** Sequence of the newest message on a subject; 0 when there is none. */
async function lastOn(jsm: JetStreamManager, stream: string, subject: string): Promise<number> {
  try {
    return (await jsm.streams.getMessage(stream, { last_by_subj: subject }))?.seq ?? 0;
  } catch (cause) {
    throw explain(cause, `read the newest message on ${subject} in stream ${stream}`);
  }
}
