import { expect, test } from 'vitest';
import { readConfig } from '../config/config.ts';
import { type ReaderThread, type ReaderThreadOptions, runReaderThread } from './run-reader-thread.ts';

const BEGIN = "import { parentPort } from 'node:worker_threads'; const send = (m) => parentPort.postMessage(m);";

/** Runs a thread whose main file is this text. */
function run(text: string, limits: NonNullable<ReaderThreadOptions['limits']> = {}) {
  const errors: string[] = [];
  const infos: string[] = [];
  const silent = () => undefined;
  const logger = {
    debug: silent,
    warn: silent,
    info: (_: object, message: string) => void infos.push(message),
    error: (_: object, message: string) => void errors.push(message),
  };
  const file = new URL(`data:text/javascript,${encodeURIComponent(BEGIN + text)}`);
  const thread: ReaderThread = runReaderThread({ config: readConfig({}), logger, file, limits });
  return { thread, errors, infos };
}

test('a thread that ends is started again, however it ends', async () => {
  for (const end of ['process.exit(0)', "throw new Error('broken')"]) {
    const { thread, errors } = run(end, { firstRestartMs: 5, maxRestartMs: 10 });
    await expect.poll(() => errors.filter((one) => one.includes('starting it again')).length).toBeGreaterThan(2);
    await thread.close();
  }
});

test('what it logs is logged by the service, and closing asks it to stop first', async () => {
  const say = (message: string): string => `send({ kind: 'log', level: 'info', fields: {}, message: ${message} })`;
  const { thread, infos } = run(
    `parentPort.once('message', ({ kind }) => { ${say('kind')}; parentPort.close(); }); ${say("'ready'")}`,
  );
  await expect.poll(() => infos).toEqual(['ready']);
  await thread.close();
  await thread.close();
  expect(infos).toEqual(['ready', 'stop']);
});

test('an error of the configuration ends the service; another one does not', async () => {
  const bad = run("send({ kind: 'failed', code: 'BAD_CONFIG', message: 'port' }); setInterval(() => {}, 1e6)", {
    leaveMs: 10,
  });
  await expect(bad.thread.failed).rejects.toMatchObject({ code: 'BAD_CONFIG', message: 'port' });
  await bad.thread.close();
  const other = run("send({ kind: 'failed', code: 'NO_ANSWER', message: 'x' }); setInterval(() => {}, 1e6)", {
    leaveMs: 10,
  });
  await expect.poll(() => other.errors).toEqual(['the reader failed: x']);
  await other.thread.close();
});

test('its metrics are asked for, and not waited for', async () => {
  const answering = run(
    "parentPort.on('message', ({ id, kind }) => kind === 'stop' ? process.exit() : send({ kind: 'metrics', id, text: 'm' + id }))",
  );
  await expect.poll(() => answering.thread.metricsText()).toMatch(/^m\d+$/);
  await answering.thread.close();
  const silent = run('setInterval(() => {}, 1e6)', { metricsMs: 5, leaveMs: 5 });
  expect(await silent.thread.metricsText()).toBe('');
  // Nor does its end wait for a thread that does not listen.
  await silent.thread.close();
});
