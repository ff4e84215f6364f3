import { artifactDownloaded, createPublisher } from '@waybill/publisher';
import { beforeEach, expect, test } from 'vitest';
import { expectChained } from '../support/expect-chained.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { memoryLogger, SOURCE, upload } from './artifacts.ts';
import { createAudit, expectBalanced, until } from './stored.ts';

/** The promise: what waits for a right is billed when it comes, however the organization's other events lie between. */

beforeEach(needsOwnServer);

const mayPublish = (subjects: string) => `authorization { users: [
  { user: admin, password: a }
  { user: producer, password: p, permissions { publish { allow: [${subjects}] }, subscribe { allow: ["_INBOX.p.>"] } } }
] }`;
const ALL = '"audit.>"';
const NO_DOWNLOADS = '"audit.casartifact.uploaded.>"';
const ADMIN = { user: 'admin', pass: 'a' };
const PRODUCER = { user: 'producer', pass: 'p', inboxPrefix: '_INBOX.p' };

const download = (n: number, orgid = 'acme') =>
  artifactDownloaded({ orgid, digest: `sha256:${String(n).padStart(64, '0')}`, size_bytes: n });

test('300 uploads and 300 downloads of one organization, without the right for downloads and then with it: all are billed', async () => {
  await using server = await startNats({ extraConfig: mayPublish(NO_DOWNLOADS) });
  const admin = await server.connect(ADMIN);
  await createAudit(admin);
  await using publisher = createPublisher({
    source: SOURCE,
    servers: server.url,
    connect: PRODUCER,
    parkProbeMs: 100,
    logger: memoryLogger(),
  });
  for (let i = 0; i < 300; i++) {
    publisher.emit(upload(i, 'acme'));
    publisher.emit(download(i));
  }
  await until(() => expect(publisher.stats()).toMatchObject({ inFlight: 0 }));
  await until(() => expect(publisher.stats().parked).toBe(publisher.stats().pending));
  expect(publisher.status().reason).toBe('not permitted to publish to audit.casartifact.downloaded.acme');
  await server.configure(mayPublish(ALL));
  await server.reload();
  expect(await publisher.flush({ timeoutMs: 30_000 })).toBe(true);
  expect(publisher.stats()).toMatchObject({ acked: 600, parked: 0, duplicates: 0 });
  expectBalanced(publisher.stats());
  const { totals } = await expectChained(admin, 600);
  expect(totals.get('acme')).toMatchObject({ uploads: { count: '300' }, downloads: { count: '300' } });
});

test('a right that never comes back: its events are given up one by one, those of the same organization go on, the rest is billed', async () => {
  await using server = await startNats({ extraConfig: mayPublish(NO_DOWNLOADS) });
  const admin = await server.connect(ADMIN);
  await createAudit(admin);
  await using publisher = createPublisher({
    source: SOURCE,
    servers: server.url,
    connect: PRODUCER,
    parkProbeMs: 100,
    maxQueueEvents: 1_000,
    logger: memoryLogger(),
  });
  const PAIRS = 2_000;
  for (let i = 0; i < PAIRS;) {
    for (const end = Math.min(PAIRS, i + 100); i < end; i++) {
      publisher.emit(upload(i, 'acme'));
      publisher.emit(download(i));
    }
    await until(() => expect(publisher.stats().pending).toBe(publisher.stats().parked));
  }
  // An organization's share of a queue of 1,000 is 250. Whatever waits there, all uploads before it are stored.
  const { parked, acked, dropped, holes } = publisher.stats();
  expect(parked).toBeLessThanOrEqual(250);
  expect(acked).toBeGreaterThan(PAIRS - 250);
  expect(dropped).toMatchObject({ queue_full: 0, not_permitted: 2 * PAIRS - parked - acked });
  expect(publisher.status()).toMatchObject({ state: 'degraded', parked, holes: dropped.not_permitted });
  expect(holes).toBe(dropped.not_permitted);
  await server.configure(mayPublish(ALL));
  await server.reload();
  expect(await publisher.flush({ timeoutMs: 30_000 })).toBe(true);
  const { totals } = await expectChained(admin, 2 * PAIRS - holes);
  expect(totals.get('acme')).toMatchObject({
    uploads: { count: String(PAIRS) },
    downloads: { count: String(PAIRS - holes) },
  });
});

test('numbers that are dropped for good between those that wait: what waited is billed', async () => {
  await using server = await startNats({ extraConfig: mayPublish(NO_DOWNLOADS) });
  const admin = await server.connect(ADMIN);
  await createAudit(admin);
  await using publisher = createPublisher({
    source: SOURCE,
    servers: server.url,
    connect: PRODUCER,
    parkProbeMs: 100,
    logger: memoryLogger(),
  });
  publisher.emit(download(0));
  await until(() => expect(publisher.stats().parked).toBe(1));
  for (let i = 0; i < 200; i++) {
    publisher.emit(upload(i, 'acme'));
    publisher.emit({ type: 'casartifact.uploaded', fields: { orgid: 'acme', digest: 'nonsense' } });
  }
  await until(() => expect(publisher.stats()).toMatchObject({ inFlight: 0, dropped: { invalid: 200 } }));
  expect(publisher.status()).toMatchObject({ holes: 200 });
  await server.configure(mayPublish(ALL));
  await server.reload();
  expect(await publisher.flush({ timeoutMs: 30_000 })).toBe(true);
  const { totals } = await expectChained(admin, 201);
  expect(totals.get('acme')).toMatchObject({ uploads: { count: '200' }, downloads: { count: '1' } });
});
