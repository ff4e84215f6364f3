import { jetstreamManager } from '@nats-io/jetstream';
import { startConsumer, type Settings } from '@waybill/consumer';
import { expect, test } from 'vitest';
import { caughtUp, checkLedger, readStream } from '../support/check-ledger.ts';
import { logger } from '../support/logger.ts';
import { startNats, type TestNats } from '../support/nats.ts';
import { artifactEvent, makeStreams, publishAll } from '../support/traffic.ts';

const ORGANIZATIONS = 150;

async function prepare(
  server: TestNats,
): Promise<{ nc: Awaited<ReturnType<TestNats['connect']>>; settings: Settings }> {
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const { streams } = await jetstreamManager(nc);
  const { config } = await streams.info(settings.ledgerStream);
  await streams.update(settings.ledgerStream, { ...config, allow_atomic: true });
  const events = Array.from({ length: 4 * ORGANIZATIONS }, (_, i) =>
    artifactEvent(settings, { orgid: `org-${i % ORGANIZATIONS}`, kind: 'upload', bytes: i }),
  );
  await publishAll(nc, events);
  return { nc, settings };
}

test('many small blocks are stored in batches, each still a compare-and-swap on its chain', async () => {
  await using server = await startNats();
  const { nc, settings } = await prepare(server);
  await using consumer = await startConsumer({ nc, logger, ...settings });
  await caughtUp(nc, settings);
  await consumer.close();
  await checkLedger(nc, settings);
  const blocks = await readStream(nc, settings.ledgerStream);
  const inBatches = blocks.filter(({ headers }) => headers?.has('Nats-Batch-Id'));
  expect(inBatches.length).toBeGreaterThanOrEqual(64);
  for (const { headers } of blocks) expect(headers?.get('Nats-Expected-Last-Subject-Sequence')).toMatch(/^\d+$/);
});

test('of two writers in batches one fails, with all that it had in flight', async () => {
  await using server = await startNats();
  const { nc, settings } = await prepare(server);
  const second = await server.connect();
  await using one = await startConsumer({ nc, logger, ...settings, takeoverMs: 200 });
  await using other = await startConsumer({ nc: second, logger, ...settings, takeoverMs: 200 });
  await caughtUp(nc, settings);
  await one.close();
  await other.close();
  await checkLedger(nc, settings);
});
