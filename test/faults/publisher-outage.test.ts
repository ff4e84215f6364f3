import { createPublisher, type Publisher } from '@waybill/publisher';
import { beforeEach, expect, test } from 'vitest';
import { emitSteadily, SOURCE, upload } from '../support/publishers.ts';
import { countStored, createAudit, expectBalanced, expectOnceInOrder, readDelivered } from '../support/audit-stream.ts';
import { memoryLogger } from '../support/logger.ts';
import { needsOwnServer, startNats, type TestNats } from '../support/nats.ts';
import { PATIENT } from '../support/time.ts';

/** The promise: whatever the server does, what was emitted is stored once, and each organization's events in order. */

beforeEach(needsOwnServer);

const PER_SECOND = 3_000;

async function started(server: TestNats, options: object = {}): Promise<Publisher> {
  await createAudit(await server.connect());
  const publisher = createPublisher({
    source: SOURCE,
    servers: server.url,
    maxQueueEvents: 60_000,
    logger: memoryLogger(),
    ...options,
  });
  await expect.poll(() => publisher.status().state).toBe('connected');
  return publisher;
}

/** Waits until this many more events are acknowledged: time that passes under load. */
async function progress(publisher: Publisher, events: number): Promise<void> {
  const goal = publisher.stats().acked + events;
  await expect.poll(() => publisher.stats().acked).toBeGreaterThan(goal);
}

async function backlogOf(publisher: Publisher, events: number): Promise<void> {
  await expect.poll(() => publisher.stats().pending).toBeGreaterThan(events);
}

async function expectAllStored(what: string, server: TestNats, publisher: Publisher, emitted: number): Promise<void> {
  expect(await publisher.flush(PATIENT)).toBe(true);
  const stats = publisher.stats();
  expect(stats).toMatchObject({ emitted, acked: emitted, pending: 0 });
  expectBalanced(stats);
  const stored = await readDelivered(await server.connect());
  const { resent, duplicates } = stats;
  console.log(
    `${what}: ${emitted} emitted, ${stored.length} stored; ${resent} sent again, ${duplicates} known already`,
  );
  expectOnceInOrder(stored, emitted);
}

test.for(['stop', 'kill9'] as const)('%s of the server under load, three times', async (end) => {
  await using server = await startNats();
  await using publisher = await started(server);
  const load = emitSteadily(publisher, PER_SECOND);
  for (let round = 0; round < 3; round++) {
    await progress(publisher, 1_000);
    await server[end]();
    // About a second of events comes while there is no server.
    await backlogOf(publisher, PER_SECOND);
    await server.restart();
  }
  await progress(publisher, 1_000);
  await expectAllStored(`${end}, three times`, server, publisher, load.stop());
});

test('a server that is frozen for longer than the ack deadline', async () => {
  await using server = await startNats();
  await using publisher = await started(server, { ackTimeoutMs: 200 });
  const load = emitSteadily(publisher, PER_SECOND);
  for (let round = 0; round < 2; round++) {
    await progress(publisher, 500);
    await server.pause();
    await expect
      .poll(() => publisher.status())
      .toEqual({ state: 'degraded', reason: 'no acknowledgement within 200 ms' });
    await backlogOf(publisher, 4_000);
    await server.resume();
  }
  await progress(publisher, 4_000);
  const emitted = load.stop();
  await expectAllStored('frozen, twice', server, publisher, emitted);
  expect(publisher.stats().resent).toBeGreaterThan(0);
});

test('ten kills of the server in a row, at whatever moment', async () => {
  await using server = await startNats();
  await using publisher = await started(server);
  const load = emitSteadily(publisher, PER_SECOND);
  for (let round = 0; round < 10; round++) {
    await progress(publisher, 50 + round * 37);
    await server.kill9();
    await server.restart();
  }
  await progress(publisher, 100);
  await expectAllStored('ten kills', server, publisher, load.stop());
});

test('a queue that fills up during an outage drops the newest, typed and counted, and numbers stay taken', async () => {
  await using server = await startNats();
  const logger = memoryLogger();
  const drops: string[] = [];
  const stats: { pending: number }[] = [];
  const publisher: Publisher = await started(server, {
    maxQueueEvents: 1_000,
    logger,
    onDrop: ({ reason, producerseq }: { reason: string; producerseq?: string }) => {
      drops.push(`${reason} ${producerseq}`);
      expectBalanced(publisher.stats());
      stats.push(publisher.stats());
    },
  });
  await server.stop();
  await expect.poll(() => publisher.status().state).toBe('degraded');
  for (let i = 0; i < 1_500; i++) publisher.emit(upload(i, 'acme'));
  expect(publisher.stats()).toMatchObject({ emitted: 1_500, pending: 1_000, dropped: { queue_full: 500 } });
  expect(drops).toEqual(Array.from({ length: 500 }, (_, i) => `queue_full ${1_001 + i}`));
  // Before the server is back: the queue may be empty by then.
  expect(await publisher.confirm(upload(1_500, 'acme'), PATIENT).catch((error: unknown) => error)).toMatchObject({
    code: 'QUEUE_FULL',
  });
  await server.restart();
  expect(await publisher.flush(PATIENT)).toBe(true);
  expect(await publisher.confirm(upload(1_501, 'acme'), PATIENT)).toMatchObject({ seq: 1_001 });
  const stored = await readDelivered(await server.connect());
  expect(stored.map(({ event }) => event.producerseq)).toEqual([
    ...Array.from({ length: 1_000 }, (_, i) => `${i + 1}`),
    '1502',
  ]);
  // One line for the burst, not one for each.
  expect(logger.lines.filter(({ message }) => message === 'event dropped').length).toBe(1);
  await publisher.close();
});

test('close while the server is frozen ends in time, says what is lost, and drops it as closed', async () => {
  await using server = await startNats();
  const publisher = await started(server);
  for (let i = 0; i < 100; i++) publisher.emit(upload(i));
  expect(await publisher.flush(PATIENT)).toBe(true);
  await server.pause();
  for (let i = 100; i < 400; i++) publisher.emit(upload(i));
  const closing = publisher.close({ timeoutMs: 300 });
  publisher.emit(upload(400));
  expect(publisher.enabled('casartifact.uploaded')).toBe(false);
  expect(await closing).toEqual({ acked: 100, spooled: 0, lost: 301 });
  expect(await publisher.close(PATIENT)).toEqual({ acked: 100, spooled: 0, lost: 301 });
  expect(publisher.stats()).toMatchObject({ emitted: 401, acked: 100, pending: 0, dropped: { closed: 301 } });
  expect(publisher.status()).toEqual({ state: 'closed', holes: 300 });
  await server.resume();
});

test('an own connection that its client gives up is dialled anew', async () => {
  await using server = await startNats();
  let refuse = false;
  await using publisher = await started(server, {
    backoffMaxMs: 100,
    connect: {
      // The client closes for good when its authenticator throws.
      authenticator: () => {
        if (refuse) throw new Error('no credentials now');
        return {};
      },
    },
  });
  publisher.emit(upload(0));
  expect(await publisher.flush(PATIENT)).toBe(true);
  refuse = true;
  await server.stop();
  await server.restart();
  for (let i = 1; i < 100; i++) publisher.emit(upload(i));
  await expect.poll(() => publisher.status().reason).toMatch(/cannot connect|dialling again/);
  refuse = false;
  await expectAllStored('dialled anew', server, publisher, 100);
  expect(await countStored(await server.connect())).toBe(100);
});
