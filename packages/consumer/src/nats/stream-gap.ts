import type { JetStreamManager } from '@nats-io/jetstream';

/** Sequence numbers, inclusive, at which the stream has no message: deleted, expired or lost. */
export interface StreamGap {
  readonly kind: 'gap';
  readonly first: number;
  readonly last: number;
  /** When the message after it was stored; null at the stream's end. RFC 3339, UTC, milliseconds. */
  readonly received: string | null;
}

export interface GapFinder {
  /** The gap that begins right after a sequence, as the stream's leader sees it. */
  after(position: number): Promise<StreamGap | null>;
}

/**
 * A gap at the stream's end is believed when it was seen twice: the two questions it takes may be answered by an old
 * leader and a new one.
 */
export function createGapFinder(jsm: JetStreamManager, stream: string): GapFinder {
  let suspected: { first: number; last: number } | null = null;

  return {
    async after(position) {
      const first = position + 1;
      const { state } = await jsm.streams.info(stream);
      if (state.last_seq < first) return null;
      // The client's type leaves out `next_by_subj`, which the server has had since 2.9.
      const query = { seq: first, next_by_subj: '>' } as { seq: number };
      const next = await jsm.streams.getMessage(stream, query);
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
