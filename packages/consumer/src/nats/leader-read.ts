/** Messages by the word of the stream's leader (`STREAM.MSG.GET`): what no other replica may be asked for. Slower than a direct get. */
import type { JetStreamManager, StoredMsg } from '@nats-io/jetstream';
import { toMilliseconds } from './direct-message.ts';
import { explain } from './nats-error.ts';
import type { StreamMessage } from './ordered-reader.ts';

export interface LeaderReader {
  /**
   * The messages that come next after a sequence, in order: more at a time the longer it goes on. Between the first two, and
   * so on, there is none. Empty when none is left.
   *
   * @throws ConsumerError NO_PERMISSION, NO_STREAM, NO_ANSWER …
   */
  after(position: number): Promise<readonly StreamMessage[]>;
  /** Another replica has answered: begin with few again. */
  rest(): void;
}

const MAX_MESSAGES = 256;
const MAX_BYTES = 1024 * 1024;

/** @param subject only messages on it */
export function createLeaderReader(jsm: JetStreamManager, stream: string, subject: string | undefined): LeaderReader {
  let count = 1;

  async function get(query: { seq: number; next_by_subj?: string }): Promise<StreamMessage | null> {
    try {
      const message = await jsm.streams.getMessage(stream, query);
      return message && toItem(message);
    } catch (cause) {
      throw explain(cause, `read stream ${stream}`);
    }
  }

  /** Those right after one another; a number without a message ends them. */
  async function successors(first: StreamMessage): Promise<StreamMessage[]> {
    const wanted = Array.from({ length: count - 1 }, (_, i) => get({ seq: first.seq + 1 + i }));
    const found = await Promise.all(wanted);
    const end = found.indexOf(null);
    return (end < 0 ? found : found.slice(0, end)) as StreamMessage[];
  }

  return {
    async after(position) {
      // The client's type leaves out `next_by_subj`, which the server has had since 2.9.
      const first = await get({ seq: position + 1, next_by_subj: subject ?? '>' });
      if (!first) return [];
      const messages = [first];
      if (subject === undefined) messages.push(...(await successors(first)));
      else {
        for (let last: StreamMessage | null = first; last && messages.length < count;) {
          last = await get({ seq: last.seq + 1, next_by_subj: subject });
          if (last) messages.push(last);
        }
      }
      const bytes = messages.reduce((sum, { payload }) => sum + payload.length, 0);
      count = bytes > MAX_BYTES ? Math.ceil(count / 2) : Math.min(2 * count, MAX_MESSAGES);
      return messages;
    },
    rest() {
      count = 1;
    },
  };
}

function toItem({ seq, subject, timestamp, data }: StoredMsg): StreamMessage {
  return { kind: 'message', seq, subject, received: toMilliseconds(timestamp), payload: data };
}
