/** One pass over a chain: the entries on both sides of each cut, and what the chain shows about its publishers. */
import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { type BillCut, createPublisherScan, type PublisherScan } from '@waybill/schema';
import type { Core } from '@waybill/schema/internal';
import type { Settings } from '../settings.ts';
import { readEntries } from './read-entries.ts';
import type { BillPeriod } from './bill-period.ts';

export interface CutChain {
  readonly cuts: readonly BillCut[];
  /** For each cut the entry after it; null: the chain has not gone on. */
  readonly after: readonly (Core | null)[];
  /** As of the last cut. */
  readonly publishers: ReturnType<PublisherScan['report']>;
}

interface CutRequest {
  readonly nc: NatsConnection;
  readonly jsm: JetStreamManager;
  readonly settings: Settings;
  readonly ledgerEnd: number;
  readonly period: Pick<BillPeriod, 'cuts'>;
  readonly orgid: string;
}

/** @throws ConsumerError LEDGER_DAMAGED, NO_ANSWER … */
export async function cutChain({ period, ...request }: CutRequest): Promise<CutChain> {
  const scan = createPublisherScan();
  const cuts: BillCut[] = [];
  const after: (Core | null)[] = [];
  let last: Core | null = null;
  for await (const entry of readEntries(request)) {
    const { core } = entry;
    for (let at = period.cuts[cuts.length]; at !== undefined && core.received >= at; at = period.cuts[cuts.length]) {
      cuts.push({ at, before: last });
      after.push(core);
    }
    if (cuts.length === period.cuts.length) break;
    scan.add(entry);
    last = core;
  }
  for (const at of period.cuts.slice(cuts.length)) {
    cuts.push({ at, before: last });
    after.push(null);
  }
  return { cuts, after, publishers: scan.report() };
}
