/** The end of a publisher: `close()` says in each organization's chain that no event was lost after the last one. */
import { createPublisher, type Drop, type Publisher, type PublisherOptions } from '@waybill/publisher';
import { DEFAULT_SETTINGS, readOpenProducers, replay, verifyLedger } from '@waybill/consumer';
import { type JsonObject, parseEntry } from '@waybill/schema/internal';
import { beforeEach, expect, test } from 'vitest';
import { createAudit, expectBalanced, readEnds, readStored } from '../support/audit-stream.ts';
import { startEmitter } from '../support/emitter-process.ts';
import { expectChained } from '../support/expect-chained.ts';
import { memoryLogger } from '../support/logger.ts';
import { needsOwnServer, startNats, type TestNats } from '../support/nats.ts';
import { SOURCE, spooling, upload } from '../support/publishers.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { PATIENT } from '../support/time.ts';
import { until } from '../support/until.ts';

beforeEach(needsOwnServer);

const NO_ENDS = { emitted: 0, acked: 0, pending: 0, spooled: 0, dropped: 0 };

function start(server: TestNats, options: Partial<PublisherOptions> = {}): Publisher {
  return createPublisher({ source: SOURCE, servers: server.url, logger: memoryLogger(), ...options });
}

/** Two users; what the producer may publish is the test's. */
const mayPublish = (subjects: string) => ({
  extraConfig: `authorization { users: [
    { user: admin, password: a }
    { user: producer, password: p, permissions { publish { allow: [${subjects}] }, subscribe { allow: ["_INBOX.p.>"] } } }
  ] }`,
});
const ADMIN = { user: 'admin', pass: 'a' };
const PRODUCER = { user: 'producer', pass: 'p', inboxPrefix: '_INBOX.p' };

test('close() ends each chain with the number after the last, and no count of the service has it', async () => {
  await using server = await startNats({ config: 'shipped' });
  const nc = await server.connect({ as: 'admin' });
  await createAudit(nc);
  const publisher = start(server, { connect: server.users?.producer ?? {} });
  for (let n = 0; n < 20; n++) publisher.emit(upload(n, n < 15 ? 'acme' : 'bolt'));
  expect(publisher.stats().ends).toEqual(NO_ENDS);
  expect(await publisher.close(PATIENT)).toEqual({ acked: 20, spooled: 0, lost: 0 });
  expect(publisher.stats()).toMatchObject({
    emitted: 20,
    acked: 20,
    holes: 0,
    ends: { ...NO_ENDS, emitted: 2, acked: 2 },
  });
  expectBalanced(publisher.stats());
  const ends = await readEnds(nc);
  expect(ends.map(({ subject, event }) => [subject, event.producerseq, event.source])).toEqual([
    ['audit.producer.closed.acme', '16', SOURCE],
    ['audit.producer.closed.bolt', '6', SOURCE],
  ]);
  await expectChained(nc, 20);
  const report = await verifyLedger(nc, DEFAULT_SETTINGS);
  expect(report.verdict).toBe('ok');
  expect(report.chains.map(({ open, open_count }) => [open, open_count])).toEqual([
    [[], 0],
    [[], 0],
  ]);
});

test('a publisher that is killed stays open, with its last number and time, and the verdict is ok', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  await createAudit(nc);
  {
    await using emitter = startEmitter({ options: { servers: server.url }, orgs: 2 });
    await until('100 events', () => emitter.returned() > 100);
    await emitter.kill9();
  }
  const publisher = start(server);
  publisher.emit(upload(1, 'org-0'));
  await publisher.close(PATIENT);
  const stored = (await readStored(nc)).length;
  await expectChained(nc, stored);
  const report = await verifyLedger(nc, DEFAULT_SETTINGS);
  expect(report.verdict).toBe('ok');
  for (const { orgid, open, open_count } of report.chains.filter((chain) => chain.orgid !== '_system')) {
    const lines: string[] = [];
    for await (const batch of replay(nc, DEFAULT_SETTINGS, { orgid: String(orgid) })) lines.push(...batch);
    const entries = lines.map(parseEntry).filter(({ core }) => core.origin?.producer === open[0]?.producer);
    const last = entries.at(-1)?.core;
    expect({ open, open_count }).toEqual({
      open: [{ producer: last?.origin?.producer, last: Number(last?.origin?.producerseq), received: last?.received }],
      open_count: 1,
    });
    expect(await readOpenProducers(nc, DEFAULT_SETTINGS, { orgid: String(orgid) })).toEqual({ open, open_count });
  }
});

test('as of a moment, a publisher that closed later is open', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  await createAudit(nc);
  const publisher = start(server);
  publisher.emit(upload(1, 'acme'));
  expect(await publisher.flush(PATIENT)).toBe(true);
  const first = Date.now();
  await until('the next millisecond', () => Date.now() > first + 1);
  publisher.emit(upload(2, 'acme'));
  await publisher.close(PATIENT);
  await expectChained(nc, 2);
  const lines: string[] = [];
  for await (const batch of replay(nc, DEFAULT_SETTINGS, { orgid: 'acme' })) lines.push(...batch);
  const times = lines.map((line) => parseEntry(line).core.received);
  const openBefore = async (before: string | undefined): Promise<number[]> => {
    const query = { orgid: 'acme', ...(before !== undefined && { before }) };
    return (await readOpenProducers(nc, DEFAULT_SETTINGS, query)).open.map(({ last }) => last);
  };
  expect(await openBefore(times[0])).toEqual([]);
  expect(await openBefore(times[1])).toEqual([1]);
  expect(await openBefore(undefined)).toEqual([]);
});

test('without the right, one message is refused, one line is logged, and close() does not wait', async () => {
  await using server = await startNats(mayPublish('"audit.casartifact.>"'));
  const nc = await server.connect(ADMIN);
  await createAudit(nc);
  const logger = memoryLogger();
  const drops: Drop[] = [];
  const publisher = start(server, { connect: PRODUCER, logger, onDrop: (drop) => void drops.push(drop) });
  for (let n = 0; n < 500; n++) publisher.emit(upload(n, `org-${n}`));
  const begin = performance.now();
  expect(await publisher.close({ timeoutMs: 60_000 })).toEqual({ acked: 500, spooled: 0, lost: 0 });
  expect(performance.now() - begin).toBeLessThan(30_000);
  expect(publisher.stats()).toMatchObject({ parked: 0, holes: 0, ends: { ...NO_ENDS, emitted: 1, dropped: 1 } });
  expect(drops).toEqual([]);
  expect(logger.lines.filter(({ level }) => level === 'warn')).toEqual([
    {
      level: 'warn',
      fields: expect.objectContaining({ reason: 'not_permitted', type: 'producer.closed' }),
      message: 'the end of a publisher was not stored: verification will list it as open',
    },
  ]);
  await expectChained(nc, 500);
});

test('with a spool, what cannot be sent waits on disk, and the next publisher delivers it', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  await createAudit(nc);
  using directory = temporaryDirectory();
  const publisher = spooling({ url: 'nats://127.0.0.1:1' }, directory.path);
  for (let n = 0; n < 3_000; n++) publisher.emit(upload(n, `org-${n % 1_500}`));
  expect(await publisher.close({ timeoutMs: 50 })).toEqual({ acked: 0, spooled: 3_000, lost: 0 });
  expect(publisher.stats().ends).toEqual({ ...NO_ENDS, emitted: 1_500, spooled: 1_500 });
  expectBalanced(publisher.stats());
  const next = spooling(server, directory.path);
  await until('all is delivered', () => next.stats().spool?.adopted.acked === 4_500);
  await next.close(PATIENT);
  expect((await readEnds(nc)).map(({ event }) => event.producerseq)).toEqual(Array.from({ length: 1_500 }, () => '3'));
  await expectChained(nc, 3_000);
  const report = await verifyLedger(nc, DEFAULT_SETTINGS);
  expect([report.verdict, report.chains.filter(({ open_count }) => open_count > 0)]).toEqual(['ok', []]);
});

test("a dead publisher's end that is not permitted does not keep its spool", async () => {
  await using server = await startNats(mayPublish('"audit.casartifact.>"'));
  const nc = await server.connect(ADMIN);
  await createAudit(nc);
  using directory = temporaryDirectory();
  const publisher = spooling({ url: 'nats://127.0.0.1:1' }, directory.path);
  for (let n = 0; n < 20; n++) publisher.emit(upload(n, `org-${n % 10}`));
  await publisher.close({ timeoutMs: 50 });
  const drops: Drop[] = [];
  const next = spooling(server, directory.path, { connect: PRODUCER, onDrop: (drop) => void drops.push(drop) });
  await until('the spool is empty', () => {
    const { found = 0, segments } = next.stats().spool?.adopted ?? {};
    return found > 0 && segments === 0;
  });
  expect(next.stats()).toMatchObject({ parked: 0, spool: { adopted: { found: 30, acked: 20, dropped: 10 } } });
  expect(next.status()).toEqual({ state: 'connected' });
  expect(drops).toEqual([]);
  await next.close(PATIENT);
  await expectChained(nc, 20);
});

test('close() does not wait for its end when there is no connection, nor longer than its time', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  await createAudit(nc);
  const publisher = start(server);
  publisher.emit(upload(1, 'acme'));
  expect(await publisher.flush(PATIENT)).toBe(true);
  await server.stop();
  await until('the loss of the connection', () => publisher.status().state !== 'connected');
  const begin = performance.now();
  expect(await publisher.close({ timeoutMs: 60_000 })).toEqual({ acked: 1, spooled: 0, lost: 0 });
  expect(performance.now() - begin).toBeLessThan(30_000);
  expect(publisher.stats().ends).toEqual(NO_ENDS);
});

test('a stream that stores nothing any more: the end is given up when the time is over', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const manager = await createAudit(nc);
  const publisher = start(server);
  publisher.emit(upload(1, 'acme'));
  expect(await publisher.flush(PATIENT)).toBe(true);
  await manager.streams.delete('AUDIT');
  const begin = performance.now();
  expect(await publisher.close({ timeoutMs: 300 })).toEqual({ acked: 1, spooled: 0, lost: 0 });
  expect(performance.now() - begin).toBeGreaterThan(290);
  expect(publisher.stats().ends).toEqual({ ...NO_ENDS, emitted: 1, dropped: 1 });
});

test('a publisher that emitted nothing has no end; one whose only event was dropped shows the loss by its end', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  await createAudit(nc);
  await start(server).close(PATIENT);
  expect(await readEnds(nc)).toEqual([]);
  const publisher = start(server);
  await until('a connection', () => publisher.status().state === 'connected');
  // Its number is taken and never comes, and the end shows that.
  publisher.emit({ type: 'casartifact.uploaded', fields: { orgid: 'acme' } });
  expect(await publisher.close(PATIENT)).toEqual({ acked: 0, spooled: 0, lost: 1 });
  expect((await readEnds(nc)).map(({ event }) => (event as unknown as JsonObject)['producerseq'])).toEqual(['2']);
});

test('10,000 organizations', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  await createAudit(nc);
  const publisher = start(server);
  for (let n = 0; n < 10_000; n++) publisher.emit(upload(n, `org-${n}`));
  expect(await publisher.flush(PATIENT)).toBe(true);
  let most = 0;
  const watch = setInterval(() => void (most = Math.max(most, publisher.stats().ends.pending)), 1);
  expect(await publisher.close(PATIENT)).toEqual({ acked: 10_000, spooled: 0, lost: 0 });
  clearInterval(watch);
  expect(publisher.stats().ends).toEqual({ ...NO_ENDS, emitted: 10_000, acked: 10_000 });
  expect(most).toBeLessThanOrEqual(1_024);
  expect(new Set((await readEnds(nc)).map(({ event }) => event.orgid)).size).toBe(10_000);
});
