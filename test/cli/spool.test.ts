import { credsAuthenticator } from '@nats-io/transport-node';
import { createPublisher } from '@waybill/publisher';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { createOperator } from '../support/operator.ts';
import { SOURCE, upload } from '../support/publishers.ts';
import { runProgram } from '../support/program.ts';
import { WAYBILL_SPOOL } from '../support/repository.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { createAudit, expectOnceInOrder, readDelivered } from '../support/audit-stream.ts';
import { memoryLogger } from '../support/logger.ts';
import { PATIENT, WAIT_MS } from '../support/time.ts';

beforeEach(needsOwnServer);

async function waybillSpool(
  args: readonly string[],
  url = '',
  variables: Readonly<Record<string, string>> = {},
): Promise<{ code: number | null; out: string; err: string }> {
  const env = { WAYBILL_NATS_URL: url, ...variables };
  const { code, stdout, stderr } = await runProgram([WAYBILL_SPOOL, ...args], { env });
  return { code, out: stdout, err: stderr };
}

test('status says what waits there, drain delivers it and leaves the living alone', async () => {
  await using server = await startNats();
  await createAudit(await server.connect());
  await server.stop();
  using dir = temporaryDirectory();
  const options = { source: SOURCE, servers: server.url, spoolDir: dir.path, logger: memoryLogger() };
  const dead = createPublisher({ ...options, producer: 'dead' });
  for (let i = 0; i < 700; i++) dead.emit(upload(i));
  await dead.close({ timeoutMs: 20 });
  await using alive = createPublisher({ ...options, producer: 'alive', connection: 'later', servers: '' });
  expect(await alive.confirm(upload(0), { level: 'fsynced', ...PATIENT })).toEqual({ level: 'fsynced' });

  const status = await waybillSpool(['status', dir.path]);
  expect(status).toMatchObject({ code: 0, err: '' });
  // The living one has adopted what the dead one left: it is the next publisher there. Publishers that close say so to
  // each organization: the dead one to seven, the other one to one.
  expect(status.out).toMatch(/^alive alive: 708 events, \d+ bytes, \d segments, 0 damaged\n708 events in 1 spools/);
  await alive.close({ timeoutMs: 20 });
  expect((await waybillSpool(['status', dir.path])).out).toMatch(/^alive dead: 709 events/);

  expect(await waybillSpool(['drain', dir.path, '--timeout', '1'], server.url)).toMatchObject({ code: 1 });
  await server.restart();
  expect(await waybillSpool(['drain', dir.path, '--timeout', String(WAIT_MS / 1000)], server.url)).toMatchObject({
    code: 0,
    out: '709 of 709 events delivered, 0 dropped, 0 damaged, 0 torn\n',
  });
  const stored = await readDelivered(await server.connect());
  expectOnceInOrder(
    stored.filter(({ event }) => event.producer === 'dead'),
    700,
  );
  expect(dir.files()).toEqual([]);
});

test("drain on a directory that is no spool is an error, and touches nothing; beside a spool, others' things stay", async () => {
  await using server = await startNats();
  await createAudit(await server.connect());
  using dir = temporaryDirectory();
  mkdirSync(join(dir.path, 'blobs'));
  writeFileSync(join(dir.path, 'blobs', 'a.seg'), 'a');
  mkdirSync(join(dir.path, 'empty'));
  expect(await waybillSpool(['drain', dir.path], server.url)).toMatchObject({
    code: 2,
    err: expect.stringContaining('has no spool in it: nothing was touched'),
  });
  expect(readdirSync(dir.path).toSorted()).toEqual(['blobs', 'empty']);

  const dead = createPublisher({ source: SOURCE, connection: 'later', spoolDir: dir.path, logger: memoryLogger() });
  for (let i = 0; i < 10; i++) dead.emit(upload(i));
  await dead.close({ timeoutMs: 20 });
  expect((await waybillSpool(['status', dir.path])).out).toContain('not a spool, left alone: blobs, empty\n');
  expect(await waybillSpool(['drain', dir.path, '--timeout', String(WAIT_MS / 1000)], server.url)).toMatchObject({
    code: 0,
    out: '17 of 17 events delivered, 0 dropped, 0 damaged, 0 torn\n',
  });
  expect(readdirSync(dir.path).toSorted()).toEqual(['blobs', 'empty']);
  expect(dir.files()).toEqual(['blobs/a.seg']);
});

test('drain says what it leaves to a publisher that lives', async () => {
  await using server = await startNats();
  await createAudit(await server.connect());
  using dir = temporaryDirectory();
  await using alive = createPublisher({
    source: SOURCE,
    connection: 'later',
    spoolDir: dir.path,
    logger: memoryLogger(),
  });
  await alive.confirm(upload(0), { level: 'spooled', ...PATIENT });
  expect(await waybillSpool(['drain', dir.path, '--timeout', String(WAIT_MS / 1000)], server.url)).toMatchObject({
    code: 0,
    err: expect.stringContaining('1 events are of publishers that live'),
  });
  await alive.close({ timeoutMs: 1 });
});

test('drain takes an identity as the publisher does: creds with CRLF; garbage and half a user are named', async () => {
  const { config, creds } = await createOperator();
  await using server = await startNats({ extraConfig: config });
  const text = await creds();
  const nc = await server.connect({ authenticator: credsAuthenticator(Buffer.from(text)) });
  await createAudit(nc);
  using dir = temporaryDirectory();
  using files = temporaryDirectory();
  const publisher = createPublisher({
    source: SOURCE,
    connection: 'later',
    spoolDir: dir.path,
    logger: memoryLogger(),
  });
  publisher.emit(upload(1));
  await publisher.close({ timeoutMs: 1 });
  const [good, garbage] = [join(files.path, 'crlf.creds'), join(files.path, 'garbage.creds')];
  writeFileSync(good, text.replaceAll('\n', '\r\n'));
  writeFileSync(garbage, 'a secret that is no creds file');
  const drain = (variables: Readonly<Record<string, string>>, seconds = 2) =>
    waybillSpool(['drain', dir.path, '--timeout', String(seconds)], server.url, variables);
  const refused = await drain({ WAYBILL_NATS_CREDS_FILE: garbage });
  expect(refused).toMatchObject({ code: 1, err: expect.stringContaining(garbage) });
  expect(refused.err).not.toContain('a secret');
  const half = await drain({ WAYBILL_NATS_USER: 'u' });
  expect(half).toMatchObject({ code: 2, err: expect.stringContaining('WAYBILL_NATS_USER and WAYBILL_NATS_PASSWORD') });
  expect(await drain({ WAYBILL_NATS_CREDS_FILE: good }, WAIT_MS / 1000)).toMatchObject({
    code: 0,
    out: expect.stringContaining('2 of 2 events delivered'),
  });
});

test('a wrong call and a missing directory say so', async () => {
  expect(await waybillSpool([])).toMatchObject({ code: 64, err: expect.stringContaining('expected status DIR') });
  expect(await waybillSpool(['frobnicate', '/tmp'])).toMatchObject({ code: 64 });
  expect(await waybillSpool(['status', '/no/such/directory'])).toMatchObject({ code: 2 });
  expect(await waybillSpool(['drain', '/no/such/directory'])).toMatchObject({ code: 2 });
  expect((await waybillSpool(['--help'])).out).toContain('Usage: waybill-spool status DIR');
});

test('a drain that cannot connect says how many events wait, where it tried, and ends by itself', async () => {
  using dir = temporaryDirectory();
  const dead = createPublisher({ source: SOURCE, connection: 'later', spoolDir: dir.path, logger: memoryLogger() });
  for (let i = 0; i < 837; i++) dead.emit(upload(i));
  await dead.close({ timeoutMs: 20 });

  await using server = await startNats({ extraConfig: 'authorization { user: u, password: right }' });
  const wrong = server.url.replace('nats://', 'nats://u:wrong@');
  await using closed = await startNats();
  await closed.stop();
  for (const [url, why] of [
    [closed.url, 'nobody listens there'],
    [wrong, 'refuses this identity'],
  ] as const) {
    const { code, out, err } = await waybillSpool(['drain', dir.path, '--timeout', '1'], url);
    expect({ code, out }).toEqual({ code: 1, out: '0 of 844 events delivered, 0 dropped, 0 damaged, 0 torn\n' });
    expect(err).toMatch(/not done after \d+ s: cannot connect to NATS at 127\.0\.0\.1:\d+: /);
    expect(err).toContain(why);
  }
  // Without a limit that is given, it ends when nothing is delivered.
  expect(await waybillSpool(['drain', dir.path], closed.url)).toMatchObject({
    code: 1,
    err: expect.stringMatching(/not done after \d+ s/),
  });
  expect((await waybillSpool(['status', dir.path])).out).toContain('some may be stored already');
});

test("one publisher's folder, a missing directory, a wrong option and a missing server are said in words", async () => {
  using dir = temporaryDirectory();
  const dead = createPublisher({
    source: SOURCE,
    connection: 'later',
    spoolDir: dir.path,
    producer: 'dead',
    logger: memoryLogger(),
  });
  dead.emit(upload(0));
  await dead.close({ timeoutMs: 20 });
  for (const command of ['status', 'drain']) {
    const { code, err } = await waybillSpool([command, join(dir.path, 'dead')], 'nats://127.0.0.1:1');
    expect({ code, err }).toEqual({
      code: 2,
      err: expect.stringContaining(`is one publisher's folder: give the directory above it, ${dir.path}\n`),
    });
  }
  expect((await waybillSpool(['drain', '/no/such'], '127.0.0.1:1')).err).toContain('there is no directory /no/such');
  const { err } = await waybillSpool(['drain', dir.path, '--timeout', '1']);
  expect(err).toContain('WAYBILL_NATS_URL is not set: the server is taken to be nats://127.0.0.1:4222');
  for (const [args, said] of [
    [['drain', dir.path, '--timeuot', '5'], 'there is no option --timeuot: did you mean --timeout?'],
    [['drain', dir.path, '--timeout', 'five'], '--timeout is "five": expected seconds'],
    [['frobnicate'], 'no command frobnicate'],
  ] as const) {
    expect(await waybillSpool(args)).toMatchObject({ code: 64, err: expect.stringContaining(said) });
  }
  expect(await waybillSpool(['drain', dir.path], 'http://host')).toMatchObject({
    code: 64,
    err: expect.stringContaining('WAYBILL_NATS_URL: expected host, host:port'),
  });
});
