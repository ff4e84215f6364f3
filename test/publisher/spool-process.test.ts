import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { beforeEach, expect, test } from 'vitest';
import { expectChained } from '../support/expect-chained.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { countStored, createAudit } from '../support/audit-stream.ts';

/** How a process with a spool ends. */

beforeEach(needsOwnServer);

const PROGRAM = `
  import { createPublisher, artifactUploaded } from '@waybill/publisher';
  const options = JSON.parse(process.env.OPTIONS);
  const audit = createPublisher({ source: '//test', logger: { info() {}, warn() {} }, ...options });
  for (let n = 0; n < 300; n++) audit.emit(artifactUploaded({ orgid: 'acme', digest: 'sha256:' + '0'.repeat(64) }));
  setInterval(() => {}, 1000);
  console.log('ready');
`;

function start(options: object) {
  const child = spawn(process.execPath, ['--conditions=source', '--input-type=module', '--eval', PROGRAM], {
    cwd: import.meta.dirname,
    env: { ...process.env, OPTIONS: JSON.stringify(options) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  return { child, ended, ready: once(child.stdout, 'data') };
}

test.for(['SIGTERM', 'SIGINT'] as const)('%s, on request: flushes, and then the signal has its way', async (signal) => {
  await using server = await startNats();
  const nc = await server.connect();
  await createAudit(nc);
  const { child, ended, ready } = start({ servers: server.url, handleSignals: true });
  await ready;
  child.kill(signal);
  expect(await ended).toEqual([null, signal]);
  await expectChained(nc, 300);
});

test('SIGTERM without a server: what is pending is on disk, and the next process delivers it', async () => {
  await using server = await startNats();
  await createAudit(await server.connect());
  await server.stop();
  using dir = temporaryDirectory();
  const options = { servers: server.url, spoolDir: dir.path, durability: 'memory', handleSignals: true };
  const first = start({ ...options, closeTimeoutMs: 100 });
  await first.ready;
  first.child.kill('SIGTERM');
  expect(await first.ended).toEqual([null, 'SIGTERM']);
  expect(dir.files().filter((file) => file.endsWith('.seg')).length).toBe(1);
  await server.restart();
  const second = start({ ...options, closeTimeoutMs: 20_000 });
  await second.ready;
  const nc = await server.connect();
  await expect.poll(() => countStored(nc), { timeout: 20_000 }).toBe(600);
  second.child.kill('SIGTERM');
  await second.ended;
  expect(dir.files()).toEqual([]);
  await expectChained(nc, 600);
});
