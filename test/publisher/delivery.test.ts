import { createPublisher } from '@waybill/publisher';
import { connect as connectV2 } from 'nats';
import { beforeEach, expect, test } from 'vitest';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { SOURCE, upload } from '../support/publishers.ts';
import { countStored, createAudit, expectBalanced, expectOnceInOrder, readDelivered } from '../support/audit-stream.ts';
import { memoryLogger } from '../support/logger.ts';
import { PATIENT } from '../support/time.ts';

beforeEach(needsOwnServer);

test('20,000 events are stored once, in order, with their headers and subjects', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  await createAudit(nc);
  await using publisher = createPublisher({
    source: SOURCE,
    servers: server.url,
    maxQueueEvents: 30_000,
    logger: memoryLogger(),
  });
  for (let i = 0; i < 20_000; i++) publisher.emit(upload(i));
  expect(publisher.stats().pending).toBe(20_000);
  expect(await publisher.flush(PATIENT)).toBe(true);

  expect(publisher.stats()).toMatchObject({ emitted: 20_000, acked: 20_000, pending: 0, resent: 0, duplicates: 0 });
  const stored = await readDelivered(nc);
  expectOnceInOrder(stored, 20_000);
  const sizes = stored.map(({ event }) => event.data['size_bytes'] as number);
  expect(sizes).toEqual(Array.from({ length: 20_000 }, (_, i) => i));
  expect(new Set(stored.map(({ event }) => event.producer)).size).toBe(1);
  expect(publisher.status()).toEqual({ state: 'connected' });
});

test('a connection of @nats-io/nats-core is used and not closed, and nothing stays subscribed', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  await createAudit(nc);
  const publisher = createPublisher({ source: SOURCE, connection: nc, logger: memoryLogger() });
  for (let i = 0; i < 100; i++) publisher.emit(upload(i));
  expect(await publisher.close(PATIENT)).toEqual({ acked: 100, spooled: 0, lost: 0 });
  expect(nc.isClosed()).toBe(false);
  const { protocol } = nc as unknown as { protocol: { listeners: unknown[]; subscriptions: { size(): number } } };
  await expect.poll(() => protocol.listeners).toEqual([]);
  const before = protocol.subscriptions.size();
  for (let i = 0; i < 50; i++)
    await createPublisher({ source: SOURCE, connection: nc, logger: memoryLogger() }).close();
  await expect.poll(() => protocol.listeners).toEqual([]);
  expect(protocol.subscriptions.size()).toBe(before);
  expectOnceInOrder(await readDelivered(nc), 100);
});

test('a connection of nats 2.x is used and not closed, across a restart of the server', async () => {
  await using server = await startNats();
  await createAudit(await server.connect());
  const old = await connectV2({ servers: server.url, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  const publisher = createPublisher({ source: SOURCE, connection: old, logger: memoryLogger() });
  for (let i = 0; i < 1_000; i++) publisher.emit(upload(i));
  expect(await publisher.confirm(upload(1_000), PATIENT)).toMatchObject({
    stream: 'AUDIT',
    seq: 1_001,
    duplicate: false,
  });
  await server.stop();
  await expect.poll(() => publisher.status().state).toBe('degraded');
  for (let i = 1_001; i < 2_000; i++) publisher.emit(upload(i));
  await server.restart();
  expect(await publisher.flush(PATIENT)).toBe(true);
  await publisher.close();
  expect(old.isClosed()).toBe(false);
  expectOnceInOrder(await readDelivered(await server.connect()), 2_000);
  const { listeners } = old as unknown as { listeners: unknown[] };
  await expect.poll(() => listeners).toEqual([]);
  await old.close();
});

test('confirm says where the event was stored, and rejects with a code when it was not', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  await createAudit(nc);
  const publisher = createPublisher({ source: SOURCE, servers: server.url, logger: memoryLogger() });
  expect(await publisher.confirm(upload(0), PATIENT)).toEqual({ stream: 'AUDIT', seq: 1, duplicate: false });
  const wrong = { type: 'casartifact.uploaded', fields: { orgid: 'acme', digest: 'nonsense' } };
  await expect(publisher.confirm(wrong, PATIENT)).rejects.toMatchObject({
    code: 'INVALID',
    message: expect.stringContaining('digest'),
  });
  await expect(publisher.confirm({ type: 'no.such', fields: {} }, PATIENT)).rejects.toMatchObject({
    code: 'TYPE_NOT_ALLOWED',
  });
  await server.pause();
  await expect(publisher.confirm(upload(1), { timeoutMs: 100 })).rejects.toMatchObject({ code: 'TIMEOUT' });
  await server.resume();
  expect(await publisher.flush(PATIENT)).toBe(true);
  expect(await countStored(nc)).toBe(2);
  await publisher.close();
  await expect(publisher.confirm(upload(2), PATIENT)).rejects.toMatchObject({ code: 'CLOSED' });
  expectBalanced(publisher.stats());
});
