import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import type { Entry } from '@waybill/schema/internal';
import type { Settings } from '../settings.ts';
import { chainRange } from '../ledger/chain-range.ts';
import { entryAt, readStored } from '../ledger/stored-block.ts';
import { readRange } from '../nats/read-range.ts';

interface ChainRequest {
  readonly nc: NatsConnection;
  readonly jsm: JetStreamManager;
  readonly settings: Settings;
  readonly orgid: string;
  /** The last sequence of the ledger stream that is read. */
  readonly ledgerEnd: number;
}

/** The entries of a chain from its first on, one parsed at a time. @throws ConsumerError LEDGER_DAMAGED, NO_ANSWER … */
export async function* readEntries({ nc, jsm, settings, orgid, ledgerEnd }: ChainRequest): AsyncGenerator<Entry> {
  const range = chainRange(settings, { orgid, from: 1, to: ledgerEnd });
  for await (const items of readRange(nc, jsm, range)) {
    for (const item of items) {
      if (item.kind === 'gap') continue;
      const block = readStored(settings, orgid, { seq: item.seq, data: item.payload });
      for (let i = 0; i < block.lines.length; i++) yield entryAt(settings, block, i);
    }
  }
}
