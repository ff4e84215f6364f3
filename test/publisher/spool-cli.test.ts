import { createPublisher } from '@waybill/publisher';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { beforeEach, expect, test } from 'vitest';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { memoryLogger, SOURCE, upload } from './artifacts.ts';
import { temporaryDirectory } from './directory.ts';
import { createAudit, expectOnceInOrder, readDelivered } from './stored.ts';

beforeEach(needsOwnServer);

const CLI = fileURLToPath(new URL('../../packages/publisher/src/spool-cli.ts', import.meta.url));

async function waybillSpool(
  args: readonly string[],
  url = '',
): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, ['--conditions=source', CLI, ...args], {
    env: { ...process.env, WAYBILL_NATS_URL: url },
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk) => (out += chunk));
  child.stderr.on('data', (chunk) => (err += chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out, err };
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
  expect(await alive.confirm(upload(0), { level: 'fsynced' })).toEqual({ level: 'fsynced' });

  const status = await waybillSpool(['status', dir.path]);
  expect(status).toMatchObject({ code: 0, err: '' });
  // The living one has adopted what the dead one left: it is the next publisher there.
  expect(status.out).toMatch(/^alive alive: 701 events, \d+ bytes, \d segments, 0 damaged\n701 events in 1 spools/);
  await alive.close({ timeoutMs: 20 });
  expect((await waybillSpool(['status', dir.path])).out).toMatch(/^alive dead: 701 events/);

  expect(await waybillSpool(['drain', dir.path, '--timeout', '1'], server.url)).toMatchObject({ code: 1 });
  await server.restart();
  expect(await waybillSpool(['drain', dir.path], server.url)).toMatchObject({
    code: 0,
    out: '701 of 701 events delivered, 0 dropped, 0 damaged, 0 torn\n',
  });
  const stored = await readDelivered(await server.connect());
  expectOnceInOrder(
    stored.filter(({ event }) => event.producer === 'dead'),
    700,
  );
  expect(dir.files()).toEqual([]);
});

test('a wrong call and a missing directory say so', async () => {
  expect(await waybillSpool([])).toMatchObject({ code: 64, err: expect.stringContaining('expected status DIR') });
  expect(await waybillSpool(['frobnicate', '/tmp'])).toMatchObject({ code: 64 });
  expect(await waybillSpool(['status', '/no/such/directory'])).toMatchObject({ code: 2 });
  expect(await waybillSpool(['drain', '/no/such/directory'])).toMatchObject({ code: 2 });
  expect((await waybillSpool(['--help'])).out).toContain('Usage: waybill-spool status DIR');
});
