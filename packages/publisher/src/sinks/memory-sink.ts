/** A sink for services' tests: keeps what they emit, as a publisher would publish it. */
import type { Event } from '@waybill/schema';
import type { KnownOptions } from '@waybill/schema/internal';
import type { Ack } from '../ack.ts';
import { checkOptions } from '../check-options.ts';
import type { Drop } from '../drop.ts';
import { checkWait, within } from '../duration.ts';
import { dropError, PublisherError } from '../error.ts';
import type { EventInput } from '../event-input.ts';
import { createStamper, type StamperOptions } from '../event/sink-stamper.ts';
import { DEFAULT_WAIT_MS, type WaitOptions } from '../handle.ts';
import type { Sink } from '../sink.ts';

export interface MemorySinkOptions extends Partial<Omit<StamperOptions, 'signer'>> {
  /** Called for every valid event. When it returns an error, the event is not kept. Can be set later (`sink.fault`). */
  readonly fault?: Fault | null;
}

/** @returns the error with which `confirm` rejects; null: the event is kept */
export type Fault = (event: Event) => PublisherError | null;

export type Match = string | ((event: Event) => boolean);

export interface MemorySink extends Sink {
  /** The events that were kept, in the order of emitting. */
  readonly events: readonly Event[];
  /** The events that were not valid, with the reasons. */
  readonly drops: readonly Drop[];
  fault: Fault | null;
  /** The first kept event of this type, or for which the function returns true. */
  find(match: Match): Event | undefined;
  /** Waits for such an event. @throws PublisherError TIMEOUT, naming the types that there are instead */
  waitFor(match: Match, options?: WaitOptions): Promise<Event>;
  /** Forgets all events and drops. */
  clear(): void;
}

const OPTIONS: KnownOptions<MemorySinkOptions> = {
  source: true,
  events: true,
  allowTypes: true,
  clock: true,
  fault: true,
};

export function memorySink(options: MemorySinkOptions = {}): MemorySink {
  checkOptions('memorySink', options, OPTIONS);
  const { source = '//memory', fault = null, ...rest } = options;
  const stamper = createStamper({ source, ...rest });
  const events: Event[] = [];
  const drops: Drop[] = [];
  const watchers = new Set<(event: Event) => void>();
  let stored = 0;
  let closed = false;

  function take(input: EventInput): Ack | PublisherError {
    const stamped = stamper.stamp(input);
    if (closed) return refuse({ reason: 'closed', detail: 'emitted after close()' });
    if (!stamped.ok) return refuse(stamped.drop);
    let error: PublisherError | null;
    try {
      error = sink.fault?.(stamped.event) ?? null;
    } catch (cause) {
      // `emit` never throws, whatever the test's function does.
      error = new PublisherError('INVALID', 'fault threw', { cause });
    }
    if (error) return error;
    events.push(stamped.event);
    stored++;
    for (const watcher of watchers) watcher(stamped.event);
    return { stream: 'MEMORY', seq: stored, duplicate: false };
  }

  function refuse(drop: Drop): PublisherError {
    drops.push(drop);
    return dropError(drop);
  }

  const sink: MemorySink = {
    events,
    drops,
    fault,
    emit: (event) => void take(event),
    async confirm(event) {
      const result = take(event);
      if (result instanceof PublisherError) throw result;
      return result;
    },
    enabled: (type) => !closed && stamper.allows(type),
    find: (match) => events.find(predicate(match)),
    waitFor: (match, { timeoutMs = DEFAULT_WAIT_MS } = {}) => waitForEvent(match, { events, watchers, timeoutMs }),
    clear() {
      events.length = 0;
      drops.length = 0;
    },
    flush: () => Promise.resolve(true),
    close() {
      closed = true;
      return Promise.resolve();
    },
    async [Symbol.asyncDispose]() {
      closed = true;
    },
  };
  return sink;
}

interface Waiting {
  readonly events: readonly Event[];
  /** Called with each event that is kept. */
  readonly watchers: Set<(event: Event) => void>;
  readonly timeoutMs: number;
}

async function waitForEvent(match: Match, { events, watchers, timeoutMs }: Waiting): Promise<Event> {
  checkWait('waitFor: timeoutMs', timeoutMs);
  const matches = predicate(match);
  const found = events.find(matches);
  if (found) return found;
  const { promise, resolve, reject } = Promise.withResolvers<Event>();
  const watcher = (event: Event): void => {
    try {
      if (matches(event)) resolve(event);
    } catch (error) {
      // The function is the waiting caller's, so the error is, too.
      reject(error);
    }
  };
  watchers.add(watcher);
  try {
    return await within(promise, timeoutMs, () => {
      const types = [...new Set(events.map(({ type }) => type))].join(', ') || 'nothing';
      const wanted = typeof match === 'string' ? match : 'such event';
      throw new PublisherError('TIMEOUT', `no ${wanted} within ${timeoutMs} ms; there is ${types}`);
    });
  } finally {
    watchers.delete(watcher);
  }
}

function predicate(match: Match): (event: Event) => boolean {
  return typeof match === 'string' ? ({ type }) => type === match : match;
}
