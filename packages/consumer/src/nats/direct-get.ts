/**
 * One direct get with many answers (ADR-31, nats-server 2.11): `batch` and `multi_last`.
 *
 * A reader of this kind needs no JetStream consumer and no permission to create one. That permission is a danger: a
 * consumer can deliver messages to any subject. Any replica may answer a direct get, also one that lags. A caller that
 * needs everything asks the leader for what is missing.
 */
import type { Msg, NatsConnection, Subscription } from '@nats-io/nats-core';
import { type DirectMessage, readDirectMessage } from './direct-message.ts';
import { newInbox } from './inbox.ts';
import { explain } from './nats-error.ts';
import { startSilenceWatch } from './silence-watch.ts';

export interface DirectRequest {
  readonly nc: NatsConnection;
  readonly stream: string;
  /** The request's body, as in ADR-31. */
  readonly query: Readonly<Record<string, unknown>>;
  /** The rest of the answer counts as lost after this long without a message. */
  readonly silenceMs: number;
  readonly signal?: AbortSignal | undefined;
  /**
   * Called for each message, in the stream's order and without one missing in between. `delivered` has the headers that
   * the publisher of the message wrote; they may say anything.
   */
  readonly onMessage: (message: DirectMessage, delivered: Msg) => void;
}

/**
 * How an answer ended:
 * - `whole`: the server says that the answer is complete. In that replica, `pending` more messages match after `last`
 * - `none`: that replica has no such message
 * - `broken`: the answer, or the rest of it, did not arrive
 * - `unsupported`: nobody answers such requests: an older server, a stream without `allow_direct`, or no replica just
 *   now
 */
export type DirectEnd =
  | { readonly kind: 'whole'; readonly pending: number; readonly last: number; readonly upTo: number }
  | { readonly kind: 'none' | 'broken' | 'unsupported' };

/** @throws ConsumerError NO_PERMISSION (the inbox), CANNOT_CONNECT; whatever `onMessage` throws */
export async function getDirect(request: DirectRequest): Promise<DirectEnd> {
  const { nc, stream, query, silenceMs, signal, onMessage } = request;
  const { promise, resolve, reject } = Promise.withResolvers<DirectEnd>();
  const inbox = newInbox(nc);
  const broken = (): void => resolve({ kind: 'broken' });
  let isOver = false;
  let isChecked = false;
  let last = 0;

  function onAnswer(message: Msg): void {
    if (isOver) return;
    silence.hear();
    const read = readDirectMessage(message);
    if (!read) return resolve(endOf(message, last));
    if (!isChecked) {
      const seq = sequenceOf(message);
      // This client lays out messages in memory in another way than `readDirectMessage` expects.
      if (seq !== null && seq !== read.seq) return resolve({ kind: 'unsupported' });
      isChecked = seq !== null;
    }
    if (read.previous !== null && read.previous !== last) return broken();
    last = read.seq;
    onMessage(read, message);
    // A server that does not know batches sends one message and no more.
    if (read.previous === null) resolve({ kind: 'unsupported' });
  }

  function fail(failure: unknown): void {
    isOver = true;
    reject(failure);
  }

  function callback(error: Error | null, message: Msg): void {
    if (error) return fail(explain(error, `read stream ${stream}`));
    try {
      onAnswer(message);
    } catch (failure) {
      fail(failure);
    }
  }

  let sub: Subscription | null = null;
  const silence = startSilenceWatch({ silenceMs, everyMs: silenceMs / 4, onSilence: broken });
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
    silence.stop();
    signal?.removeEventListener('abort', broken);
    sub?.unsubscribe();
  }
}

/**
 * The sequence as the client reads it; null when the publisher's own headers are such that the client cannot read them.
 */
function sequenceOf(message: Msg): number | null {
  try {
    return Number(message.headers?.last('Nats-Sequence'));
  } catch {
    return null;
  }
}

/** @param last the sequence that arrived last; the server says which one it sent last, and both have to be the same */
function endOf({ headers }: Msg, last: number): DirectEnd {
  if (headers?.code === 404) return { kind: 'none' };
  if (headers?.code !== 204) return { kind: 'unsupported' };
  const number = (name: string): number => Number(headers.last(name) ?? 0);
  if (number('Nats-Last-Sequence') !== last) return { kind: 'broken' };
  return { kind: 'whole', pending: number('Nats-Num-Pending'), last, upTo: number('Nats-UpTo-Sequence') };
}
