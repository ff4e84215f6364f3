/** How much a reader does at once. More is refused at once: a queue would only make everybody wait. */
import { ConsumerError } from '../errors.ts';

/** `wait`: questions that wait for a final answer. `stream`: sequences of entries. */
export const SLOT_KINDS = ['query', 'wait', 'bill', 'stream'] as const;
export type SlotKind = (typeof SLOT_KINDS)[number];

export interface Slots {
  /** @returns gives the slot back; calling it again does nothing @throws ConsumerError BUSY */
  take(kind: SlotKind): () => void;
  taken(kind: SlotKind): number;
}

export const SLOTS: Readonly<Record<SlotKind, number>> = { query: 32, wait: 64, bill: 2, stream: 128 };

const RETRY_MS = 1_000;

export function createSlots(most: Readonly<Record<SlotKind, number>> = SLOTS): Slots {
  const taken: Record<SlotKind, number> = { query: 0, wait: 0, bill: 0, stream: 0 };
  return {
    take(kind) {
      if (taken[kind] >= most[kind]) {
        const what = `this reader already answers ${most[kind]} questions of this kind (${kind}): ask again`;
        throw new ConsumerError('BUSY', what, { retryAfterMs: RETRY_MS });
      }
      taken[kind]++;
      let isHeld = true;
      return () => {
        if (isHeld) taken[kind]--;
        isHeld = false;
      };
    },
    taken: (kind) => taken[kind],
  };
}
