import type { JetStreamManager } from '@nats-io/jetstream';
import { getNextMessage } from './leader-get.ts';
import { readStreamInfo } from './stream-info.ts';
import type { StreamGap } from './stream-item.ts';

export interface GapFinder {
  /**
   * The gap that begins right after a sequence, by the word of the stream's leader; null when there is none.
   *
   * @throws ConsumerError NO_STREAM, NO_PERMISSION, NO_ANSWER …
   */
  findAfter(position: number): Promise<StreamGap | null>;
}

/**
 * A gap takes two questions: where the stream ends, and which message comes next. An old leader may answer one of them
 * and a new leader the other. So a gap at the stream's end counts only when it is found twice.
 */
export function createGapFinder(jsm: JetStreamManager, stream: string): GapFinder {
  let suspected: { first: number; last: number } | null = null;

  return {
    async findAfter(position) {
      const first = position + 1;
      const { state } = await readStreamInfo(jsm, stream);
      if (state.last_seq < first) return null;
      const next = await getNextMessage(jsm, stream, { seq: first });
      if (next) {
        suspected = null;
        if (next.seq === first) return null;
        return { kind: 'gap', first, last: next.seq - 1, received: next.time.toISOString() };
      }
      const last = state.last_seq;
      if (suspected?.first === first) return { kind: 'gap', first, last: suspected.last, received: null };
      suspected = { first, last };
      return null;
    },
  };
}
