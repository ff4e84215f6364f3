/**
 * Reads a range of a stream for queries: in order, in bounded memory, with an end, and with errors.
 *
 * Messages come in batches from whichever replica answers (direct-batches.ts). A replica may lag, or may have lost a
 * message. So at each jump, and for everything that is missing at the end of the range, the stream's leader is asked.
 * It has the message, or it says that there is none.
 */
import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { ConsumerError } from '../errors.ts';
import { pause } from '../pause.ts';
import { createDirectBatches } from './direct-batches.ts';
import type { DirectMessage } from './direct-message.ts';
import { getLastMessage } from './leader-get.ts';
import { createLeaderReader } from './leader-read.ts';
import { isPermanentError } from './nats-error.ts';
import { createGapFinder } from './stream-gap.ts';
import type { StreamGap, StreamItem, StreamMessage } from './stream-item.ts';

export interface StreamRange {
  readonly stream: string;
  /** Only messages on this subject; wildcards are allowed. A range with a subject has no gaps. */
  readonly subject?: string;
  /**
   * The first and the last sequence, inclusive. The last one comes from the leader: another replica may not have it
   * yet.
   */
  readonly from: number;
  readonly to: number;
  /**
   * With a subject: whether a message directly follows another one, or is the first (`before` is null). If not, the
   * leader is asked what is between them. Default: always true.
   */
  readonly follows?: (message: StreamMessage, before: StreamMessage | null) => boolean;
  readonly signal?: AbortSignal;
}

const RETRY_MS = 250;
/** Attempts in a row that read nothing, before a query gives up. */
const MAX_FAILURES = 12;

/**
 * Yields the range in batches; an empty range yields none. Ends early when the signal is aborted.
 *
 * @throws ConsumerError NO_PERMISSION, NO_STREAM; NO_ANSWER when reading fails again and again
 */
export async function* readRange(
  nc: NatsConnection,
  jsm: JetStreamManager,
  range: StreamRange,
): AsyncGenerator<readonly StreamItem[]> {
  const { stream, subject, from, signal } = range;
  const to = subject === undefined ? range.to : Math.min(range.to, await lastSeqOn(jsm, stream, subject));
  const isAborted = (): boolean => signal?.aborted === true;
  if (to < from || isAborted()) return;
  const batches = createDirectBatches({ nc, stream, subject, to });
  const stop = (): void => batches.close();
  signal?.addEventListener('abort', stop);
  const sequence = createSequence(jsm, range, to);
  let failures = 0;
  try {
    while (sequence.position < to) {
      const items: StreamItem[] = [];
      let failure: unknown = null;
      try {
        await sequence.addDirect(await batches.readFrom(sequence.position + 1), items);
        if (items.length === 0 && !isAborted()) await sequence.addFromLeader(items);
      } catch (error) {
        if (isPermanentError(error) || nc.isClosed()) throw error;
        failure = error;
      }
      if (isAborted()) return;
      if (items.length > 0) {
        failures = 0;
        yield items;
      } else if (sequence.position < to) {
        if (++failures >= MAX_FAILURES) throw noAnswer(stream, sequence.position, failure);
        await pause(RETRY_MS, signal);
      }
    }
  } finally {
    signal?.removeEventListener('abort', stop);
    stop();
  }
}

/** Puts together what replicas and the leader have, in order and without a message missing. */
interface Sequence {
  /** Everything up to this sequence number was handed out. */
  readonly position: number;
  /**
   * Adds messages from a replica to `items`, and between them what only the leader has. When it rejects, what it added
   * before counts.
   */
  addDirect(messages: readonly DirectMessage[], items: StreamItem[]): Promise<void>;
  /** Adds what comes next by the word of the leader. Adds nothing when the leader has to be asked again. */
  addFromLeader(items: StreamItem[]): Promise<void>;
}

function createSequence(jsm: JetStreamManager, { stream, subject, from, follows }: StreamRange, to: number): Sequence {
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
    async addDirect(messages, items) {
      for (const { seq, subject: on, received, payload } of messages) {
        const message: StreamMessage = { kind: 'message', seq, subject: on, received, payload };
        while (position < to && !isNext(message)) {
          const missed = (await leader.readAfter(position)).filter((one) => one.seq < seq);
          if (missed.length === 0) break;
          for (const one of missed) add(one, items);
        }
        if (position < to) add(message, items);
      }
      if (messages.length > 0) leader.reset();
    },
    async addFromLeader(items) {
      const found = await leader.readAfter(position);
      for (const message of found) add(message, items);
      if (found.length > 0) return;
      if (subject === undefined) {
        const gap = await gaps.findAfter(position);
        if (gap) addGap(gap, items);
      } else {
        // The last message on the subject was deleted after `lastSeqOn` had found it.
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
async function lastSeqOn(jsm: JetStreamManager, stream: string, subject: string): Promise<number> {
  return (await getLastMessage(jsm, stream, subject))?.seq ?? 0;
}
