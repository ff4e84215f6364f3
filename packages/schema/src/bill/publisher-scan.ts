/** What a chain shows about its publishers up to an entry: the events that it lacks, and who may still have had some. */
import type { Entry } from '../ledger/entry.ts';
import { ProducerWindows } from '../ledger/producer-window.ts';
import { createOpenProducers, saysClosed } from '../verify/open-producers.ts';
import { type OpenPublisher, type OpenPublishers } from './bill.ts';

const UNBOUNDED = { producers: Infinity, missing: Infinity, chainMissing: Infinity };

export interface PublisherScan {
  /** The chain's next entry, from its first on. */
  add(entry: Entry): void;
  report(): { readonly missing: string; readonly open: OpenPublishers };
}

/** Memory grows with the number of publishers and of ranges of missing numbers, and not with the chain's length. */
export function createPublisherScan(): PublisherScan {
  const windows = new ProducerWindows(UNBOUNDED);
  const producers = createOpenProducers();

  return {
    add({ core, event }) {
      if (!core.origin) return;
      const { producer } = core.origin;
      const producerseq = Number(core.origin.producerseq);
      windows.admit(producer, producerseq, core.seq);
      producers.add({ producer, producerseq }, core, saysClosed({ event }));
    },
    report() {
      let missing = 0n;
      for (const [, window] of windows) {
        for (const [first, last] of window.missing) missing += BigInt(last) - BigInt(first) + 1n;
      }
      // Acknowledgements stand in `_system`, which whoever has the bill does not have: they count for nothing here.
      const { open, open_count } = producers.report();
      const publishers = open.map((one): OpenPublisher => ({ ...one, last: String(one.last) }));
      return { missing: String(missing), open: { count: String(open_count), publishers } };
    },
  };
}
