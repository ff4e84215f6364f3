import type { EventDraft } from '@waybill/schema';
import type { EventInput } from '../event-input.ts';
import type { Sink } from '../sink.ts';

/**
 * Passes every event to each of the sinks. Each sink stamps it, so the same event has another id and another number in
 * each. `confirm` waits for all sinks and returns the first one's answer. It rejects when one of them rejects.
 */
export function teeSink(first: Sink, ...others: readonly Sink[]): Sink {
  const sinks = [first, ...others];

  function each<T>(call: (sink: Sink) => Promise<T>): Promise<T[]> {
    // In async functions, so that a sink that throws counts as one that rejects.
    return Promise.all(sinks.map(async (sink) => call(sink)));
  }

  return {
    emit(event) {
      const once = callOnce(event);
      for (const sink of sinks) {
        try {
          sink.emit(once);
        } catch {
          // A sink that throws must not keep the event from the others.
        }
      }
    },
    async confirm(event, options) {
      const once = callOnce(event);
      const acks = await each((sink) => sink.confirm(once, options));
      return acks[0] as Awaited<ReturnType<Sink['confirm']>>;
    },
    enabled: (type) => sinks.some((sink) => sink.enabled(type)),
    flush: async (options) => (await each((sink) => sink.flush(options))).every(Boolean),
    close: (options) => each((sink) => sink.close(options)),
    [Symbol.asyncDispose]: async () => {
      await each(async (sink) => sink[Symbol.asyncDispose]());
    },
  };
}

/** The function that makes an event is called once, by the first sink that takes the event. */
function callOnce(event: EventInput): EventInput {
  if (typeof event !== 'function') return event;
  let made: { readonly draft: EventDraft } | { readonly error: unknown } | null = null;
  return () => {
    if (!made) {
      try {
        made = { draft: event() };
      } catch (error) {
        made = { error };
      }
    }
    if ('error' in made) throw made.error;
    return made.draft;
  };
}
