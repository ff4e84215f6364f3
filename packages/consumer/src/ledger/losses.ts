/** What publishers lost of a chain, as it shows there, and what of it somebody acknowledged. */
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import {
  type AcknowledgedEnd,
  type Acknowledgements,
  createAcknowledgements,
  createMissingEventFinder,
  createOpenProducers,
  type Entry,
  isEndEntry,
  type MissingRange,
  type Origin,
  parseEntry,
  type PublisherState,
  SYSTEM_CHAIN,
} from '@waybill/schema/internal';
import { ConsumerError } from '../errors.ts';
import type { Settings } from '../settings.ts';
import { readRange } from '../nats/read-range.ts';
import { readStreamInfo } from '../nats/stream-info.ts';
import { checkChainName } from './chain-name.ts';
import { chainRange } from './chain-range.ts';
import { orDamaged, readStored } from './stored-block.ts';

export interface ChainLosses {
  /** All ranges of missing numbers. Those that somebody acknowledged name the record. */
  readonly holes: readonly MissingRange[];
  /** Publishers whose end somebody acknowledged. */
  readonly ends: readonly AcknowledgedEnd[];
  /** What the chain has of a publisher. */
  publisher(producer: string): PublisherState | undefined;
}

/**
 * Takes as long as the chain and `_system`. Memory grows with the number of publishers and of missing ranges. Entries are
 * read and not verified.
 *
 * @throws ConsumerError BAD_ARGUMENT, NO_STREAM, LEDGER_DAMAGED …
 */
export async function readLosses(nc: NatsConnection, settings: Settings, orgid: string): Promise<ChainLosses> {
  checkChainName('orgid', orgid);
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  const to = (await readStreamInfo(jsm, settings.ledgerStream)).state.last_seq;
  const missing = createMissingEventFinder(true);
  const producers = createOpenProducers();
  for await (const { entry, line } of entriesOf({ nc, jsm, settings, orgid, to })) {
    const origin = originIn(entry);
    if (origin === null) continue;
    const { core } = entry;
    const fault = missing.add(core.seq, origin, core.source);
    if (fault !== null)
      throw new ConsumerError('LEDGER_DAMAGED', `entry ${core.seq} of ${orgid}: ${fault} (see waybill verify)`);
    producers.add(origin, core, isEndEntry(entry, line));
  }
  const acknowledgements = (await readAcknowledgements({ nc, jsm, settings, to })).of(orgid);
  const { holes } = missing.report(acknowledgements);
  const { ends } = producers.report(acknowledgements);
  return { holes, ends, publisher: producers.find };
}

interface LedgerPart {
  readonly nc: NatsConnection;
  readonly jsm: JetStreamManager;
  readonly settings: Settings;
  /** The last sequence of the ledger stream that is read. */
  readonly to: number;
  /** Only entries that were received before this count. Default: all. */
  readonly before?: string | undefined;
}

/** Reads all of `_system`. @throws ConsumerError LEDGER_DAMAGED, NO_ANSWER … */
export async function readAcknowledgements(part: LedgerPart): Promise<Acknowledgements> {
  const found = createAcknowledgements();
  for await (const { entry } of entriesOf({ ...part, orgid: SYSTEM_CHAIN })) found.add(entry);
  return found;
}

/** The entries of a chain, one parsed at a time. */
export async function* entriesOf({
  nc,
  jsm,
  settings,
  orgid,
  to,
  before,
}: LedgerPart & { readonly orgid: string }): AsyncGenerator<{ entry: Entry; line: string }> {
  for await (const items of readRange(nc, jsm, chainRange(settings, { orgid, from: 1, to }))) {
    for (const item of items) {
      if (item.kind === 'gap') continue;
      const { lines } = readStored(settings, orgid, { seq: item.seq, data: item.payload });
      for (const line of lines) {
        const entry = orDamaged(settings, { orgid, streamSeq: item.seq }, () => parseEntry(line));
        if (before !== undefined && entry.core.received >= before) return;
        yield { entry, line };
      }
    }
  }
}

/** The number that a publisher gave to an entry's event, or null. */
export function originIn({ core: { origin } }: Entry): Origin | null {
  return origin && { producer: origin.producer, producerseq: Number(origin.producerseq) };
}
