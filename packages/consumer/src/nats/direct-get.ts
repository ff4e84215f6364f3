/**
 * One direct get with many answers (ADR-31, nats-server 2.11): `batch` and `multi_last`.
 *
 * Whoever reads so needs no consumer, and no right to create one, with which messages can be sent anywhere. Any replica
 * may answer, also one that lags: whoever needs to know that it has everything asks the leader.
 */
import type { Msg, NatsConnection, Subscription } from '@nats-io/nats-core';
import { type DirectMessage, readDirectMessage } from './direct-message.ts';
import { newInbox } from './inbox.ts';
import { explain } from './nats-error.ts';

export interface DirectRequest {
  readonly nc: NatsConnection;
  readonly stream: string;
  /** As ADR-31 has it. */
  readonly query: Readonly<Record<string, unknown>>;
  /** Without a word for so long, the rest of the answer is taken for lost. */
  readonly silenceMs: number;
  readonly signal?: AbortSignal | undefined;
  /**
   * Called for each message, in the stream's order and without one missing in between. `delivered` has the headers of the
   * message itself: whoever published it may have written anything there.
   */
  readonly onMessage: (message: DirectMessage, delivered: Msg) => void;
}

/**
 * How an answer ended:
 * - `whole`: the server says that this was all of it. `pending` messages come after `last` (as that replica knows the stream)
 * - `none`: that replica has no such message
 * - `broken`: the answer, or the rest of it, did not arrive
 * - `refused`: nobody answers such a request: an older server, a stream without `allow_direct`, or no replica just now
 */
export type DirectEnd =
  | { readonly kind: 'whole'; readonly pending: number; readonly last: number; readonly upTo: number }
  | { readonly kind: 'none' | 'broken' | 'refused' };

/** @throws ConsumerError NO_PERMISSION (the inbox), CANNOT_CONNECT; whatever `onMessage` throws */
export async function getDirect(request: DirectRequest): Promise<DirectEnd> {
  const { nc, stream, query, silenceMs, signal, onMessage } = request;
  const { promise, resolve, reject } = Promise.withResolvers<DirectEnd>();
  const inbox = newInbox(nc);
  const broken = (): void => resolve({ kind: 'broken' });
  let isOver = false;
  let isChecked = false;
  let last = 0;
  let lastHeard = performance.now();

  function take(message: Msg): void {
    if (isOver) return;
    lastHeard = performance.now();
    const read = readDirectMessage(message);
    if (!read) return resolve(endOf(message, last));
    if (!isChecked) {
      const seq = sequenceOf(message);
      // A client that keeps messages in memory in another way.
      if (seq !== null && seq !== read.seq) return resolve({ kind: 'refused' });
      isChecked = seq !== null;
    }
    if (read.previous !== null && read.previous !== last) return broken();
    last = read.seq;
    onMessage(read, message);
    // A server that does not know of batches.
    if (read.previous === null) resolve({ kind: 'refused' });
  }

  function fail(failure: unknown): void {
    isOver = true;
    reject(failure);
  }

  function callback(error: Error | null, message: Msg): void {
    if (error) return fail(explain(error, `read stream ${stream}`));
    try {
      take(message);
    } catch (failure) {
      fail(failure);
    }
  }

  let sub: Subscription | null = null;
  const watchdog = setInterval(() => {
    if (performance.now() - lastHeard > silenceMs) broken();
  }, silenceMs / 4);
  signal?.addEventListener('abort', broken);
  try {
    sub = nc.subscribe(inbox, { callback });
    nc.publish(`$JS.API.DIRECT.GET.${stream}`, JSON.stringify(query), { reply: inbox });
  } catch (cause) {
    fail(explain(cause, `read stream ${stream}`));
  }
  try {
    return await promise;
  } finally {
    isOver = true;
    clearInterval(watchdog);
    signal?.removeEventListener('abort', broken);
    sub?.unsubscribe();
  }
}

/** As the client reads it; null when it cannot read the message's own headers, which may be anything. */
function sequenceOf(message: Msg): number | null {
  try {
    return Number(message.headers?.last('Nats-Sequence'));
  } catch {
    return null;
  }
}

/** @param last what arrived last: what the server says it sent last has to be that */
function endOf({ headers }: Msg, last: number): DirectEnd {
  if (headers?.code === 404) return { kind: 'none' };
  if (headers?.code !== 204) return { kind: 'refused' };
  const number = (name: string): number => Number(headers.last(name) ?? 0);
  if (number('Nats-Last-Sequence') !== last) return { kind: 'broken' };
  return { kind: 'whole', pending: number('Nats-Num-Pending'), last, upTo: number('Nats-UpTo-Sequence') };
}
