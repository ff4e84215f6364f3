import { artifactDownloaded, createPublisher, defineEvent, type Drop } from '@waybill/publisher';
import { decision, lifecycle, requestHandled } from '@waybill/publisher/instrument';
import { BUILT_IN_EVENTS, producerClosed } from '@waybill/schema/internal';
import { beforeEach, expect, test } from 'vitest';
import { expectChained } from '../support/expect-chained.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { SOURCE, upload } from '../support/publishers.ts';
import {
  createAudit,
  expectBalanced,
  expectOnceInOrder,
  readDelivered,
  readEnds,
  readStored,
} from '../support/audit-stream.ts';
import { memoryLogger } from '../support/logger.ts';
import { PATIENT } from '../support/time.ts';

beforeEach(needsOwnServer);

const released = defineEvent({ type: 'release.approved', data: artifactDownloaded.data });
const release = (n: number, orgid: string) => released({ orgid, digest: `sha256:${String(n).padStart(64, '0')}` });

/** Two users; what the producer may publish and subscribe to is the test's. */
const users = (publish: string, subscribe: string) => ({
  extraConfig: `authorization { users: [
    { user: admin, password: a }
    { user: producer, password: p, permissions { publish { allow: [${publish}] }, subscribe { allow: [${subscribe}] } } }
  ] }`,
});
const ADMIN = { user: 'admin', pass: 'a' };
const PRODUCER = { user: 'producer', pass: 'p', inboxPrefix: '_INBOX.producer' };

test('the shipped producer identity is enough: its subjects, its inbox, nothing else, across two accounts', async () => {
  await using server = await startNats({ config: 'shipped' });
  const admin = await server.connect({ as: 'admin' });
  await createAudit(admin);
  const connect = server.users?.producer ?? {};
  await using publisher = createPublisher({ source: SOURCE, servers: server.url, connect, logger: memoryLogger() });
  for (let i = 0; i < 5_000; i++) publisher.emit(upload(i));
  expect(await publisher.flush(PATIENT)).toBe(true);
  expect(publisher.stats()).toMatchObject({ acked: 5_000, resent: 0 });
  expectOnceInOrder(await readDelivered(admin), 5_000);
});

test('the shipped producer identity may publish every built-in type: runs, decisions and requests are stored', async () => {
  await using server = await startNats({ config: 'shipped' });
  const admin = await server.connect({ as: 'admin' });
  await createAudit(admin);
  const connect = server.users?.producer ?? {};
  await using publisher = createPublisher({ source: SOURCE, servers: server.url, connect, logger: memoryLogger() });
  lifecycle({ audit: publisher, name: 'export', orgid: 'acme' }, () => 1);
  expect(() =>
    lifecycle({ audit: publisher, name: 'export', orgid: 'acme' }, () => {
      throw new Error('mine');
    }),
  ).toThrow('mine');
  const actor = { type: 'SERVICE', id: 'scorer' } as const;
  await decision({ audit: publisher, orgid: 'acme', actor, name: 'limit', input: {} }, async (scoring) => {
    scoring.record('score', 1);
    scoring.humanOversight({ reviewer: 'ann', action: 'approved' });
  });
  publisher.emit(requestHandled({ orgid: 'acme', method: 'GET', route: '/', status: 200, duration_ms: 1 }));
  publisher.emit(upload(1, 'acme'));
  publisher.emit(artifactDownloaded({ orgid: 'acme', digest: `sha256:${'0'.repeat(64)}` }));
  publisher.emit(producerClosed({ orgid: 'acme' }));
  expect(await publisher.flush(PATIENT)).toBe(true);
  expect(publisher.stats()).toMatchObject({ acked: 12, parked: 0 });
  // Every one, so that a type that is added later is thought of here. What is done with the trail itself no producer
  // emits.
  const types = new Set([...(await readStored(admin)), ...(await readEnds(admin))].map(({ event }) => event.type));
  expect([...types].toSorted()).toEqual(
    BUILT_IN_EVENTS.map(({ type }) => type)
      .filter((type) => !type.startsWith('audit.'))
      .toSorted(),
  );
});

test('a user who may publish audit.> and subscribe to its own inbox; the same with its connection handed over', async () => {
  await using server = await startNats(users('"audit.>"', '"_INBOX.producer.>"'));
  const admin = await server.connect(ADMIN);
  await createAudit(admin);
  await using own = createPublisher({ source: SOURCE, servers: server.url, connect: PRODUCER, logger: memoryLogger() });
  expect(await own.confirm(upload(0), PATIENT)).toMatchObject({ seq: 1 });
  const connection = await server.connect(PRODUCER);
  await using given = createPublisher({ source: SOURCE, connection, logger: memoryLogger() });
  expect(await given.confirm(upload(1), PATIENT)).toMatchObject({ seq: 2 });
});

test('a type that is not permitted waits aside, bounded, is tried now and then, and other organizations go on', async () => {
  await using server = await startNats(users('"audit.casartifact.>"', '"_INBOX.producer.>"'));
  const admin = await server.connect(ADMIN);
  await createAudit(admin);
  const drops: Drop[] = [];
  const options = {
    source: SOURCE,
    servers: server.url,
    connect: PRODUCER,
    events: [released],
    parkProbeMs: 100,
    onDrop: (drop: Drop) => void drops.push(drop),
    logger: memoryLogger(),
  };
  await using publisher = createPublisher({ ...options, maxQueueEvents: 600 });
  for (let i = 0; i < 100; i++) {
    publisher.emit(upload(i, 'other'));
    publisher.emit(release(i, 'acme'));
  }
  await expect.poll(() => publisher.stats()).toMatchObject({ acked: 100, pending: 100, parked: 100 });
  expect(publisher.status()).toEqual({
    state: 'degraded',
    reason: 'not permitted to publish to audit.release.approved.acme',
    parked: 100,
  });
  // Half of the queue is for those that wait, and half of that for one organization: the oldest give way.
  for (let i = 100; i < 200; i++) publisher.emit(release(i, 'acme'));
  await expect.poll(() => publisher.stats()).toMatchObject({ parked: 150, holes: 50, dropped: { not_permitted: 50 } });
  for (let i = 0; i < 200; i++) publisher.emit(release(i, 'beta'));
  await expect.poll(() => publisher.stats()).toMatchObject({ parked: 300, dropped: { not_permitted: 100 } });
  for (let i = 0; i < 10; i++) publisher.emit(release(i, 'gamma'));
  await expect.poll(() => publisher.stats()).toMatchObject({ parked: 300, dropped: { not_permitted: 110 } });
  expect(drops.map(({ orgid, producerseq }) => `${orgid} ${producerseq}`)).toEqual([
    ...Array.from({ length: 50 }, (_, i) => `acme ${i + 1}`),
    ...Array.from({ length: 50 }, (_, i) => `beta ${i + 1}`),
    ...Array.from({ length: 10 }, (_, i) => `acme ${i + 51}`),
  ]);
  expect(await publisher.confirm(upload(250, 'other'), PATIENT)).toMatchObject({ seq: 101 });
  await expect.poll(() => publisher.stats().resent).toBeGreaterThan(2);
  expectBalanced(publisher.stats());
  expect(await publisher.close({ timeoutMs: 10 })).toEqual({ acked: 101, spooled: 0, lost: 410 });
  await expectChained(admin, 101);
});

test('no right to subscribe to the inbox: nothing counts as stored, and it says why', async () => {
  await using server = await startNats(users('"audit.>"', '"elsewhere.>"'));
  const admin = await server.connect(ADMIN);
  await createAudit(admin);
  const logger = memoryLogger();
  const publisher = createPublisher({
    source: SOURCE,
    servers: server.url,
    connect: PRODUCER,
    parkProbeMs: 50,
    logger,
  });
  for (let i = 0; i < 20; i++) publisher.emit(upload(i));
  await expect.poll(() => publisher.status().reason).toContain('not permitted to subscribe to _INBOX.producer.');
  expect(publisher.status().reason).toMatch(/: set inboxPrefix .* to what the NATS user may subscribe to$/);
  expect(publisher.stats()).toMatchObject({ emitted: 20, acked: 0, pending: 20 });
  expect(await publisher.close({ timeoutMs: 100 })).toEqual({ acked: 0, spooled: 0, lost: 20 });
});

test('wrong credentials are a state, not an end: no secret is shown', async () => {
  await using server = await startNats(users('"audit.>"', '"_INBOX.producer.>"'));
  const logger = memoryLogger();
  const connect = { ...PRODUCER, pass: 'hunter2' };
  const publisher = createPublisher({ source: SOURCE, servers: server.url, connect, logger, backoffMaxMs: 100 });
  publisher.emit(upload(0));
  await expect
    .poll(() => publisher.status())
    .toMatchObject({
      state: 'connecting',
      reason: expect.stringContaining('refuses this identity'),
    });
  expect(await publisher.close({ timeoutMs: 10 })).toEqual({ acked: 0, spooled: 0, lost: 1 });
  expect(JSON.stringify(logger.lines)).not.toContain('hunter2');
});
