import type { JetStreamManager, StoredMsg } from '@nats-io/jetstream';
import { toMilliseconds } from './direct-message.ts';
import { getMessage, getNextMessage } from './leader-get.ts';
import type { StreamMessage } from './stream-item.ts';

/**
 * Reads several messages after one another from the stream's leader (leader-get.ts), where other replicas lack them.
 */
export interface LeaderReader {
  /**
   * The next messages after a sequence, without one missing in between; empty when none is left. Each call reads twice
   * as many as the last one, up to a limit.
   *
   * @throws ConsumerError NO_PERMISSION, NO_STREAM, NO_ANSWER …
   */
  readAfter(position: number): Promise<readonly StreamMessage[]>;
  /** Begins again with one message: another replica has answered. */
  reset(): void;
}

const MAX_MESSAGES = 256;
const MAX_BYTES = 1024 * 1024;

/** @param subject only messages on it; wildcards are allowed */
export function createLeaderReader(jsm: JetStreamManager, stream: string, subject: string | undefined): LeaderReader {
  let count = 1;

  /** Where no subject is given, the numbers of the next messages are known, and all are asked for at once. */
  async function getSuccessors(first: StoredMsg): Promise<StoredMsg[]> {
    const seqs = Array.from({ length: count - 1 }, (_, i) => first.seq + 1 + i);
    const found = await Promise.all(seqs.map((seq) => getMessage(jsm, stream, seq)));
    const end = found.indexOf(null);
    return (end < 0 ? found : found.slice(0, end)) as StoredMsg[];
  }

  async function getSuccessorsOn(on: string, first: StoredMsg): Promise<StoredMsg[]> {
    const found: StoredMsg[] = [];
    for (let last = first; found.length < count - 1;) {
      const next = await getNextMessage(jsm, stream, { seq: last.seq + 1, subject: on });
      if (!next) break;
      found.push(next);
      last = next;
    }
    return found;
  }

  return {
    async readAfter(position) {
      const first = await getNextMessage(jsm, stream, { seq: position + 1, subject });
      if (!first) return [];
      const rest = subject === undefined ? await getSuccessors(first) : await getSuccessorsOn(subject, first);
      const messages = [first, ...rest].map(toStreamMessage);
      const bytes = messages.reduce((sum, { payload }) => sum + payload.length, 0);
      count = bytes > MAX_BYTES ? Math.ceil(count / 2) : Math.min(2 * count, MAX_MESSAGES);
      return messages;
    },
    reset() {
      count = 1;
    },
  };
}

function toStreamMessage({ seq, subject, timestamp, data }: StoredMsg): StreamMessage {
  return { kind: 'message', seq, subject, received: toMilliseconds(timestamp), payload: data };
}
