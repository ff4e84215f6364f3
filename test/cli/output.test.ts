/** Where the output of a command goes may be full, closed, or given up by whoever reads it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync } from 'node:fs';
import { jetstreamManager } from '@nats-io/jetstream';
import { DEFAULT_SETTINGS } from '@waybill/consumer';
import { expect, test } from 'vitest';
import { caughtUp } from '../support/check-ledger.ts';
import { startNats } from '../support/nats.ts';
import { programEnvironment } from '../support/program.ts';
import { WAYBILL } from '../support/repository.ts';
import { artifactEvent, publishAll } from '../support/traffic.ts';
import { until } from '../support/until.ts';
import { serve } from '../support/waybill.ts';

/** A device on which nothing fits. */
const FULL = '/dev/full';
const hasFull = existsSync(FULL);

/** With streams of its own, which `startWaybill` reads. */
function start(
  args: readonly string[],
  environment: Record<string, string>,
  stdio: readonly ('pipe' | 'ignore' | number)[],
) {
  const env = programEnvironment(environment);
  return spawn(process.execPath, ['--conditions=source', WAYBILL, ...args], { env, stdio: [...stdio] });
}

test.runIf(hasFull)('a full disk under the standard output is an error of its own, not a verdict', async () => {
  for (const args of [['help'], ['verify', '--file', 'no-such-file', '--help']]) {
    const child = start(args, {}, ['ignore', openSync(FULL, 'w'), 'pipe']);
    let errors = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (errors += text));
    const [code] = (await once(child, 'close')) as [number];
    expect({ code, errors }).toEqual({
      code: 74,
      errors: expect.stringMatching(/^waybill: could not write to the standard output: [^\n]*ENOSPC[^\n]*\n$/),
    });
  }
});

test.runIf(hasFull)('a full disk under the standard error does not change the exit code', async () => {
  const child = start(['no-such-command'], {}, ['ignore', 'ignore', openSync(FULL, 'w')]);
  expect(await once(child, 'close')).toEqual([64, null]);
});

test.runIf(hasFull)('serve goes on chaining while its log cannot be written', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const child = start(['serve'], { WAYBILL_NATS_URL: server.url }, ['ignore', openSync(FULL, 'w'), 'ignore']);
  const ended = once(child, 'close');
  try {
    let isOver = false;
    child.once('close', () => (isOver = true));
    const jsm = await jetstreamManager(nc);
    const isThere = (): Promise<boolean> =>
      jsm.streams.info(DEFAULT_SETTINGS.ledgerStream).then(
        () => true,
        () => false,
      );
    await until('the streams, or the end', async () => isOver || (await isThere()));
    expect(isOver).toBe(false);
    await publishAll(nc, [artifactEvent(DEFAULT_SETTINGS, { orgid: 'acme', kind: 'upload', bytes: 1 })]);
    await caughtUp(nc, DEFAULT_SETTINGS);
  } finally {
    child.kill('SIGTERM');
  }
  expect(await ended).toEqual([0, null]);
});

test('a replay that is interrupted before its end does not end as if it had all', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  await using serving = serve({ WAYBILL_NATS_URL: server.url });
  await until('the writer to begin', () => serving.log.includes('"msg":"writing"'));
  const event = () => artifactEvent(DEFAULT_SETTINGS, { orgid: 'acme', kind: 'upload', bytes: 1 });
  await publishAll(nc, Array.from({ length: 2_000 }, event));
  await caughtUp(nc, DEFAULT_SETTINGS);
  // Nobody reads: the pipe takes a part of it.
  for (const [follow, end] of [
    [[], [null, 'SIGTERM']],
    [['--follow'], [143, null]],
  ] as const) {
    const args = ['replay', '--org', 'acme', ...follow];
    const child = start(args, { WAYBILL_NATS_URL: server.url }, ['ignore', 'pipe', 'ignore']);
    const ended = once(child, 'exit');
    await once(child.stdout as NodeJS.ReadableStream, 'readable');
    child.kill('SIGTERM');
    expect(await ended).toEqual(end);
    child.stdout?.destroy();
  }
});
