/** A sink for the tests of services: keeps what they emit, as it would have been published. */
import type { Event, KnownOptions } from '@waybill/schema';
import type { Ack } from '../ack.ts';
import { checkOptions } from '../check-options.ts';
import type { Drop } from '../drop.ts';
import { checkWait } from '../duration.ts';
import { dropError, PublisherError } from '../error.ts';
import type { EventInput } from '../event-input.ts';
import { createStamper, type StamperOptions } from '../event/stamper.ts';
import { DEFAULT_WAIT_MS, type WaitOptions } from '../handle.ts';
import type { Sink } from '../sink.ts';
import { EventWatchers } from './event-watchers.ts';

export interface MemorySinkOptions extends Partial<Omit<StamperOptions, 'signer'>> {
  /** Of every valid event: an error is what happens to it instead of being kept. Can be set later (`sink.fault`). */
  readonly fault?: Fault | null;
}

/** @returns the error with which `confirm` rejects; null: the event is kept */
export type Fault = (event: Event) => PublisherError | null;

export type Match = string | ((event: Event) => boolean);

export interface MemorySink extends Sink {
  /** What was emitted and kept, in order. */
  readonly events: readonly Event[];
  /** What was not valid, with the reason: a test wants to know. */
  readonly drops: readonly Drop[];
  fault: Fault | null;
  /** The first kept event of this type, or for which the function says so. */
  find(match: Match): Event | undefined;
  /** The same, waiting for it. @throws PublisherError TIMEOUT, saying what there is instead */
  waitFor(match: Match, options?: WaitOptions): Promise<Event>;
  /** Forgets what it has. */
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
  const watchers = new EventWatchers();
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
      // `emit` does not throw, whatever a test's function does.
      error = new PublisherError('INVALID', 'fault threw', { cause });
    }
    if (error) return error;
    events.push(stamped.event);
    stored++;
    watchers.tell(stamped.event);
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
    async waitFor(match, { timeoutMs = DEFAULT_WAIT_MS } = {}) {
      const matches = predicate(match);
      checkWait('waitFor: timeoutMs', timeoutMs);
      const found = events.find(matches);
      if (found) return found;
      return watchers.next(matches, timeoutMs, () => {
        const types = [...new Set(events.map(({ type }) => type))].join(', ') || 'nothing';
        const wanted = typeof match === 'string' ? match : 'such event';
        throw new PublisherError('TIMEOUT', `no ${wanted} within ${timeoutMs} ms; there is ${types}`);
      });
    },
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

function predicate(match: Match): (event: Event) => boolean {
  return typeof match === 'string' ? ({ type }) => type === match : match;
}
