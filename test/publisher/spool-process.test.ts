import { beforeEach, expect, test } from 'vitest';
import { expectChained } from '../support/expect-chained.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { programText, type Running, startProgram } from '../support/program.ts';
import { WAIT_MS } from '../support/time.ts';
import { until } from '../support/until.ts';
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

/** Resolves when it has emitted. */
async function start(options: object): Promise<Running> {
  const running = startProgram(programText(PROGRAM), { env: { OPTIONS: JSON.stringify(options) } });
  await until('the process to have emitted', () => running.stdout.includes('ready'));
  return running;
}

test.for(['SIGTERM', 'SIGINT'] as const)('%s, on request: flushes, and then the signal has its way', async (signal) => {
  await using server = await startNats();
  const nc = await server.connect();
  await createAudit(nc);
  await using running = await start({ servers: server.url, handleSignals: true });
  expect(await running.end(signal)).toMatchObject({ code: null, signal });
  await expectChained(nc, 300);
});

test('SIGTERM without a server: what is pending is on disk, and the next process delivers it', async () => {
  await using server = await startNats();
  await createAudit(await server.connect());
  await server.stop();
  using dir = temporaryDirectory();
  const options = { servers: server.url, spoolDir: dir.path, durability: 'memory', handleSignals: true };
  await using first = await start({ ...options, closeTimeoutMs: 100 });
  expect(await first.end('SIGTERM')).toMatchObject({ code: null, signal: 'SIGTERM' });
  expect(dir.files().filter((file) => file.endsWith('.seg')).length).toBe(1);
  await server.restart();
  await using second = await start({ ...options, closeTimeoutMs: WAIT_MS });
  const nc = await server.connect();
  await expect.poll(() => countStored(nc)).toBe(600);
  await second.end('SIGTERM');
  expect(dir.files()).toEqual([]);
  await expectChained(nc, 600);
});
