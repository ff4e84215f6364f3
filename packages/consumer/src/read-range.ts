/** Reading a stretch of a stream, in order and in bounded memory, for queries: with an end, and with errors. */
import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { ConsumerError } from './errors.ts';
import { explain, isRefusal } from './nats-error.ts';
import { createReader, type StreamItem } from './reader.ts';

export interface StreamRange {
  readonly stream: string;
  /** Only messages on this subject (wildcards allowed); then there are no gaps. */
  readonly subject?: string;
  /** The first and the last sequence, inclusive. Without a last one it goes on for ever. */
  readonly from: number;
  readonly to?: number;
  readonly signal?: AbortSignal;
}

const MESSAGES_AT_ONCE = 512;
/** Consumers that fail one after the other, with nothing read in between, before a query gives up. */
const MAX_RESETS = 12;

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
  const to =
    subject === undefined || range.to === undefined ? range.to : Math.min(range.to, await lastOn(jsm, stream, subject));
  const isAborted = (): boolean => signal?.aborted === true;
  if ((to !== undefined && to < from) || isAborted()) return;
  let resets = 0;
  let why = '';
  let refusal: ConsumerError | null = null;
  const reader = createReader({
    nc,
    jsm,
    stream,
    startSeq: from,
    maxBufferedMessages: 4_096,
    ...(subject !== undefined && { filterSubject: subject }),
    onReset(reason, cause) {
      why = reason;
      if (isRefusal(cause)) refusal = explain(cause, `read stream ${stream}`);
      if (refusal || ++resets >= MAX_RESETS) reader.close();
    },
  });
  const stop = (): void => reader.close();
  signal?.addEventListener('abort', stop);
  try {
    for (;;) {
      const items = await reader.next(MESSAGES_AT_ONCE);
      if (items.length === 0) {
        if (isAborted()) return;
        if (refusal) throw refusal as ConsumerError;
        throw new ConsumerError(
          'NO_ANSWER',
          `could not read stream ${stream} from sequence ${reader.position + 1} on: ${why}`,
        );
      }
      resets = 0;
      const last = lastSeqOf(items.at(-1) as StreamItem);
      if (to === undefined || last < to) {
        yield items;
        continue;
      }
      yield items.filter((item) => firstSeqOf(item) <= to);
      return;
    }
  } finally {
    signal?.removeEventListener('abort', stop);
    reader.close();
  }
}

function firstSeqOf(item: StreamItem): number {
  return item.kind === 'gap' ? item.first : item.seq;
}

function lastSeqOf(item: StreamItem): number {
  return item.kind === 'gap' ? item.last : item.seq;
}

/** Sequence of the newest message on a subject; 0 when there is none. */
async function lastOn(jsm: JetStreamManager, stream: string, subject: string): Promise<number> {
  try {
    return (await jsm.streams.getMessage(stream, { last_by_subj: subject }))?.seq ?? 0;
  } catch (cause) {
    throw explain(cause, `read the newest message on ${subject} in stream ${stream}`);
  }
}
