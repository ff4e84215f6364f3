/** `npm start`, shortened to a second of traffic. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { needsOwnServer } from '../support/nats.ts';
import { type Running, startProgram } from '../support/program.ts';
import { ROOT } from '../support/repository.ts';
import { until } from '../support/until.ts';

let folder = '';
beforeEach(async (context) => {
  needsOwnServer(context);
  folder = await mkdtemp(join(tmpdir(), 'waybill-start-test-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** All temporary files of it go into `folder`. */
function start(...args: string[]): Running {
  const source = inject('natsServer');
  const binary = source.kind === 'binary' ? { NATS_SERVER_BIN: source.path } : {};
  return startProgram(['scripts/start.ts', ...args], { cwd: ROOT, env: { TMPDIR: folder, ...binary } });
}

async function expectEnd({ ended }: Running, code: number): Promise<string> {
  const end = await ended;
  expect(end, `it said: ${end.stderr}`).toMatchObject({ code, signal: null });
  expect(await readdir(folder)).toEqual([]);
  return end.stdout;
}

test('stores, bills and verifies, exits 0 and leaves nothing behind', async () => {
  await using running = start('--seconds', '1');
  const stdout = await expectEnd(running, 0);
  expect(stdout).toMatch(/^sum( +[\d,]+){2} /m);
  expect(stdout).toMatch(/^usage: equal to what the clients counted, to the byte, for each of \d+ organizations$/m);
  expect(stdout).toMatch(/^verdict: ok; /m);
});

test.for(['SIGINT', 'SIGTERM'] as const)(
  '%s in the middle of it ends it, and leaves nothing behind',
  async (signal) => {
    await using running = start('--seconds', '600');
    await until('traffic', () => running.stderr.includes('requests'));
    running.signal(signal);
    await expectEnd(running, signal === 'SIGINT' ? 130 : 143);
  },
);

test('--serve goes on until it is asked to stop', async () => {
  await using running = start('--seconds', '1', '--serve');
  const ended = running.ended.then(({ stdout, stderr }) => expect.fail(`it ended: ${stdout}${stderr}`));
  const address = until('the address of the store', () => /artifact-store +(http:\S+)\n/.exec(running.stdout)?.[1]);
  const store = await Promise.race([address, ended]);
  const answer = await fetch(`${store}/cas/sha256:${'0'.repeat(64)}`, {
    headers: { 'x-organization': 'acme', 'x-actor': 'me' },
  });
  expect(answer.status).toBe(404);
  await answer.text();
  ended.catch(() => undefined);
  running.signal('SIGTERM');
  await expectEnd(running, 0);
});
