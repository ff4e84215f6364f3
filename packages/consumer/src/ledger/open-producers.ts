/** Which publishers of a chain had not said that they closed, as of a moment. Reads the chain from its beginning. */
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { createOpenProducers, isEndEntry, type OpenProducer, parseEntry } from '@waybill/schema/internal';
import type { Settings } from '../settings.ts';
import { readRange } from '../nats/read-range.ts';
import { readStreamInfo } from '../nats/stream-info.ts';
import { checkChainName } from './chain-name.ts';
import { chainRange } from './chain-range.ts';
import { orDamaged, readStored } from './stored-block.ts';

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
 * Takes as long as the chain, and memory grows with the number of its publishers. Entries are read and not verified.
 *
 * @throws ConsumerError BAD_ARGUMENT, NO_STREAM, LEDGER_DAMAGED …
 */
export async function readOpenProducers(
  nc: NatsConnection,
  settings: Settings,
  query: OpenProducersQuery,
): Promise<OpenProducersAnswer> {
  checkChainName('orgid', query.orgid);
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  const producers = createOpenProducers();
  for await (const { seq, lines } of blocksBefore(nc, jsm, { settings, ...query })) {
    for (const line of lines) {
      const entry = orDamaged(settings, { orgid: query.orgid, streamSeq: seq }, () => parseEntry(line));
      const { received, origin } = entry.core;
      if (query.before !== undefined && received >= query.before) return producers.report();
      if (origin === null) continue;
      const number = { producer: origin.producer, producerseq: Number(origin.producerseq) };
      producers.add(number, entry.core, isEndEntry(entry, line));
    }
  }
  return producers.report();
}

async function* blocksBefore(
  nc: NatsConnection,
  jsm: JetStreamManager,
  { settings, orgid, before }: OpenProducersQuery & { readonly settings: Settings },
): AsyncGenerator<{ seq: number; lines: readonly string[] }> {
  const to = (await readStreamInfo(jsm, settings.ledgerStream)).state.last_seq;
  for await (const items of readRange(nc, jsm, chainRange(settings, { orgid, from: 1, to }))) {
    for (const item of items) {
      if (item.kind === 'gap') continue;
      const block = readStored(settings, orgid, { seq: item.seq, data: item.payload });
      if (before !== undefined && block.first.core.received >= before) return;
      yield { seq: item.seq, lines: block.lines };
    }
  }
}
