/**
 * Publishers that have not said that they closed. Events that such a publisher lost after its last stored one are missed
 * by nobody: no later number shows them. Derived from `core.origin`, and from the type of the event with the highest
 * number.
 */
import type { Origin } from '../event/origin.ts';
import type { Entry } from '../ledger/entry.ts';

/** The type of the event that says that its publisher emits nothing after it. */
const END_TYPE = 'producer.closed';
/** What stands in each line of such an event, and in few others. */
const END_MARK = `"type":"${END_TYPE}"`;

/** A publisher whose event with the highest number is not its end. */
export interface OpenProducer {
  /** Its boot id. */
  readonly producer: string;
  /** The highest of its numbers in the chain. */
  readonly last: number;
  /** When that event was received. */
  readonly received: string;
}

interface OpenProducerList {
  /** The latest ones first, at most `MAX_LISTED_OPEN`. */
  readonly open: readonly OpenProducer[];
  /** All of them. */
  readonly open_count: number;
}

export const MAX_LISTED_OPEN = 100;

export interface OpenProducers {
  /** Adds the next entry of a chain. Those without an origin say nothing. @param isEnd its event says that it closed */
  add(origin: Origin, received: string, isEnd: boolean): void;
  /** As of the last entry that was added. */
  report(): OpenProducerList;
}

/** Memory grows with the number of publishers: none is forgotten, as for missing events. */
export function createOpenProducers(): OpenProducers {
  const producers = new Map<string, { last: number; received: string; isClosed: boolean }>();

  return {
    add({ producer, producerseq }, received, isEnd) {
      const known = producers.get(producer);
      if (!known) {
        producers.set(producer, { last: producerseq, received, isClosed: isEnd });
        return;
      }
      // A lower number came late, or again after the window had forgotten its publisher.
      if (producerseq <= known.last) return;
      known.last = producerseq;
      known.received = received;
      known.isClosed = isEnd;
    },
    report() {
      const open = [...producers].filter(([, { isClosed }]) => !isClosed);
      return {
        open: open
          .map(([producer, { last, received }]): OpenProducer => ({ producer, last, received }))
          .toSorted((a, b) => compare(b.received, a.received) || compare(a.producer, b.producer))
          .slice(0, MAX_LISTED_OPEN),
        open_count: open.length,
      };
    },
  };
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Whether an entry's event says that its publisher has closed. Of an erased event nobody can tell: it does not. */
export function isEndEntry(entry: Entry, line: string): boolean {
  // Its event is parsed when it is asked for.
  return line.includes(END_MARK) && entry.event !== null && (entry.event as { type?: unknown }).type === END_TYPE;
}
