import type { NatsConnection } from '@nats-io/nats-core';
import { createPublisher } from '@waybill/publisher';
import { MAX_BLOCK_BYTES } from '@waybill/schema/internal';
import { beforeEach, expect, test } from 'vitest';
import { SOURCE, upload } from '../support/publishers.ts';
import { createAudit, expectBalanced, expectOnceInOrder, readDelivered, readStored } from '../support/audit-stream.ts';
import { expectChained } from '../support/expect-chained.ts';
import { memoryLogger } from '../support/logger.ts';
import { needsOwnServer, startNats, type TestNats } from '../support/nats.ts';
import { until } from '../support/until.ts';
import { PATIENT } from '../support/time.ts';

/**
 * What the server or the stream does not take. The promises: not yet, and it waits, everything in order; never, and it
 * is dropped as `too_large`, counted, and holds nothing up.
 */

beforeEach(needsOwnServer);

/** For the ledger's blocks. */
async function withoutLimit(server: TestNats): Promise<NatsConnection> {
  await server.configure('');
  await server.reload();
  // A reload takes effect some time after it was asked for, and a connection keeps the limit that it was told.
  return until('the server to take larger messages', async () => {
    const nc = await server.connect();
    return (nc.info?.max_payload ?? 0) > MAX_BLOCK_BYTES ? nc : null;
  });
}

test('started before the server exists', async () => {
  await using server = await startNats();
  await createAudit(await server.connect());
  await server.stop();
  const logger = memoryLogger();
  await using publisher = createPublisher({ source: SOURCE, servers: server.url, logger });
  for (let i = 0; i < 500; i++) publisher.emit(upload(i));
  await expect
    .poll(() => publisher.status())
    .toEqual({
      state: 'connecting',
      reason: expect.stringContaining('nobody listens there'),
    });
  expect(publisher.stats()).toMatchObject({ pending: 500, acked: 0, inFlight: 0 });
  await server.restart();
  expect(await publisher.flush(PATIENT)).toBe(true);
  expect(publisher.status()).toEqual({ state: 'connected' });
  const stored = await readDelivered(await server.connect());
  console.log(`no server at first: 500 emitted, ${stored.length} stored`);
  expectOnceInOrder(stored, 500);
  expect(logger.lines.map(({ message }) => message)).toEqual(['events are queued and not stored', 'connected']);
});

test('started before the stream exists: 503 is tried again', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  await using publisher = createPublisher({ source: SOURCE, servers: server.url, logger: memoryLogger() });
  for (let i = 0; i < 3_000; i++) publisher.emit(upload(i));
  await expect.poll(() => publisher.status()).toEqual({ state: 'degraded', reason: 'no stream answers (503)' });
  await expect.poll(() => publisher.stats().resent).toBeGreaterThan(2);
  await createAudit(nc);
  expect(await publisher.flush(PATIENT)).toBe(true);
  const stored = await readDelivered(nc);
  console.log(`no stream at first: 3000 emitted, ${stored.length} stored; ${publisher.stats().resent} sent again`);
  expectOnceInOrder(stored, 3_000);
});

test('a stream that is deleted under load and comes back gets everything from there on, in order', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const manager = await createAudit(nc);
  await using publisher = createPublisher({ source: SOURCE, servers: server.url, logger: memoryLogger() });
  for (let i = 0; i < 1_000; i++) publisher.emit(upload(i));
  expect(await publisher.flush(PATIENT)).toBe(true);
  await manager.streams.delete('AUDIT');
  for (let i = 1_000; i < 6_000; i++) publisher.emit(upload(i));
  await expect.poll(() => publisher.status().state).toBe('degraded');
  await createAudit(nc);
  expect(await publisher.flush(PATIENT)).toBe(true);
  const stored = await readDelivered(nc);
  console.log(`stream deleted: 5000 emitted since, ${stored.length} stored; ${publisher.stats().resent} sent again`);
  expect(stored.map(({ event }) => event.data['size_bytes'])).toEqual(
    Array.from({ length: 5_000 }, (_, i) => 1_000 + i),
  );
});

test('a full stream refuses, and takes the rest when there is room again', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const manager = await createAudit(nc, { max_msgs: 100, discard: 'new' as never });
  await using publisher = createPublisher({ source: SOURCE, servers: server.url, logger: memoryLogger() });
  for (let i = 0; i < 1_000; i++) publisher.emit(upload(i));
  await expect.poll(() => publisher.status().reason).toContain('10077');
  expect(publisher.stats().acked).toBe(100);
  await manager.streams.update('AUDIT', { max_msgs: -1 });
  expect(await publisher.flush(PATIENT)).toBe(true);
  const stored = await readDelivered(nc);
  console.log(`stream full at 100: 1000 emitted, ${stored.length} stored; ${publisher.stats().resent} sent again`);
  expectOnceInOrder(stored, 1_000);
});

test('what is larger than the server or the stream takes is dropped as too_large, the rest goes on', async () => {
  await using server = await startNats({ extraConfig: 'max_payload: 2000' });
  const nc = await server.connect();
  await createAudit(nc, { max_msg_size: 1_200 });
  await using publisher = createPublisher({ source: SOURCE, servers: server.url, logger: memoryLogger() });
  const named = (length: number) => {
    const draft = upload(1, 'acme');
    return { type: draft.type, fields: { ...(draft.fields as object), file_name: 'x'.repeat(length) } };
  };
  publisher.emit(upload(0, 'acme'));
  publisher.emit({
    type: 'casartifact.uploaded',
    fields: { ...(upload(1, 'acme').fields as object), subject: 'x'.repeat(1000), file_name: 'x'.repeat(1000) },
  });
  await expect(publisher.confirm(named(1_000), PATIENT)).rejects.toMatchObject({ code: 'TOO_LARGE' });
  publisher.emit(upload(2, 'acme'));
  expect(await publisher.flush(PATIENT)).toBe(true);
  expect(publisher.stats()).toMatchObject({ acked: 2, dropped: { too_large: 2 } });
  expect((await readStored(nc)).map(({ event }) => event.producerseq)).toEqual(['1', '4']);
  await expectChained(await withoutLimit(server), 2);
});

test('a payload limit that is lowered while events are pending: what is too large now is dropped, the rest goes on', async () => {
  await using server = await startNats();
  await createAudit(await server.connect());
  const dropped = new Set<string>();
  const reasons = new Set<string>();
  await using publisher = createPublisher({
    source: SOURCE,
    servers: server.url,
    logger: memoryLogger(),
    onDrop({ reason, orgid, producerseq }) {
      reasons.add(reason);
      dropped.add(`${orgid} ${producerseq}`);
    },
  });
  let emitted = 0;
  const large = new Set<string>();
  const emit = (events: number) => {
    for (const last = emitted + events; emitted < last; emitted++) {
      const { type, fields } = upload(emitted, 'acme') as { type: string; fields: object };
      const isLarge = emitted % 10 === 0;
      if (isLarge) large.add(`acme ${emitted + 1}`);
      publisher.emit({
        type,
        fields: isLarge ? { ...fields, subject: 'x'.repeat(1_000), file_name: 'y'.repeat(1_000) } : fields,
      });
    }
  };
  emit(2_000);
  // Some are stored, some are on their way.
  await expect.poll(() => publisher.stats().acked).toBeGreaterThan(100);
  await server.kill9();
  emit(2_000);
  const { pending } = publisher.stats();
  await server.configure('max_payload: 2000');
  await server.restart();
  expect(await publisher.flush(PATIENT)).toBe(true);
  expect(await publisher.confirm(upload(emitted++, 'acme'), PATIENT)).toMatchObject({ stream: 'AUDIT' });

  const stats = publisher.stats();
  const stored = await readStored(await server.connect());
  console.log(
    `payload limit lowered with ${pending} pending: ${emitted} emitted, ${stored.length} stored, ${dropped.size} too large`,
  );
  expectBalanced(stats);
  expect([...reasons]).toEqual(['too_large']);
  expect(stats).toMatchObject({ emitted, acked: emitted - dropped.size, dropped: { too_large: dropped.size } });
  expect(dropped.size).toBeGreaterThanOrEqual(200);
  expect([...dropped].filter((number) => !large.has(number))).toEqual([]);
  const sequences = stored.map(({ event }) => Number(event.producerseq));
  expect(sequences).toEqual([...new Set(sequences)].toSorted((a, b) => a - b));
  // Of those that were on their way, some may have been stored and dropped for want of the acknowledgement.
  const isStored = new Set(sequences);
  const missing = Array.from({ length: emitted }, (_, i) => i + 1).filter((producerseq) => !isStored.has(producerseq));
  expect(missing.filter((producerseq) => !dropped.has(`acme ${producerseq}`))).toEqual([]);
  expect(stored.length).toBeGreaterThanOrEqual(stats.acked);
  await expectChained(await withoutLimit(server), stored.length);
});
