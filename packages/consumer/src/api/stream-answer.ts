import type { Asked, ReadNote, StreamAnswer, StreamItem } from './reader.ts';
import type { SlotKind } from './slots.ts';
import { guardedStream } from './guarded-stream.ts';

/** A sequence that has a slot until its work ends; or until its signal is aborted, when nobody ever begins to read it. */
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
  const release = slot === 'stream' ? slots.take(slot, principal.id) : slots.take(slot);
  let isBegun = false;
  const abandon = (): void => {
    if (!isBegun) release();
  };
  signal.addEventListener('abort', abandon, { once: true });
  if (signal.aborted) abandon();
  const request = Symbol(operation);
  const invalid = new AbortController();
  // The source also ends when the guard ends, which may be for another reason than the signal.
  const over = new AbortController();
  const stream = guardedStream({
    items: begun(items(AbortSignal.any([signal, over.signal])), () => (isBegun = true)),
    access,
    principal,
    validityMs: limits.validityMs,
    signal,
    onInvalid: (error) => invalid.abort(error),
    onEnd: () => over.abort(),
    release,
    onItems(some) {
      const note = noteOf(some);
      if (note.items > 0) access.noteRead({ principal, operation, request, ...note });
    },
  });
  return { kind: 'stream', form, items: stream, invalid: invalid.signal, ...(headers && { headers }) };
}

/** The same items. @param onBegin called when the first one is asked for */
async function* begun<T>(items: AsyncIterable<T>, onBegin: () => void): AsyncGenerator<T> {
  onBegin();
  yield* items;
}
