/**
 * Publishers that have not said that they closed. Events that such a publisher lost after its last stored one are missed
 * by nobody: no later number shows them. Derived from `core.origin`, and from the type of the event with the highest
 * number.
 */
import type { Origin } from '../event/origin.ts';
import { comparePlaces, type Core, type Entry } from '../ledger/entry.ts';
import { type AcknowledgedBy, type AuditPlace, type LossAcknowledgement, placeOf } from './acknowledgements.ts';

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

/** A publisher that is gone, and somebody knows why it did not close. */
export interface AcknowledgedEnd extends OpenProducer {
  readonly acknowledged: AcknowledgedBy;
}

interface OpenProducerList {
  /** The latest ones first, at most `MAX_LISTED_OPEN`. */
  readonly open: readonly OpenProducer[];
  /** All of them. */
  readonly open_count: number;
  /** Those that are not open any more because somebody acknowledged their end. All of them, the latest ones first. */
  readonly ends: readonly AcknowledgedEnd[];
}

export const MAX_LISTED_OPEN = 100;

export interface OpenProducers {
  /** Adds the next entry of a chain. Those without an origin say nothing. @param isEnd its event says that it closed */
  add(origin: Origin, core: Pick<Core, 'received' | 'source'>, isEnd: boolean): void;
  /** What is known of a publisher; undefined when the chain has no event of it. */
  find(producer: string): PublisherState | undefined;
  /** As of the last entry that was added. @param acknowledgements of losses of this chain */
  report(acknowledgements?: readonly LossAcknowledgement[]): OpenProducerList;
}

interface Publisher {
  last: number;
  received: string;
  /** Numbers only: the entry that they are of is not kept. */
  place: AuditPlace;
  isClosed: boolean;
}

export type PublisherState = Readonly<Pick<Publisher, 'last' | 'received' | 'isClosed'>>;

/** Memory grows with the number of publishers: none is forgotten, as for missing events. */
export function createOpenProducers(): OpenProducers {
  const producers = new Map<string, Publisher>();

  return {
    add({ producer, producerseq }, { received, source }, isClosed) {
      const known = producers.get(producer);
      if (!known) {
        producers.set(producer, { last: producerseq, received, place: placeOf(source), isClosed });
        return;
      }
      // A lower number came late, or again after the window had forgotten its publisher.
      if (producerseq <= known.last) return;
      known.last = producerseq;
      known.received = received;
      known.place = placeOf(source);
      known.isClosed = isClosed;
    },
    find: (producer) => producers.get(producer),
    report(acknowledgements = []) {
      const open: OpenProducer[] = [];
      const ends: AcknowledgedEnd[] = [];
      for (const [producer, { last, received, place, isClosed }] of producers) {
        if (isClosed) continue;
        // Made after its last event, of which it names the number: it says nothing about one that went on.
        const end = acknowledgements.find(
          (one) =>
            one.last === null &&
            one.producer === producer &&
            one.first === last + 1 &&
            comparePlaces(one.place, place) > 0,
        );
        if (end) ends.push({ producer, last, received, acknowledged: end.record });
        else open.push({ producer, last, received });
      }
      return {
        open: open.toSorted(latestFirst).slice(0, MAX_LISTED_OPEN),
        open_count: open.length,
        ends: ends.toSorted(latestFirst),
      };
    },
  };
}

function latestFirst(a: OpenProducer, b: OpenProducer): number {
  return compare(b.received, a.received) || compare(a.producer, b.producer);
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/**
 * Whether an entry's event says that its publisher has closed. Of an erased event nobody can tell: it does not.
 *
 * @param line a text that has the canonical text of the event in it
 */
export function isEndEntry(entry: Pick<Entry, 'event'>, line: string): boolean {
  // Its event is parsed when it is asked for.
  return line.includes(END_MARK) && saysClosed(entry);
}

/** The same without a line at hand: it parses each event. */
export function saysClosed({ event }: Pick<Entry, 'event'>): boolean {
  return event?.['type'] === END_TYPE;
}
