/** What a chain shows about its publishers up to an entry: the events that it lacks, and who may still have had some. */
import type { Entry } from '../ledger/entry.ts';
import { ProducerWindows } from '../ledger/producer-window.ts';
import { MAX_OPEN_LISTED, type OpenPublisher, type OpenPublishers } from './bill.ts';

/** The type of a publisher's last event. */
const CLOSED = 'producer.closed';
const UNBOUNDED = { producers: Infinity, missing: Infinity, chainMissing: Infinity };

export interface PublisherScan {
  /** The chain's next entry, from its first on. */
  add(entry: Entry): void;
  report(): { readonly missing: string; readonly open: OpenPublishers };
}

interface NewestEvent {
  readonly number: number;
  readonly received: string;
  readonly isClosing: boolean;
}

/** Memory grows with the number of publishers and of ranges of missing numbers, and not with the chain's length. */
export function createPublisherScan(): PublisherScan {
  const windows = new ProducerWindows(UNBOUNDED);
  const newest = new Map<string, NewestEvent>();

  return {
    add({ core: { seq, origin, received }, event }) {
      if (!origin) return;
      const { producer } = origin;
      const number = Number(origin.producerseq);
      windows.admit(producer, number, seq);
      // A lower number came late, or again after the window had forgotten its publisher.
      if (number <= (newest.get(producer)?.number ?? 0)) return;
      newest.set(producer, { number, received, isClosing: event?.['type'] === CLOSED });
    },
    report() {
      let missing = 0n;
      for (const [, window] of windows) {
        for (const [first, last] of window.missing) missing += BigInt(last) - BigInt(first) + 1n;
      }
      const open = Array.from(newest).filter(([, { isClosing }]) => !isClosing);
      const publishers = open
        .toSorted(latestFirst)
        .slice(0, MAX_OPEN_LISTED)
        .map(([producer, { number, received }]): OpenPublisher => ({ producer, last: String(number), received }));
      return { missing: String(missing), open: { count: String(open.length), publishers } };
    },
  };
}

/** Then by name, by UTF-16 units: the order must not depend on a locale. */
function latestFirst([a, one]: [string, NewestEvent], [b, other]: [string, NewestEvent]): number {
  const [x, y] = one.received === other.received ? [a, b] : [other.received, one.received];
  return x < y ? -1 : Number(x > y);
}
