/** How much a reader does at once. More is refused at once: a queue would only make everybody wait. */
import { ConsumerError } from '../errors.ts';

/** `wait`: questions that wait for a final answer. `stream`: sequences of entries. */
export const SLOT_KINDS = ['query', 'wait', 'bill', 'stream'] as const;
export type SlotKind = (typeof SLOT_KINDS)[number];

export interface Slots {
  /**
   * @param who asks, where a slot may be held for long: one asker gets a quarter of them
   * @returns gives the slot back; calling it again does nothing
   * @throws ConsumerError BUSY
   */
  take(kind: SlotKind, who?: string): () => void;
  taken(kind: SlotKind): number;
}

export const SLOTS: Readonly<Record<SlotKind, number>> = { query: 32, wait: 64, bill: 2, stream: 128 };

const RETRY_MS = 1_000;

export function createSlots(most: Readonly<Record<SlotKind, number>> = SLOTS): Slots {
  const taken: Record<SlotKind, number> = { query: 0, wait: 0, bill: 0, stream: 0 };
  const own = new Map<string, number>();
  const add = (key: string, more: 1 | -1): void => {
    const count = (own.get(key) ?? 0) + more;
    if (count > 0) own.set(key, count);
    else own.delete(key);
  };
  return {
    take(kind, who) {
      const key = who === undefined ? null : `${kind} ${who}`;
      const share = Math.ceil(most[kind] / 4);
      if (key !== null && (own.get(key) ?? 0) >= share) {
        const what = `${share} questions of this kind (${kind}) are open for ${who} already: end one`;
        throw new ConsumerError('BUSY', what, { retryAfterMs: RETRY_MS });
      }
      if (taken[kind] >= most[kind]) {
        const what = `this reader already answers ${most[kind]} questions of this kind (${kind}): ask again`;
        throw new ConsumerError('BUSY', what, { retryAfterMs: RETRY_MS });
      }
      taken[kind]++;
      if (key !== null) add(key, 1);
      let isHeld = true;
      return () => {
        if (!isHeld) return;
        isHeld = false;
        taken[kind]--;
        if (key !== null) add(key, -1);
      };
    },
    taken: (kind) => taken[kind],
  };
}
