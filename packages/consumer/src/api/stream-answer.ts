import type { Asked, ReadNote, StreamAnswer, StreamItem } from './reader.ts';
import type { SlotKind } from './slots.ts';
import { guardedStream } from './guarded-stream.ts';

/** A sequence that has a slot until it ends, or until its signal is aborted: nobody may ever begin to read it. */
export interface Sequence {
  readonly slot: SlotKind;
  readonly operation: string;
  /** What reading these items is, for the audit of reads. */
  readonly noteOf: (items: readonly StreamItem[]) => ReadNote;
  readonly headers?: Readonly<Record<string, string>>;
  /** @param signal aborted when nobody reads any more */
  readonly items: (signal: AbortSignal) => AsyncIterable<readonly StreamItem[]>;
}

/** @throws ConsumerError BUSY */
export function streamAnswer(
  { reader, principal, form, signal }: Asked<unknown>,
  { slot, operation, noteOf, headers, items }: Sequence,
): StreamAnswer {
  const { access, slots, limits } = reader;
  const release = slots.take(slot);
  signal.addEventListener('abort', release, { once: true });
  // The source also ends when the guard ends, which may be for another reason than the signal.
  const over = new AbortController();
  const stream = guardedStream({
    items: items(AbortSignal.any([signal, over.signal])),
    access,
    principal,
    validityMs: limits.validityMs,
    signal,
    release: () => {
      release();
      over.abort();
    },
    onItems(some) {
      const note = noteOf(some);
      if (note.items > 0) access.noteRead({ principal, operation, ...note });
    },
  });
  return { kind: 'stream', form, items: stream, ...(headers && { headers }) };
}
