import type { Publisher } from '@waybill/publisher';
import { appendFileSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { spooling, upload } from '../support/publishers.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { createAudit, expectBalanced, expectOnceInOrder, readDelivered } from '../support/audit-stream.ts';
import { startEmitter } from '../support/emitter-process.ts';
import { programText, runProgram } from '../support/program.ts';
import { needsOwnServer, startNats, type TestNats } from '../support/nats.ts';
import { IS_WHOLE } from '../support/part.ts';
import { PATIENT } from '../support/time.ts';

beforeEach(needsOwnServer);

/** Emitted before a server or the process is killed, each time. */
const BEFORE_KILL = IS_WHOLE ? 2_000 : 500;
/** Longer than a queue of 1,000. */
const OUTAGE = IS_WHOLE ? 6_000 : 2_500;

const segments = (files: readonly string[]) => files.filter((file) => file.endsWith('.seg'));

/** Waits until a publisher has delivered everything that others left in the directory. */
async function drain(server: TestNats, dir: string): Promise<Publisher> {
  const publisher = spooling(server, dir);
  await expect.poll(() => publisher.stats().spool?.adopted).toMatchObject({ scanned: true, segments: 0 });
  return publisher;
}

test.for(['sync', 'async', 'memory'] as const)(
  'kill -9 of the emitting process, durability %s, three times while the server comes and goes',
  async (durability) => {
    // The promise. sync: every event whose emit had returned is stored. async: all but those of the last turns of the
    // loop. memory: nothing for what was not sent. All: what is stored is there once, in order.
    await using server = await startNats();
    await createAudit(await server.connect());
    using dir = temporaryDirectory();
    let returned = 0;
    for (let round = 0; round < 3; round++) {
      await using emitter = startEmitter({ options: { servers: server.url, spoolDir: dir.path, durability } });
      await expect.poll(() => emitter.returned()).toBeGreaterThan(BEFORE_KILL);
      if (round > 0) await server.kill9();
      const before = emitter.returned();
      await expect.poll(() => emitter.returned()).toBeGreaterThan(before + BEFORE_KILL);
      await emitter.kill9();
      returned += emitter.returned();
      if (round > 0) await server.restart();
    }
    await using last = await drain(server, dir.path);
    const stored = await readDelivered(await server.connect());
    const perProducer = Map.groupBy(stored, ({ event }) => `${event.producer} ${event.orgid}`);
    const unordered = [...perProducer.values()].filter((events) =>
      events.some(({ event }, i) => i > 0 && Number(event.producerseq) <= Number(events[i - 1]?.event.producerseq)),
    );
    const lost = returned - stored.length;
    console.log(`${durability}: ${returned} emits returned, ${stored.length} stored, ${lost} lost`, last.stats().spool);
    expect(new Set(stored.map(({ msgId }) => msgId)).size).toBe(stored.length);
    expect(unordered).toEqual([]);
    // One more may have been written when the process died before it could count it.
    expect(lost).toBeLessThanOrEqual({ sync: 0, async: 500, memory: returned }[durability]);
    expect(segments(dir.files())).toEqual([]);
  },
);

test('an outage longer than memory: what does not fit goes to disk and comes back, once and in order', async () => {
  await using server = await startNats();
  await createAudit(await server.connect());
  using dir = temporaryDirectory();
  for (const durability of ['memory', 'async', 'sync'] as const) {
    await using publisher = spooling(server, dir.path, {
      durability,
      maxQueueEvents: 1_000,
      spoolSegmentBytes: 200_000,
    });
    await expect.poll(() => publisher.status().state).toBe('connected');
    await server.stop();
    await expect.poll(() => publisher.status().state).toBe('degraded');
    for (let i = 0; i < OUTAGE; i++) {
      publisher.emit(upload(i, `${durability}-${i % 5}`));
      if (i % 1_000 === 0) expectBalanced(publisher.stats());
    }
    const during = publisher.stats();
    expectBalanced(during);
    expect(during).toMatchObject({ emitted: OUTAGE, dropped: { queue_full: 0 } });
    expect(during.spooled).toBeGreaterThan(OUTAGE - 1_100);
    expect(during.pending).toBeLessThanOrEqual(1_000);
    for (const file of segments(dir.files())) expect(statSync(join(dir.path, file)).mode & 0o777).toBe(0o600);
    await server.restart();
    const start = performance.now();
    expect(await publisher.flush(PATIENT)).toBe(true);
    const rate = Math.round((OUTAGE * 1000) / (performance.now() - start));
    console.log(`${durability}: ${during.spooled} on disk (${during.spool?.bytes} bytes), replayed at ${rate}/s`);
    expect(publisher.stats()).toMatchObject({ acked: OUTAGE, pending: 0, spooled: 0 });
    expectBalanced(publisher.stats());
  }
  expectOnceInOrder(await readDelivered(await server.connect()), 3 * OUTAGE);
  expect(dir.files()).toEqual([]);
});

test('close and exit leave to the next publisher what could not be sent', async () => {
  await using server = await startNats();
  await createAudit(await server.connect());
  await server.stop();
  using dir = temporaryDirectory();
  let total = 0;
  for (const durability of ['memory', 'async', 'sync'] as const) {
    const publisher = spooling(server, dir.path, { durability });
    for (let i = 0; i < 500; i++) publisher.emit(upload(total++));
    expect(await publisher.close({ timeoutMs: 50 })).toEqual({ acked: 0, spooled: 500, lost: 0 });
    expect(publisher.stats()).toMatchObject({ pending: 0, spooled: 500 });
    expectBalanced(publisher.stats());
  }
  const program = `
    import { artifactUploaded, createPublisher } from '@waybill/publisher';
    const audit = createPublisher({ source: '//x', servers: '${server.url}', spoolDir: '${dir.path}', durability: 'memory' });
    for (let n = 0; n < 500; n++) audit.emit(artifactUploaded({ orgid: 'exit', digest: 'sha256:' + '0'.repeat(64) }));
    process.exit(0);
  `;
  expect(await runProgram(programText(program))).toMatchObject({ code: 0 });
  await server.restart();
  await using last = await drain(server, dir.path);
  // Each publisher that closed says so to seven organizations.
  expect(last.stats().spool?.adopted).toMatchObject({ found: 2_021, acked: 2_021, damaged: 0, torn: 0 });
  expect((await readDelivered(await server.connect())).length).toBe(2_000);
});

test('damaged segments cost their damaged records and nothing else, and are put aside', async () => {
  await using server = await startNats();
  await createAudit(await server.connect());
  await server.stop();
  using dir = temporaryDirectory();
  const publisher = spooling(server, dir.path, { spoolSegmentBytes: 50_000 });
  for (let i = 0; i < 1_000; i++) publisher.emit(upload(i, 'acme'));
  expect(await publisher.close({ timeoutMs: 50 })).toMatchObject({ spooled: 1_000 });
  const files = segments(dir.files()).map((file) => join(dir.path, file));
  expect(files.length).toBeGreaterThanOrEqual(5);
  const [flipped, headless, torn, garbage] = files as [string, string, string, string];
  const bytes = readFileSync(flipped);
  bytes[1_000] = (bytes[1_000] as number) ^ 1;
  writeFileSync(flipped, bytes);
  writeFileSync(headless, readFileSync(headless).fill('x', 0, 5));
  appendFileSync(torn, '0badc0de 77 audit.x');
  writeFileSync(garbage, Buffer.concat([readFileSync(garbage), Buffer.alloc(300_000, 1), Buffer.from('\n')]));
  await server.restart();
  await using last = await drain(server, dir.path);
  const stats = last.stats().spool;
  console.log('damaged segments:', stats);
  expect(stats).toMatchObject({ quarantined: 3, adopted: { acked: 1_000, damaged: 3, torn: 1, dropped: 0 } });
  expect((await readDelivered(await server.connect())).length).toBe(999);
  expect(dir.files().filter((file) => file.startsWith('quarantine')).length).toBe(3);
});

test('two processes on one directory do not touch each other, and a third adopts from both', async () => {
  await using server = await startNats();
  await createAudit(await server.connect());
  await server.stop();
  using dir = temporaryDirectory();
  const options = { servers: server.url, spoolDir: dir.path, durability: 'sync' as const };
  await using one = startEmitter({ options });
  await using two = startEmitter({ options });
  await expect.poll(() => Math.min(one.returned(), two.returned())).toBeGreaterThan(500);
  await using watcher = spooling(server, dir.path);
  await expect.poll(() => dir.files().filter((file) => file.endsWith('lock')).length).toBe(3);
  expect(watcher.stats().spool?.adopted).toMatchObject({ found: 0, segments: 0 });
  await Promise.all([one.kill9(), two.kill9()]);
  const returned = one.returned() + two.returned();
  await server.restart();
  await using last = await drain(server, dir.path);
  const stored = await readDelivered(await server.connect());
  console.log(`two processes: ${returned} emits returned, ${stored.length} stored`, last.stats().spool?.adopted);
  expect(stored.length).toBeGreaterThanOrEqual(returned);
  expect(stored.length).toBeLessThanOrEqual(returned + 2);
  expect(new Set(stored.map(({ msgId }) => msgId)).size).toBe(stored.length);
});
