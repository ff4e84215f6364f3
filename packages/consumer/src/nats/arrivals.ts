import type { JetStreamManager } from '@nats-io/jetstream';
import type { DeliveryInfo } from './delivery-info.ts';
import type { ItemBuffer } from './item-buffer.ts';
import { createGapFinder } from './stream-gap.ts';

export interface ArrivalsOptions {
  readonly jsm: JetStreamManager;
  readonly stream: string;
  /** The first sequence that may arrive. */
  readonly startSeq: number;
  /** Called before a gap is added; a rejection keeps it out. */
  readonly confirm?: () => Promise<void>;
}

/** Puts what arrives into the buffer, in order and without a sequence number missing. */
export interface Arrivals {
  /** Sequence of the last item. */
  readonly position: number;
  /** Messages that the server had not delivered yet when it sent the last one. */
  readonly pending: number;
  /** @returns false when messages are missing before this one, and nobody has confirmed yet that they are a gap */
  addMessage(subject: string, payload: Uint8Array, delivery: DeliveryInfo): boolean;
  /** Adds the gap after `position`, if there is one. */
  addGap(): Promise<void>;
  /** Adds no gap any more. */
  stop(): void;
}

export function createArrivals(buffer: ItemBuffer, { jsm, stream, startSeq, confirm }: ArrivalsOptions): Arrivals {
  const gaps = createGapFinder(jsm, stream);
  let position = startSeq - 1;
  let pending = 0;
  let isStopped = false;

  return {
    get position() {
      return position;
    },
    get pending() {
      return pending;
    },
    addMessage(subject, payload, delivery) {
      const { streamSeq: seq, received } = delivery;
      if (seq !== position + 1) return false;
      position = seq;
      ({ pending } = delivery);
      buffer.push({ kind: 'message', seq, subject, received, payload });
      return true;
    },
    async addGap() {
      const gap = await gaps.findAfter(position);
      const isNext = (): boolean => !isStopped && gap?.first === position + 1;
      if (!gap || !isNext()) return;
      await confirm?.();
      if (!isNext()) return;
      position = gap.last;
      buffer.push(gap);
    },
    stop() {
      isStopped = true;
    },
  };
}
