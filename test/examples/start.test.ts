/** `npm start`, shortened to a second of traffic. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { needsOwnServer } from '../support/nats.ts';
import { until } from '../support/until.ts';

const ROOT = join(import.meta.dirname, '../..');

let folder = '';
beforeEach(async (context) => {
  needsOwnServer(context);
  folder = await mkdtemp(join(tmpdir(), 'waybill-start-test-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** All temporary files of it go into `folder`. */
function start(...args: string[]) {
  const source = inject('natsServer');
  const child = spawn(process.execPath, ['--conditions=source', 'scripts/start.ts', ...args], {
    cwd: ROOT,
    env: { ...process.env, TMPDIR: folder, ...(source.kind === 'binary' && { NATS_SERVER_BIN: source.path }) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  return { child, exited, stdout: text(child.stdout), stderr: text(child.stderr) };
}

test('stores, bills and verifies, exits 0 and leaves nothing behind', async () => {
  const { exited, stdout, stderr } = start('--seconds', '1');
  expect(await exited, `it said: ${await stderr}`).toEqual([0, null]);
  expect(await stdout).toMatch(/^sum( +[\d,]+){2} /m);
  expect(await stdout).toMatch(
    /^usage: equal to what the clients counted, to the byte, for each of \d+ organizations$/m,
  );
  expect(await stdout).toMatch(/^verdict: ok; /m);
  expect(await readdir(folder)).toEqual([]);
});

test.for(['SIGINT', 'SIGTERM'] as const)(
  '%s in the middle of it ends it, and leaves nothing behind',
  async (signal) => {
    const { child, exited, stderr } = start('--seconds', '60');
    let said = '';
    child.stderr.on('data', (data: Buffer) => (said += data.toString()));
    await until('traffic', () => said.includes('requests'));
    child.kill(signal);
    expect(await exited, `it said: ${await stderr}`).toEqual([signal === 'SIGINT' ? 130 : 143, null]);
    expect(await readdir(folder)).toEqual([]);
  },
);

test('--serve goes on until it is asked to stop', async () => {
  const { child, exited, stderr } = start('--seconds', '1', '--serve');
  let said = '';
  child.stdout.on('data', (data: Buffer) => (said += data.toString()));
  const address = until('the address of the store', () => /artifact-store +(http:\S+)\n/.exec(said)?.[1]);
  const store = await Promise.race([address, exited.then(async () => expect.fail(`it ended: ${said}${await stderr}`))]);
  const answer = await fetch(`${store}/cas/sha256:${'0'.repeat(64)}`, {
    headers: { 'x-organization': 'acme', 'x-actor': 'me' },
  });
  expect(answer.status).toBe(404);
  await answer.text();
  child.kill('SIGTERM');
  expect(await exited, `it said: ${await stderr}`).toEqual([0, null]);
  expect(await readdir(folder)).toEqual([]);
});
