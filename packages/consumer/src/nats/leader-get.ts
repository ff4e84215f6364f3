/**
 * Single messages by the word of the stream's leader (`STREAM.MSG.GET`). Any other replica may lag behind it, or may
 * have lost a message. A direct get is quicker, and may be answered by any replica.
 */
import type { JetStreamManager, StoredMsg } from '@nats-io/jetstream';
import { explain } from './nats-error.ts';

/** The client's type leaves out `next_by_subj`, which the server has had since 2.9 (`JSApiMsgGetRequest`). */
type MessageQuery =
  | { readonly seq: number }
  | { readonly seq: number; readonly next_by_subj: string }
  | { readonly last_by_subj: string };

/**
 * The message with a sequence number; null when the stream has none there.
 *
 * @throws ConsumerError NO_STREAM, NO_ANSWER …
 */
export function getMessage(jsm: JetStreamManager, stream: string, seq: number): Promise<StoredMsg | null> {
  return ask(jsm, stream, { seq });
}

export interface NextMessageQuery {
  /** The first sequence number that counts. */
  readonly seq: number;
  /** Only messages on this subject; wildcards are allowed. Default: all. */
  readonly subject?: string | undefined;
}

/** The first message at or after a sequence number; null when none is left. @throws ConsumerError as `getMessage` */
export function getNextMessage(
  jsm: JetStreamManager,
  stream: string,
  { seq, subject = '>' }: NextMessageQuery,
): Promise<StoredMsg | null> {
  return ask(jsm, stream, { seq, next_by_subj: subject });
}

/**
 * The newest message on a subject; wildcards are allowed. null when there is none.
 *
 * @throws ConsumerError as `getMessage`
 */
export function getLastMessage(jsm: JetStreamManager, stream: string, subject: string): Promise<StoredMsg | null> {
  return ask(jsm, stream, { last_by_subj: subject });
}

async function ask(jsm: JetStreamManager, stream: string, query: MessageQuery): Promise<StoredMsg | null> {
  try {
    return await jsm.streams.getMessage(stream, query);
  } catch (cause) {
    throw explain(cause, describe(stream, query));
  }
}

function describe(stream: string, query: MessageQuery): string {
  if ('last_by_subj' in query) return `read the newest message on ${query.last_by_subj} of stream ${stream}`;
  if ('next_by_subj' in query) return `read stream ${stream} from sequence ${query.seq} on`;
  return `read message ${query.seq} of stream ${stream}`;
}
