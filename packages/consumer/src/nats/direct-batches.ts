/** The messages of a stream in batches, by direct gets. While the caller works on one batch, the next is on its way. */
import type { NatsConnection } from '@nats-io/nats-core';
import { type DirectEnd, getDirect } from './direct-get.ts';
import type { DirectMessage } from './direct-message.ts';
import { explain } from './nats-error.ts';

export interface DirectBatchesOptions {
  readonly nc: NatsConnection;
  readonly stream: string;
  readonly subject: string | undefined;
  /** The last sequence that is asked for. */
  readonly to: number;
}

export interface DirectBatches {
  /**
   * The messages that the answering replica has from a sequence on, in order, as far as they arrived. Empty when it has
   * none there, or did not answer.
   *
   * @throws ConsumerError NO_PERMISSION, CANNOT_CONNECT
   */
  readFrom(seq: number): Promise<readonly DirectMessage[]>;
  close(): void;
}

/**
 * Approximate size of one batch. What is in flight has to fit into the server's buffer for a client. A larger message
 * comes alone.
 */
const BATCH_BYTES = 2 * 1024 * 1024;
const BATCH_MESSAGES = 4_096;
/** A batch counts as lost after this long without a message. */
const SILENCE_MS = 5_000;

interface Batch {
  readonly messages: readonly DirectMessage[];
  readonly end: DirectEnd;
}

interface Fetch {
  readonly seq: number;
  readonly stop: AbortController;
  readonly batch: Promise<Batch>;
}

export function createDirectBatches({ nc, stream, subject, to }: DirectBatchesOptions): DirectBatches {
  /** The batch that the caller waits for, and the one after it. */
  let current: Fetch | null = null;
  let ahead: Fetch | null = null;
  let isClosed = false;
  const allowed = checkPermission(nc, stream);
  allowed.catch(() => undefined); // `readFrom` waits for it.

  function fetch(seq: number): Fetch {
    const stop = new AbortController();
    const batch = fetchBatch(seq, stop.signal);
    // A batch that was asked for ahead may fail while nobody waits for it.
    batch.catch(() => undefined);
    return { seq, stop, batch };
  }

  async function fetchBatch(seq: number, signal: AbortSignal): Promise<Batch> {
    const messages: DirectMessage[] = [];
    const query = {
      seq,
      batch: Math.min(BATCH_MESSAGES, to - seq + 1),
      max_bytes: BATCH_BYTES,
      ...(subject !== undefined && { next_by_subj: subject }),
    };
    const onMessage = (message: DirectMessage): void => void messages.push(message);
    const end = await getDirect({ nc, stream, query, silenceMs: SILENCE_MS, signal, onMessage });
    return { messages, end };
  }

  return {
    async readFrom(seq) {
      if (ahead?.seq !== seq) ahead?.stop.abort();
      current = ahead?.seq === seq ? ahead : fetch(seq);
      ahead = null;
      const [{ messages, end }] = await Promise.all([current.batch, allowed]);
      if (isClosed || end.kind === 'unsupported') return [];
      const last = messages.at(-1)?.seq ?? to;
      const hasMore = end.kind === 'broken' || (end.kind === 'whole' && end.pending > 0);
      if (last < to && hasMore) ahead = fetch(last + 1);
      return messages;
    },
    close() {
      isClosed = true;
      current?.stop.abort();
      ahead?.stop.abort();
    },
  };
}

/**
 * Whether the identity may publish direct gets. The server does not answer one that it denies, so that the batches
 * would wait in vain. It does tell the client, and the client fails a request (unlike a publish) with that.
 *
 * @throws ConsumerError NO_PERMISSION
 */
async function checkPermission(nc: NatsConnection, stream: string): Promise<void> {
  const query = JSON.stringify({ seq: Number.MAX_SAFE_INTEGER });
  try {
    await nc.request(`$JS.API.DIRECT.GET.${stream}`, query, { timeout: SILENCE_MS });
  } catch (cause) {
    const error = explain(cause, `read stream ${stream}`);
    if (error.code === 'NO_PERMISSION') throw error;
  }
}
