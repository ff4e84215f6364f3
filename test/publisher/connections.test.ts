import { createPublisher } from '@waybill/publisher';
import { connect } from '@nats-io/transport-node';
import diagnostics from 'node:diagnostics_channel';
import { inspect } from 'node:util';
import { beforeEach, expect, test } from 'vitest';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { SOURCE, upload } from '../support/publishers.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { createAudit, expectBalanced, expectOnceInOrder, readDelivered } from '../support/audit-stream.ts';
import { memoryLogger } from '../support/logger.ts';
import { PATIENT } from '../support/time.ts';

beforeEach(needsOwnServer);

test('a connection that is bound later, and another one in its place', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  await createAudit(nc);
  await using publisher = createPublisher({ source: SOURCE, connection: 'later', logger: memoryLogger() });
  for (let i = 0; i < 1_000; i++) publisher.emit(upload(i));
  expect(publisher.status()).toMatchObject({ reason: 'no connection was bound yet' });
  publisher.bind(nc);
  await expect.poll(() => publisher.stats().acked).toBeGreaterThan(100);
  const second = await server.connect();
  for (let i = 1_000; i < 2_000; i++) publisher.emit(upload(i));
  publisher.bind(second);
  await nc.close();
  expect(await publisher.flush(PATIENT)).toBe(true);
  await publisher.close();
  expect(second.isClosed()).toBe(false);
  expectOnceInOrder(await readDelivered(second), 2_000);
});

test('a bound connection takes the place of one that the publisher opened, which is closed', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  await createAudit(nc);
  await using publisher = createPublisher({ source: SOURCE, servers: server.url, logger: memoryLogger() });
  expect(await publisher.confirm(upload(0), PATIENT)).toMatchObject({ seq: 1 });
  publisher.bind(nc);
  expect(await publisher.confirm(upload(1), PATIENT)).toMatchObject({ seq: 2 });
  expect(publisher.status()).toEqual({ state: 'connected' });
});

test('a function that makes the connection: asked again until it does, and again when it is gone', async () => {
  await using server = await startNats();
  await createAudit(await server.connect());
  const made: Awaited<ReturnType<typeof connect>>[] = [];
  let calls = 0;
  const publisher = createPublisher({
    source: SOURCE,
    connection: async () => {
      if (++calls < 3) throw new Error('the vault is sealed');
      const nc = await connect({ servers: server.url });
      made.push(nc);
      return nc;
    },
    backoffMaxMs: 50,
    logger: memoryLogger(),
  });
  for (let i = 0; i < 100; i++) publisher.emit(upload(i));
  expect(await publisher.flush(PATIENT)).toBe(true);
  await made[0]?.close();
  for (let i = 100; i < 200; i++) publisher.emit(upload(i));
  expect(await publisher.flush(PATIENT)).toBe(true);
  await publisher.close();
  expect(made.map((nc) => nc.isClosed())).toEqual([true, false]);
  await made[1]?.close();
  expectOnceInOrder(await readDelivered(await server.connect()), 200);
});

test('a disabled publisher says how to bind', () => {
  const publisher = createPublisher({ source: '//test', logger: memoryLogger() });
  expect(() => publisher.bind({} as never)).toThrow(expect.objectContaining({ code: 'INVALID_OPTIONS' }));
});

test.for(['a URL', 'connect', 'a token'])(
  'a secret in %s is in no inspection, JSON, status or log line',
  async (where) => {
    await using server = await startNats({ extraConfig: 'authorization { user: u, password: right }' });
    const logger = memoryLogger();
    const secret = 'hunter2-secret';
    const publisher = createPublisher({
      source: SOURCE,
      servers: [server.url, 'nats://no.such.host.invalid:4222'].map((url) =>
        where === 'a URL' ? url.replace('//', `//u:${secret}@`) : url,
      ),
      connect: {
        timeout: 500,
        ...(where === 'connect' && { user: 'u', pass: secret }),
        ...(where === 'a token' && { token: secret }),
      },
      backoffMaxMs: 20,
      logger,
    });
    publisher.emit(upload(0));
    await expect.poll(() => publisher.status().reason).toContain('cannot connect');
    const seen = [
      inspect(publisher, { depth: 10, showHidden: true }),
      JSON.stringify(publisher),
      JSON.stringify(publisher.status()),
      JSON.stringify(publisher.stats()),
      JSON.stringify(logger.lines),
    ].join('\n');
    expect(seen).not.toContain(secret);
    await publisher.close({ timeoutMs: 10 });
  },
);

test('diagnostics channels tell of acknowledgements, drops and changes of status', async () => {
  await using server = await startNats();
  await createAudit(await server.connect());
  const heard: string[] = [];
  const mine = 'diagnosed';
  const listen = (name: string) => {
    const listener = (message: unknown) => {
      const { producer, ...rest } = message as Record<string, unknown>;
      if (producer === mine) heard.push(`${name} ${String(rest['reason'] ?? rest['seq'] ?? rest['state'])}`);
    };
    diagnostics.subscribe(`waybill:publisher:${name}`, listener);
    return () => diagnostics.unsubscribe(`waybill:publisher:${name}`, listener);
  };
  const ends = ['ack', 'drop', 'status'].map(listen);
  const publisher = createPublisher({ source: SOURCE, servers: server.url, producer: mine, logger: memoryLogger() });
  publisher.emit(upload(0));
  publisher.emit({ type: 'no.such', fields: {} });
  expect(await publisher.flush(PATIENT)).toBe(true);
  await expect.poll(() => heard).toContain('status connected');
  await publisher.close();
  for (const end of ends) end();
  expect(heard).toEqual(
    expect.arrayContaining(['drop type_not_allowed', 'ack 1', 'status connected', 'status closed']),
  );
});

test('critical types have a part of the queue for themselves; the oldest are dropped if so wanted', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  await createAudit(nc);
  const download = (i: number) => ({
    type: 'casartifact.downloaded',
    fields: { orgid: 'acme', digest: `sha256:${i.toString(16).padStart(64, '0')}` },
  });
  const options = {
    source: SOURCE,
    connection: 'later',
    maxQueueEvents: 100,
    closeTimeoutMs: 1,
    logger: memoryLogger(),
  } as const;
  const critical = { criticalTypes: ['casartifact.downloaded'], criticalShare: 0.2 };

  await using newest = createPublisher({ ...options, ...critical });
  for (let i = 0; i < 150; i++) newest.emit(upload(i, 'acme'));
  expect(newest.stats()).toMatchObject({ pending: 80, dropped: { queue_full: 70 } });
  for (let i = 0; i < 30; i++) newest.emit(download(i));
  expect(newest.stats()).toMatchObject({ pending: 100, dropped: { queue_full: 80 } });

  await using oldest = createPublisher({ ...options, ...critical, whenFull: 'drop-oldest' });
  for (let i = 0; i < 10; i++) oldest.emit(download(i));
  for (let i = 0; i < 150; i++) oldest.emit(upload(i, 'acme'));
  // The oldest is critical now: nothing that is not may take its place.
  expect(oldest.stats()).toMatchObject({ pending: 80, dropped: { queue_full: 80 } });
  for (let i = 10; i < 60; i++) oldest.emit(download(i));
  expect(oldest.stats()).toMatchObject({ pending: 100, dropped: { queue_full: 110 } });
  expectBalanced(oldest.stats());

  await using plain = createPublisher({ ...options, whenFull: 'drop-oldest' });
  for (let i = 0; i < 150; i++) plain.emit(upload(i, 'plain'));
  plain.bind(nc);
  expect(await plain.flush(PATIENT)).toBe(true);
  const stored = (await readDelivered(nc)).map(({ event }) => event.producerseq);
  expect(stored).toEqual(Array.from({ length: 100 }, (_, i) => String(51 + i)));
});

test('confirm waits for the disk when that is what is asked, and for the stream when that is sooner', async () => {
  const publisher = createPublisher({ source: SOURCE, connection: 'later', logger: memoryLogger() });
  await expect(publisher.confirm(upload(0), { level: 'fsynced', ...PATIENT })).rejects.toMatchObject({
    code: 'NO_SPOOL',
  });
  await publisher.close({ timeoutMs: 1 });

  using dir = temporaryDirectory();
  const options = { source: SOURCE, spoolDir: dir.path, connection: 'later', logger: memoryLogger() } as const;
  for (const durability of ['memory', 'async', 'sync'] as const) {
    const spooling = createPublisher({ ...options, durability });
    const levels = ['spooled', 'fsynced'] as const;
    const confirmed = await Promise.all(levels.map((level) => spooling.confirm(upload(0), { level, ...PATIENT })));
    expect(confirmed).toEqual([{ level: 'spooled' }, { level: 'fsynced' }]);
    const waiting = spooling.confirm(upload(1), PATIENT).catch((error: unknown) => error);
    expect(await spooling.close({ timeoutMs: 1 })).toEqual({ acked: 0, spooled: 3, lost: 0 });
    expect(await waiting).toMatchObject({ code: 'CLOSED' });
  }
});
