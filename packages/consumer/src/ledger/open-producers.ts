/**
 * Which publishers of a chain had not said that they closed, as of a moment, and whose end nobody had acknowledged by
 * then. Reads the chain from its beginning, and `_system`.
 */
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { createOpenProducers, isEndEntry, type OpenProducer } from '@waybill/schema/internal';
import type { Settings } from '../settings.ts';
import { readStreamInfo } from '../nats/stream-info.ts';
import { checkChainName } from './chain-name.ts';
import { entriesOf, originIn, readAcknowledgements } from './losses.ts';

export interface OpenProducersQuery {
  readonly orgid: string;
  /** Only entries received before this count: UTC, milliseconds, as in `received`. Default: all. */
  readonly before?: string;
}

export interface OpenProducersAnswer {
  /** The latest ones first, at most 100. */
  readonly open: readonly OpenProducer[];
  readonly open_count: number;
}

/**
 * Takes as long as the chain and `_system`, and memory grows with the number of publishers. Entries are read and not
 * verified.
 *
 * @throws ConsumerError BAD_ARGUMENT, NO_STREAM, LEDGER_DAMAGED …
 */
export async function readOpenProducers(
  nc: NatsConnection,
  settings: Settings,
  { orgid, before }: OpenProducersQuery,
): Promise<OpenProducersAnswer> {
  checkChainName('orgid', orgid);
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  const to = (await readStreamInfo(jsm, settings.ledgerStream)).state.last_seq;
  const part = { nc, jsm, settings, to, before };
  const producers = createOpenProducers();
  for await (const { entry, line } of entriesOf({ ...part, orgid })) {
    const origin = originIn(entry);
    if (origin) producers.add(origin, entry.core, isEndEntry(entry, line));
  }
  const { open, open_count } = producers.report((await readAcknowledgements(part)).of(orgid));
  return { open, open_count };
}
