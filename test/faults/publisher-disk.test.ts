import type { Publisher } from '@waybill/publisher';
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { spooling, upload } from '../support/publishers.ts';
import { until } from '../support/until.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { createAudit, expectBalanced, expectOnceInOrder, readDelivered } from '../support/audit-stream.ts';
import { needsOwnServer, startNats, type TestNats } from '../support/nats.ts';
import { PATIENT } from '../support/time.ts';

/**
 * Disks that do not take a spool. The promise: memory goes on and `status` says why; what has no place is dropped and
 * counted; the disk is used again once it can be, and nothing is reordered.
 */

beforeEach(needsOwnServer);

const isRoot = process.getuid?.() === 0;

/**
 * Root writes whatever a mode says, so for root it is a file system of its own.
 *
 * @returns why it cannot be done, or null
 */
function setReadOnly(path: string): string | null {
  if (process.platform === 'win32') return 'no such modes there';
  if (!isRoot) {
    chmodSync(path, 0o500);
    return null;
  }
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'ro,size=16m', 'tmpfs', path], { stdio: 'pipe' });
    return null;
  } catch (error) {
    return String(error);
  }
}

function setWritable(path: string): void {
  if (isRoot) execFileSync('mount', ['-o', 'remount,rw', path]);
  else chmodSync(path, 0o700);
}

/** The promise of a spool that cannot be written. @param mend makes it writable */
async function expectDegradedUntil(server: TestNats, publisher: Publisher, mend: () => void): Promise<void> {
  for (let i = 0; i < 100; i++) publisher.emit(upload(i));
  expect(await publisher.flush(PATIENT)).toBe(true);
  const { state, reason } = publisher.status();
  expect({ state, reason }).toEqual({ state: 'degraded', reason: expect.stringContaining('spool: ') });
  expect(publisher.stats().spool).toMatchObject({ bytes: 0, segments: 0 });
  mend();
  // A confirmation that the disk refuses may be of an event that memory takes: it counts as emitted.
  const level = 'spooled';
  await until('the disk to take an event', () =>
    publisher.confirm(upload(100, 'later'), { level, ...PATIENT }).then(
      (confirmed) => confirmed.level === level,
      () => false,
    ),
  );
  await expect.poll(() => publisher.status()).toEqual({ state: 'connected' });
  const stats = publisher.stats();
  expectBalanced(stats);
  console.log(`${stats.emitted} emitted, ${stats.acked} acknowledged; before it was mended: ${reason}`);
  expect(stats.dropped.queue_full).toBe(0);
  expect(await publisher.flush(PATIENT)).toBe(true);
  expectOnceInOrder(await readDelivered(await server.connect()), publisher.stats().emitted);
}

test('a full disk degrades to memory and recovers by itself', async ({ skip }) => {
  await using server = await startNats();
  await createAudit(await server.connect());
  await server.stop();
  using dir = temporaryDirectory();
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', dir.path], { stdio: 'pipe' });
  } catch (error) {
    skip(`no small file system can be mounted here: ${String(error)}`);
  }
  try {
    const filler = join(dir.path, 'filler');
    await using publisher = spooling(server, dir.path, {
      durability: 'sync',
      maxQueueEvents: 500,
      spoolRetryMs: 20,
      spoolSegmentBytes: 100_000,
    });
    for (let i = 0; i < 3_000; i++) publisher.emit(upload(i, 'acme'));
    const full = publisher.stats();
    expectBalanced(full);
    expect(publisher.status()).toMatchObject({ state: expect.stringMatching(/connecting|degraded/) });
    expect(full.dropped.queue_full).toBeGreaterThan(0);
    expect(full.spooled).toBeGreaterThan(500);
    await server.restart();
    expect(await publisher.flush(PATIENT)).toBe(true);
    await expect.poll(() => publisher.stats().spool?.bytes).toBeLessThan(100_000);
    const { seq } = await publisher.confirm(upload(3_000, 'acme'), PATIENT);
    expect(publisher.status()).toEqual({ state: 'connected', holes: full.dropped.queue_full });
    const end = publisher.stats();
    expectBalanced(end);
    console.log(`full disk: ${full.spooled} on disk, ${full.pending} in memory, ${full.dropped.queue_full} dropped`);
    const stored = await readDelivered(await server.connect());
    expect(stored.length).toBe(end.acked);
    expect(seq).toBe(end.acked);
    const sequences = stored.map(({ event }) => Number(event.producerseq));
    expect(sequences).toEqual(sequences.toSorted((a, b) => a - b));
    expect(dir.files()).not.toContain(filler);
  } finally {
    execFileSync('umount', [dir.path]);
  }
});

test('a spool that has its bytes takes no more, and takes again what fits', async () => {
  await using server = await startNats();
  await createAudit(await server.connect());
  await server.stop();
  using dir = temporaryDirectory();
  await using publisher = spooling(server, dir.path, {
    maxQueueEvents: 400,
    maxSpoolBytes: 300_000,
    spoolSegmentBytes: 50_000,
  });
  for (let i = 0; i < 2_000; i++) publisher.emit(upload(i, 'acme'));
  const full = publisher.stats();
  expectBalanced(full);
  expect(full.spool?.bytes).toBeLessThanOrEqual(300_000);
  expect(full.dropped.queue_full).toBeGreaterThan(500);
  await server.restart();
  expect(await publisher.flush(PATIENT)).toBe(true);
  expect(await publisher.confirm(upload(2_000, 'acme'), PATIENT)).toMatchObject({ stream: 'AUDIT' });
  const stored = await readDelivered(await server.connect());
  console.log(`quota: ${full.spooled} on disk, ${full.pending} in memory, ${full.dropped.queue_full} dropped`);
  expect(stored.length).toBe(publisher.stats().acked);
  const sequences = stored.map(({ event }) => Number(event.producerseq));
  expect(sequences).toEqual(sequences.toSorted((a, b) => a - b));
});

test('a file in the place of the directory: memory only, said in status, and used once it is gone', async () => {
  await using server = await startNats();
  await createAudit(await server.connect());
  using dir = temporaryDirectory();
  const spoolDir = join(dir.path, 'spool');
  writeFileSync(spoolDir, '');
  await using publisher = spooling(server, spoolDir, { durability: 'sync', spoolRetryMs: 20 });
  await expectDegradedUntil(server, publisher, () => rmSync(spoolDir));
});

test('a read-only directory: memory only, said in status, and used once it can be written', async ({ skip }) => {
  await using server = await startNats();
  await createAudit(await server.connect());
  using dir = temporaryDirectory();
  const problem = setReadOnly(dir.path);
  if (problem !== null) skip(`no directory can be made read-only for this user: ${problem}`);
  try {
    await using publisher = spooling(server, dir.path, { durability: 'sync', spoolRetryMs: 20 });
    await expectDegradedUntil(server, publisher, () => setWritable(dir.path));
  } finally {
    setWritable(dir.path);
    if (isRoot) execFileSync('umount', [dir.path]);
  }
});
