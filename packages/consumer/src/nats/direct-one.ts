/**
 * One message by a direct get. Any replica may answer, also one that lags: what it has is in the stream, and what it has
 * not may be there all the same.
 */
import type { NatsConnection } from '@nats-io/nats-core';
import { type DirectMessage, readDirectMessage } from './direct-message.ts';
import { explain } from './nats-error.ts';

const TIMEOUT_MS = 5_000;

/**
 * The first message on a subject at or after a sequence number; null when the replica has none.
 *
 * @throws ConsumerError NO_ANSWER, also where a stream has no `allow_direct`; NO_PERMISSION …
 */
export async function getDirectNext(
  nc: NatsConnection,
  stream: string,
  { seq, subject }: { readonly seq: number; readonly subject: string },
): Promise<DirectMessage | null> {
  try {
    const query = JSON.stringify({ seq, next_by_subj: subject });
    return readDirectMessage(await nc.request(`$JS.API.DIRECT.GET.${stream}`, query, { timeout: TIMEOUT_MS }));
  } catch (cause) {
    throw explain(cause, `read stream ${stream} from sequence ${seq} on`);
  }
}
