/** Messages and blocks against what the server allows: `max_payload` may be larger or smaller than the default. */
import { startConsumer } from '@waybill/consumer';
import { MAX_BLOCK_BYTES, SYSTEM_CHAIN } from '@waybill/schema/internal';
import { beforeEach, expect, test } from 'vitest';
import { caughtUp, checkLedger } from '../support/check-ledger.ts';
import { logger } from '../support/logger.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { artifactEvent, makeStreams, publishAll } from '../support/traffic.ts';
import { until } from '../support/until.ts';
import { waybillProcess } from '../support/waybill.ts';

beforeEach(needsOwnServer);

const MIB = 1024 * 1024;

test.for([
  ['while it has that limit', 'max_payload: 8388608'],
  ['after the limit was lowered', ''],
] as const)('a message as large as a server with 8 MiB takes is chained %s', async ([, later]) => {
  await using server = await startNats({ extraConfig: 'max_payload: 8388608' });
  let nc = await server.connect();
  const settings = await makeStreams(nc);
  const event = () => artifactEvent(settings, { orgid: 'acme', kind: 'upload', bytes: 1 });
  const large = { ...event(), payload: 'x'.repeat(8 * MIB - 64) };
  await publishAll(nc, [event(), large, event(), { ...large, id: 'another' }, event()]);
  await server.configure(later);
  await server.restart();
  nc = await server.connect();
  await using consumer = await startConsumer({ nc, logger, ...settings });
  await caughtUp(nc, settings);
  expect(consumer.status()).toMatchObject({ role: 'writer', rejected: 2, lastError: null });
  const ledger = await checkLedger(nc, settings);
  expect(ledger.totals.get('acme')).toMatchObject({ events: '3' });
  expect(ledger.entries(SYSTEM_CHAIN).map(({ event: record }) => record?.['size'])).toEqual([
    large.payload.length,
    large.payload.length,
  ]);
});

test('a server that takes no whole block is refused at the start, with both numbers', async () => {
  await using server = await startNats({ extraConfig: 'max_payload: 262144' });
  const ended = await waybillProcess(['serve'], { WAYBILL_NATS_URL: server.url });
  expect(ended.stderr).toContain('262144');
  expect(ended.stderr).toContain(String(MAX_BLOCK_BYTES));
  expect(ended.code).toBe(78);
});

test('a limit that is lowered while it runs is waited for', async () => {
  await using server = await startNats();
  const nc = await server.connect({ reconnectTimeWait: 100 });
  const settings = await makeStreams(nc);
  await using consumer = await startConsumer({ nc, logger, ...settings });
  await until('the writer', () => consumer.status().role === 'writer');
  await server.configure('max_payload: 262144');
  await server.restart();
  await until('the wait', () => consumer.status().role === 'waiting');
  expect(consumer.status().lastError).toContain('262144');
  await server.configure('');
  await server.restart();
  await until('the writer again', () => consumer.status().role === 'writer');
  await publishAll(nc, [artifactEvent(settings, { orgid: 'acme', kind: 'upload', bytes: 1 })]);
  await caughtUp(nc, settings);
  await checkLedger(nc, settings);
});
