/** The messages of a stream in batches, by direct gets: while one is worked on, the next is on its way. */
import type { NatsConnection } from '@nats-io/nats-core';
import { type DirectEnd, getDirect } from './direct-get.ts';
import type { DirectMessage } from './direct-message.ts';
import { explain } from './nats-error.ts';

export interface DirectBatchesOptions {
  readonly nc: NatsConnection;
  readonly stream: string;
  readonly subject: string | undefined;
  /** Nothing after it is asked for. */
  readonly to: number;
}

export interface DirectBatches {
  /**
   * What the replica that answers has from a sequence on, in order, as far as it arrived. None: it has nothing there, or
   * did not answer.
   *
   * @throws ConsumerError NO_PERMISSION, CANNOT_CONNECT
   */
  from(seq: number): Promise<readonly DirectMessage[]>;
  close(): void;
}

/** Of one batch, about: what is in flight has to fit into the server's buffer for a client. A larger message comes alone. */
const BATCH_BYTES = 2 * 1024 * 1024;
const BATCH_MESSAGES = 4_096;
/** Without a message for so long, a batch is taken for lost. */
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
  /** What is waited for, and what is asked for after it. */
  let current: Fetch | null = null;
  let ahead: Fetch | null = null;
  let isClosed = false;
  const allowed = mayGetDirectly(nc, stream);
  allowed.catch(() => undefined);

  function fetch(seq: number): Fetch {
    const stop = new AbortController();
    const batch = fetchBatch(seq, stop.signal);
    // It may fail while nobody waits for it.
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
    async from(seq) {
      if (ahead?.seq !== seq) ahead?.stop.abort();
      current = ahead?.seq === seq ? ahead : fetch(seq);
      ahead = null;
      const [{ messages, end }] = await Promise.all([current.batch, allowed]);
      if (isClosed || end.kind === 'refused') return [];
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

/** A message that may not be published is not answered: one is sent in a way that tells. @throws ConsumerError NO_PERMISSION */
async function mayGetDirectly(nc: NatsConnection, stream: string): Promise<void> {
  const query = JSON.stringify({ seq: Number.MAX_SAFE_INTEGER });
  try {
    await nc.request(`$JS.API.DIRECT.GET.${stream}`, query, { timeout: SILENCE_MS });
  } catch (cause) {
    const error = explain(cause, `read stream ${stream}`);
    if (error.code === 'NO_PERMISSION') throw error;
  }
}
