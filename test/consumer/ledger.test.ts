import { jetstreamManager } from '@nats-io/jetstream';
import type { Settings } from '@waybill/consumer';
import { parseBlock } from '@waybill/schema/internal';
import { hash } from 'node:crypto';
import { expect, test } from 'vitest';
import { createFold, NO_SIZES } from '../../packages/consumer/src/writer/fold.ts';
import { type LedgerWriter, openLedger } from '../../packages/consumer/src/writer/ledger-writer.ts';
import { createOpenBlocks, type SealedBlock } from '../../packages/consumer/src/writer/open-blocks.ts';
import { createRouter, type RoutedItem } from '../../packages/consumer/src/writer/routing.ts';
import { createWatermark } from '../../packages/consumer/src/writer/watermark.ts';
import type { StreamItem } from '../../packages/consumer/src/nats/stream-item.ts';
import { readStream } from '../support/check-ledger.ts';
import { startNats, type TestNats } from '../support/nats.ts';
import { artifactEvent, makeStreams } from '../support/traffic.ts';

async function open(
  server: TestNats,
  settings: Settings,
  writer: string,
  minBatchedBlocks = 64,
): Promise<LedgerWriter> {
  const nc = await server.connect();
  const jsm = await jetstreamManager(nc);
  const ledger = await openLedger({
    nc,
    jsm,
    settings,
    writer,
    ackTimeoutMs: 2_000,
    maxCachedChains: 100,
    minBatchedBlocks,
  });
  await ledger.load(['_system', 'a', 'b', 'c', 'd']);
  return ledger;
}

/**
 * The blocks of one event for each organization, as the AUDIT messages after `position`; the last claims them all.
 *
 * @param orgids null: a message that is no event
 */
function fill(
  ledger: LedgerWriter,
  settings: Settings,
  orgids: readonly (string | null)[],
  position = 0,
): SealedBlock[] {
  const { chains } = ledger;
  const watermark = createWatermark(position);
  const blocks = createOpenBlocks(chains, watermark);
  const sha256 = (text: string) => hash('sha256', text);
  const fold = createFold({ stream: settings.auditStream, sha256, chains, sizes: NO_SIZES, sink: blocks });
  const route = createRouter({ subjectPrefix: settings.auditPrefix });
  const items = orgids.map((orgid, i): StreamItem => {
    const { subject, payload } = artifactEvent(settings, { orgid: orgid ?? 'a', kind: 'upload', bytes: 1 });
    return {
      kind: 'message',
      seq: position + i + 1,
      subject,
      received: '2026-11-21T00:00:00.000Z',
      payload: Buffer.from(orgid === null ? '' : payload),
    };
  });
  const routed: RoutedItem[] = [];
  for (const item of items) route(item, routed);
  fold.run(routed, 0);
  watermark.advance(position + orgids.length);
  return blocks.sealAll();
}

test('a writer that is not alone claims nothing that is not stored', async () => {
  await using server = await startNats();
  const settings = await makeStreams(await server.connect());
  const first = await open(server, settings, 'first');
  const second = await open(server, settings, 'second');

  // As many blocks as the other has in front of one that it could then store by a mere count.
  await first.storeClaim(fill(first, settings, ['a']));
  await expect(second.storeClaim(fill(second, settings, ['a', 'a', 'b', 'c', 'd']))).rejects.toThrow(
    /wrong last sequence/,
  );

  const blocks = (await readStream(await server.connect(), settings.ledgerStream)).map(({ text }) => parseBlock(text));
  const stored = new Set(blocks.flatMap(({ entries }) => entries.map(({ core }) => core.source.seq)));
  for (const { trailer } of blocks) {
    for (let seq = 1; seq <= trailer.watermark; seq++)
      expect(stored, `claimed up to ${trailer.watermark}`).toContain(seq);
  }
  expect(blocks.filter(({ trailer }) => trailer.orgid === 'a')).toHaveLength(1);
  first.close();
  second.close();
});

test('nothing of an organization is stored before the records in _system that come with it', async () => {
  await using server = await startNats();
  const settings = await makeStreams(await server.connect());
  const first = await open(server, settings, 'first');
  const second = await open(server, settings, 'second');

  await first.storeClaim(fill(first, settings, [null]));
  await expect(second.store(fill(second, settings, ['a', null]))).rejects.toThrow(/wrong last sequence/);
  const stored = await readStream(await server.connect(), settings.ledgerStream);
  expect(stored.map(({ text }) => parseBlock(text).trailer.orgid)).toEqual(['_system']);
  first.close();
  second.close();
});

async function allowBatches(server: TestNats, settings: Settings, allow_atomic: boolean): Promise<void> {
  const { streams } = await jetstreamManager(await server.connect());
  const { config } = await streams.info(settings.ledgerStream);
  await streams.update(settings.ledgerStream, { ...config, allow_atomic });
}

test('a batch in which one chain has gone on is refused, and nothing of it is stored', async () => {
  await using server = await startNats();
  const settings = await makeStreams(await server.connect());
  await allowBatches(server, settings, true);
  const first = await open(server, settings, 'first', 2);
  const second = await open(server, settings, 'second', 2);

  await first.storeClaim(fill(first, settings, ['b']));
  await expect(second.storeClaim(fill(second, settings, ['a', 'b', 'c', 'd']))).rejects.toThrow(/wrong last sequence/);
  const stored = await readStream(await server.connect(), settings.ledgerStream);
  expect(stored.map(({ subject }) => subject)).toEqual([`${settings.ledgerPrefix}.b`]);

  // The other one goes on: where its chains end it knows from the acknowledgements of batches, too.
  for (const after of [8, 12]) {
    await first.storeClaim(fill(first, settings, ['a', 'c', 'd', 'b'], after - 4));
  }
  const all = await readStream(await server.connect(), settings.ledgerStream);
  expect(all.filter(({ headers }) => headers?.has('Nats-Batch-Id'))).toHaveLength(6);
  first.close();
  second.close();
});

test('ledgers of one process give their batches different ids: the server may hold one that was left unfinished', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  await allowBatches(server, settings, true);
  for (const [i, writer] of ['first', 'second'].entries()) {
    const ledger = await open(server, settings, writer, 2);
    await ledger.storeClaim(fill(ledger, settings, ['a', 'b', 'c', 'd'], 4 * i));
    ledger.close();
  }
  const stored = await readStream(nc, settings.ledgerStream);
  const idsOf = (writer: string) => {
    const own = stored.filter(({ headers }) => headers?.get('Waybill-Writer') === writer);
    return new Set(own.map(({ headers }) => headers?.get('Nats-Batch-Id')).filter((id) => id));
  };
  expect([idsOf('first').size, idsOf('second').size]).toEqual([1, 1]);
  expect(idsOf('second')).not.toEqual(idsOf('first'));
});

test('a stream that takes no batches any more gets single blocks', async () => {
  await using server = await startNats();
  const settings = await makeStreams(await server.connect());
  await allowBatches(server, settings, true);
  const ledger = await open(server, settings, 'writer', 2);
  await allowBatches(server, settings, false);
  await ledger.storeClaim(fill(ledger, settings, ['a', 'b', 'c', 'd']));
  const stored = await readStream(await server.connect(), settings.ledgerStream);
  expect(stored).toHaveLength(4);
  expect(stored.filter(({ headers }) => headers?.has('Nats-Batch-Id'))).toEqual([]);
  ledger.close();
});
