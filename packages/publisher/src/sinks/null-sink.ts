import { PublisherError } from '../error.ts';
import type { Sink } from '../sink.ts';

/** A sink that drops every event and holds nothing open. `confirm` rejects with `DISABLED`. */
export function nullSink(): Sink {
  return {
    emit: () => {},
    confirm: () => Promise.reject(new PublisherError('DISABLED', 'event dropped: this sink stores nothing')),
    enabled: () => false,
    flush: () => Promise.resolve(true),
    close: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
