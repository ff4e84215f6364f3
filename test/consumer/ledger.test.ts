import { jetstreamManager } from '@nats-io/jetstream';
import type { Settings } from '@waybill/consumer';
import { parseBlock } from '@waybill/schema';
import { hash } from 'node:crypto';
import { expect, test } from 'vitest';
import { createBatch } from '../../packages/consumer/src/batch.ts';
import { createFold } from '../../packages/consumer/src/fold.ts';
import { type Ledger, openLedger } from '../../packages/consumer/src/ledger.ts';
import type { StreamItem } from '../../packages/consumer/src/reader.ts';
import { readStream } from '../support/check-ledger.ts';
import { startNats, type TestNats } from '../support/nats.ts';
import { artifactEvent, makeStreams } from '../support/traffic.ts';

async function open(server: TestNats, settings: Settings, writer: string, minBatchedBlocks = 64): Promise<Ledger> {
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

/** Folds one event for each organization, as the AUDIT messages after `position`. */
function fill(
  ledger: Ledger,
  settings: Settings,
  orgids: readonly string[],
  position = 0,
): ReturnType<typeof createBatch> {
  const fold = createFold({
    stream: settings.auditStream,
    subjectPrefix: settings.auditPrefix,
    sha256: (text) => hash('sha256', text),
  });
  const items = orgids.map((orgid, i): StreamItem => {
    const { subject, payload } = artifactEvent(settings, { orgid, kind: 'upload', bytes: 1 });
    return {
      kind: 'message',
      seq: position + i + 1,
      subject,
      received: '2026-11-21T00:00:00.000Z',
      payload: Buffer.from(payload),
    };
  });
  const batch = createBatch(ledger.chains);
  fold.run(items.map(fold.route), 0, { chains: ledger.chains, sizes: new Map() }, batch);
  return batch;
}

test('a writer that is not alone claims nothing that is not stored', async () => {
  await using server = await startNats();
  const settings = await makeStreams(await server.connect());
  const first = await open(server, settings, 'first');
  const second = await open(server, settings, 'second');

  // As many blocks as the other has in front of one that it could then store by a mere count.
  await first.commit(fill(first, settings, ['a']).seal({ before: 0, after: 1 }), 1);
  await expect(
    second.commit(fill(second, settings, ['a', 'a', 'b', 'c', 'd']).seal({ before: 0, after: 5 }), 5),
  ).rejects.toThrow(/wrong last sequence/);

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

  await first.commit(fill(first, settings, ['b']).seal({ before: 0, after: 1 }), 1);
  await expect(
    second.commit(fill(second, settings, ['a', 'b', 'c', 'd']).seal({ before: 0, after: 4 }), 4),
  ).rejects.toThrow(/wrong last sequence/);
  const stored = await readStream(await server.connect(), settings.ledgerStream);
  expect(stored.map(({ subject }) => subject)).toEqual([`${settings.ledgerPrefix}.b`]);

  // The other one goes on: where its chains end it knows from the acknowledgements of batches, too.
  for (const after of [8, 12]) {
    const batch = fill(first, settings, ['a', 'c', 'd', 'b'], after - 4);
    await first.commit(batch.seal({ before: after - 4, after }), after);
  }
  const all = await readStream(await server.connect(), settings.ledgerStream);
  expect(all.filter(({ headers }) => headers?.has('Nats-Batch-Id'))).toHaveLength(6);

  // The server may hold a batch that one left unfinished: the next one of the process has other ids.
  const third = await open(server, settings, 'third', 2);
  await third.commit(fill(third, settings, ['a', 'b', 'c', 'd'], 12).seal({ before: 12, after: 16 }), 16);
  const after = await readStream(await server.connect(), settings.ledgerStream);
  const idsOf = (writer: string) =>
    new Set(
      after
        .filter(({ headers }) => headers?.get('Waybill-Writer') === writer && headers.has('Nats-Batch-Id'))
        .map(({ headers }) => headers?.get('Nats-Batch-Id')),
    );
  expect([idsOf('first').size, idsOf('third').size]).toEqual([2, 1]);
  expect([...idsOf('third')].filter((id) => idsOf('first').has(id))).toEqual([]);
  third.close();
  first.close();
  second.close();
});

test('a stream that takes no batches any more gets single blocks', async () => {
  await using server = await startNats();
  const settings = await makeStreams(await server.connect());
  await allowBatches(server, settings, true);
  const ledger = await open(server, settings, 'writer', 2);
  await allowBatches(server, settings, false);
  await ledger.commit(fill(ledger, settings, ['a', 'b', 'c', 'd']).seal({ before: 0, after: 4 }), 4);
  const stored = await readStream(await server.connect(), settings.ledgerStream);
  expect(stored).toHaveLength(4);
  expect(stored.filter(({ headers }) => headers?.has('Nats-Batch-Id'))).toEqual([]);
  ledger.close();
});
