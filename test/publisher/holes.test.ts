import { artifactDownloaded, createPublisher, type Publisher } from '@waybill/publisher';
import { beforeEach, expect, test } from 'vitest';
import { expectChained } from '../support/expect-chained.ts';
import { programText, runProgram } from '../support/program.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { SOURCE, spooling, upload } from '../support/publishers.ts';
import { until } from '../support/until.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { createAudit, expectBalanced, expectOnceInOrder, readDelivered } from '../support/audit-stream.ts';
import { memoryLogger } from '../support/logger.ts';
import { PATIENT } from '../support/time.ts';

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

/** Events that wait for anything else than a right. */
const unparked = (publisher: Publisher) => publisher.stats().pending - publisher.stats().parked;

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
  await expect.poll(() => publisher.stats()).toMatchObject({ inFlight: 0 });
  await expect.poll(() => unparked(publisher)).toBe(0);
  expect(publisher.status().reason).toBe('not permitted to publish to audit.casartifact.downloaded.acme');
  await server.configure(mayPublish(ALL));
  await server.reload();
  expect(await publisher.flush(PATIENT)).toBe(true);
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
    await expect.poll(() => unparked(publisher)).toBe(0);
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
  expect(await publisher.flush(PATIENT)).toBe(true);
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
  await expect.poll(() => publisher.stats().parked).toBe(1);
  for (let i = 0; i < 200; i++) {
    publisher.emit(upload(i, 'acme'));
    publisher.emit({ type: 'casartifact.uploaded', fields: { orgid: 'acme', digest: 'nonsense' } });
  }
  await expect.poll(() => publisher.stats()).toMatchObject({ inFlight: 0, dropped: { invalid: 200 } });
  expect(publisher.status()).toMatchObject({ holes: 200 });
  await server.configure(mayPublish(ALL));
  await server.reload();
  expect(await publisher.flush(PATIENT)).toBe(true);
  const { totals } = await expectChained(admin, 201);
  expect(totals.get('acme')).toMatchObject({ uploads: { count: '200' }, downloads: { count: '1' } });
});

test('what a dead publisher left for want of a right holds up nothing else that it left, and is billed when the right comes', async () => {
  await using server = await startNats({ extraConfig: mayPublish(NO_DOWNLOADS) });
  const admin = await server.connect(ADMIN);
  await createAudit(admin);
  using dir = temporaryDirectory();
  const common = { source: SOURCE, spoolDir: dir.path, logger: memoryLogger() };
  const dead = createPublisher({ ...common, connection: 'later' });
  for (let i = 0; i < 300; i++) dead.emit(download(i));
  for (let i = 0; i < 100; i++) {
    dead.emit(upload(i, 'acme'));
    dead.emit(download(300 + i));
    dead.emit(upload(i, 'other'));
  }
  expect(await dead.close({ timeoutMs: 10 })).toEqual({ acked: 0, spooled: 600, lost: 0 });

  const options = { ...common, servers: server.url, connect: PRODUCER, parkProbeMs: 100, windowEvents: 128 };
  await using next = createPublisher(options);
  const adopted = () => next.stats().spool?.adopted;
  await until('all of it to be found, and what is in memory to be parked', () => {
    const { found, inMemory } = adopted() ?? {};
    // Two are the dead publisher's own: without the right they are given up at once.
    return found === 602 && inMemory === next.stats().parked;
  });
  expect(adopted()?.acked).toBeGreaterThan(100);
  await server.configure(mayPublish(ALL));
  await server.reload();
  await expect.poll(() => adopted()).toMatchObject({ inMemory: 0, segments: 0 });
  expect(adopted()?.acked).toBeGreaterThanOrEqual(600);
  expect(next.stats()).toMatchObject({ parked: 0, holes: 0 });
  await expectChained(admin, 600);
});

test('a process that exits with events in memory before and after those on disk leaves them in order', async () => {
  await using server = await startNats();
  await createAudit(await server.connect());
  await server.stop();
  using dir = temporaryDirectory();
  const program = `
    import { artifactUploaded, createPublisher } from '@waybill/publisher';
    const audit = createPublisher({
      source: '//x', servers: '${server.url}', spoolDir: '${dir.path}', durability: 'memory', maxQueueEvents: 100,
      logger: { info() {}, warn() {} },
    });
    const emit = (n) => audit.emit(artifactUploaded({ orgid: 'exit', digest: 'sha256:' + '0'.repeat(64), size_bytes: n }));
    for (let n = 0; n < 50; n++) emit(n);
    // Stamped, and waiting for a server.
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    for (let n = 50; n < 300; n++) emit(n);
    while (audit.stats().spooled < 200) await new Promise((resolve) => setImmediate(resolve));
    for (let n = 300; n < 310; n++) emit(n);
    process.exit(0);
  `;
  expect(await runProgram(programText(program))).toMatchObject({ code: 0, stderr: '' });
  await server.restart();
  await using next = spooling(server, dir.path);
  await expect.poll(() => next.stats().spool?.adopted).toMatchObject({ acked: 310, segments: 0 });
  expectOnceInOrder(await readDelivered(await server.connect()), 310);
});
