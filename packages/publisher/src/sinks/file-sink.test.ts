import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempDisposableSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { artifactUploaded, verify } from '@waybill/schema';
import { describe, expect, test } from 'vitest';
import type { Drop } from '../drop.ts';
import { createSigner } from '../signing/signer.ts';
import { openChainFile } from './chain-file.ts';
import type { FileSinkOptions } from './file-sink-options.ts';
import { fileSink } from './file-sink.ts';

const digestOf = (n: number) => `sha256:${n.toString(16).padStart(64, '0')}`;
const upload = (n: number, orgid = 'acme') => artifactUploaded({ orgid, digest: digestOf(n), size_bytes: n });
const skipped = (n: number) => artifactUploaded({ orgid: 'acme', digest: digestOf(n), skipped: true });
const folderOf = () => mkdtempDisposableSync(join(tmpdir(), 'waybill-file-'));
const linesOf = (folder: string, orgid = 'acme') =>
  readFileSync(join(folder, `${orgid}.ndjson`), 'utf8')
    .split('\n')
    .slice(0, -1);

function sinkIn(directory: string, more: Partial<FileSinkOptions> = {}) {
  const warnings: string[] = [];
  const logger = {
    info: () => {},
    warn: (fields: object, message: string) => void warnings.push(`${message} ${JSON.stringify(fields)}`),
  };
  return { sink: fileSink({ source: '//cas', directory, logger, backoffMaxMs: 5, ...more }), warnings };
}

test('events of no organization are a chain of their own, which moved nothing', async () => {
  using folder = folderOf();
  const { sink } = sinkIn(folder.path);
  const of = { orgid: '_unattributed', claimedorg: 'a.b', digest: digestOf(1) };
  await sink.confirm(artifactUploaded({ ...of, size_bytes: 5 }));
  await sink.confirm(artifactUploaded({ ...of, skipped: true }));
  await sink.close();
  const report = verify(linesOf(folder.path, '_unattributed'), { orgid: '_unattributed' });
  expect(report).toMatchObject({ verdict: 'ok', totals: { events: '2', uploads: { count: '0', bytes: '0' } } });
});

test('a chain per organization, which goes on when the sink is opened again', async () => {
  using folder = folderOf();
  for (let start = 0; start < 3; start++) {
    const { sink } = sinkIn(folder.path);
    for (let i = 1; i <= 300; i++) sink.emit(upload(i));
    sink.emit(upload(1, 'bolt'));
    // Its size was stated by an upload before, in the second round by one before the restart.
    sink.emit(skipped(start * 10 + 10));
    expect(await sink.confirm(upload(7))).toEqual({ stream: 'FILE', seq: 303 * start + 302, duplicate: false });
    expect(await sink.flush()).toBe(true);
    expect(sink.stats()).toEqual({ emitted: 303, written: 303, pending: 0, dropped: 0 });
    await sink.close();
  }
  expect(verify(linesOf(folder.path), { orgid: 'acme' })).toMatchObject({
    verdict: 'ok',
    entries: 909,
    totals: { uploads: { count: '903' }, deduplicated: { count: '3', bytes: '60', unknown: '0' } },
  });
  expect(verify(linesOf(folder.path, 'bolt'))).toMatchObject({ verdict: 'ok', entries: 6, open: [] });
  expect(statSync(join(folder.path, 'acme.ndjson')).mode & 0o777).toBe(0o600);
});

test.each([1, 10, 100, 700])('a last line that is torn %d bytes before its end is cut off', async (missing) => {
  using folder = folderOf();
  const path = join(folder.path, 'acme.ndjson');
  const first = sinkIn(folder.path).sink;
  for (let i = 1; i <= 4; i++) await first.confirm(upload(i));
  const journal = readFileSync(join(folder.path, 'acme.waybill-state'));
  await first.confirm(upload(5));
  const { size } = statSync(path);
  await first.close();
  truncateSync(path, size - missing);
  // The journal has an entry once it is synced.
  writeFileSync(join(folder.path, 'acme.waybill-state'), journal);
  const { sink } = sinkIn(folder.path);
  expect(await sink.confirm(upload(6))).toMatchObject({ seq: 5 });
  await sink.close();
  expect(verify(linesOf(folder.path))).toMatchObject({ verdict: 'ok', entries: 6 });
});

test('a torn first line leaves an empty chain', async () => {
  using folder = folderOf();
  writeFileSync(join(folder.path, 'acme.ndjson'), '{"core":{"event_hash":"');
  const { sink } = sinkIn(folder.path);
  expect(await sink.confirm(upload(1))).toMatchObject({ seq: 1 });
  await sink.close();
  expect(verify(linesOf(folder.path))).toMatchObject({ verdict: 'ok', entries: 2 });
});

test('a chain that does not verify is not appended to', async () => {
  using folder = folderOf();
  const path = join(folder.path, 'acme.ndjson');
  const first = sinkIn(folder.path).sink;
  for (let i = 1; i <= 3; i++) first.emit(upload(i));
  await first.close();
  const text = readFileSync(path, 'utf8').replace('"size_bytes":2', '"size_bytes":9');
  writeFileSync(path, text);
  const drops: Drop[] = [];
  const { sink, warnings } = sinkIn(folder.path, { onDrop: (drop) => void drops.push(drop) });
  await expect(sink.confirm(upload(4))).rejects.toMatchObject({
    code: 'NOT_WRITTEN',
    message: expect.stringContaining('is tampered at entry 2'),
  });
  expect(sink.stats()).toMatchObject({ emitted: 1, dropped: 1 });
  expect(drops).toMatchObject([{ reason: 'not_written', orgid: 'acme', producerseq: '1' }]);
  expect(warnings.join()).toMatch(/event dropped .*is tampered at entry 2/);
  expect(warnings.join()).not.toContain('queued');
  await sink.close();
  expect(readFileSync(path, 'utf8')).toBe(text);
});

test('what somebody else appends is seen before anything is written after it', async () => {
  using folder = folderOf();
  const { sink } = sinkIn(folder.path);
  await sink.confirm(upload(1));
  await appendFile(join(folder.path, 'acme.ndjson'), 'x\n');
  await expect(sink.confirm(upload(2))).rejects.toMatchObject({ code: 'NOT_WRITTEN' });
  await sink.close();
});

test('what is emitted before the key is there is signed before it is written; without a key it is written all the same', async () => {
  const key = Promise.withResolvers<string>();
  for (const [getSecret, count] of [
    [() => key.promise, 301],
    [() => Promise.reject(new Error('no vault')), 0],
  ] as const) {
    using folder = folderOf();
    const { sink } = sinkIn(folder.path, { signer: createSigner({ getSecret }) });
    for (let i = 1; i <= 300; i++) sink.emit(upload(i));
    key.resolve(Buffer.alloc(32, 7).toString('base64'));
    expect(await sink.flush({ timeoutMs: 60_000 })).toBe(true);
    await sink.close();
    const lines = linesOf(folder.path);
    const report = verify(lines, { orgid: 'acme' });
    expect([report.verdict, lines.length]).toEqual(['ok', 301]);
    expect(lines.filter((line) => line.includes('"signature":"'))).toHaveLength(count);
  }
});

test('flush waits for what was emitted before it, not for what comes meanwhile', async () => {
  using folder = folderOf();
  const { sink } = sinkIn(folder.path);
  let more = true;
  const emitOn = (): void => {
    if (!more) return;
    // No more than a slow disk may keep waiting.
    if (sink.stats().pending < 1_000) sink.emit(upload(1));
    setImmediate(emitOn);
  };
  emitOn();
  for (let i = 0; i < 5; i++) expect(await sink.flush()).toBe(true);
  more = false;
  await sink.close();
  expect(sink.stats()).toMatchObject({ pending: 0, dropped: 0 });
});

describe('trouble', () => {
  test('a file that cannot be written is tried again, and nothing is lost or doubled', async () => {
    using folder = folderOf();
    const inTheWay = join(folder.path, 'acme.ndjson');
    mkdirSync(inTheWay);
    const { sink, warnings } = sinkIn(folder.path, { maxQueueEvents: 10 });
    for (let i = 1; i <= 12; i++) sink.emit(upload(i));
    await expect(sink.confirm(upload(13))).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    await expect.poll(() => warnings.join()).toContain('EISDIR');
    expect(await sink.flush({ timeoutMs: 1 })).toBe(false);
    rmSync(inTheWay, { recursive: true });
    expect(await sink.flush()).toBe(true);
    expect(sink.stats()).toEqual({ emitted: 13, written: 10, pending: 0, dropped: 3 });
    expect(await sink.confirm(upload(14))).toMatchObject({ seq: 11 });
    await sink.close();
    expect(verify(linesOf(folder.path))).toMatchObject({ verdict: 'incomplete', entries: 12, missing: '3' });
  });

  test('entries of an append that failed are cut off before it is done again', async () => {
    using folder = folderOf();
    const path = join(folder.path, 'acme.ndjson');
    const { sink } = sinkIn(folder.path);
    await sink.confirm(upload(1));
    const journal = readFileSync(join(folder.path, 'acme.waybill-state'));
    const { size, dev, ino } = statSync(path, { bigint: true });
    await sink.confirm(upload(2));
    await sink.close();
    // The journal has no entry of such an append.
    writeFileSync(join(folder.path, 'acme.waybill-state'), journal);
    const goodPart = { bytes: Number(size), dev, ino };
    const again = await openChainFile({ path, orgid: 'acme', goodPart, failed: () => {} });
    expect([again.seq, statSync(path).size]).toEqual([1, Number(size)]);
  });

  test('close gives up what cannot be written, and tells each', async () => {
    using folder = folderOf();
    mkdirSync(join(folder.path, 'acme.ndjson'));
    const drops: Drop[] = [];
    const { sink } = sinkIn(folder.path, { onDrop: (drop) => void drops.push(drop) });
    const confirmed = sink.confirm(upload(1)).catch((error: unknown) => error);
    await sink.close({ timeoutMs: 1 });
    expect(await confirmed).toMatchObject({ code: 'CLOSED' });
    expect(drops).toMatchObject([{ reason: 'closed', orgid: 'acme', type: 'casartifact.uploaded', producerseq: '1' }]);
    expect(sink.stats()).toEqual({ emitted: 1, written: 0, pending: 0, dropped: 1 });
    await expect(sink.confirm(upload(1))).rejects.toMatchObject({ code: 'CLOSED' });
  });

  test("a directory that was another container's a moment ago is waited for: nothing is written before, nothing is lost", async () => {
    using folder = folderOf();
    const path = join(folder.path, 'waybill.lock');
    writeFileSync(path, JSON.stringify({ pid: process.pid, started: '1', scope: 'another pid namespace' }));
    const { sink, warnings } = sinkIn(folder.path);
    const confirmed = sink.confirm(upload(1));
    await expect.poll(() => warnings.join()).toContain("another container's less than a minute ago");
    expect(sink.stats()).toMatchObject({ pending: 1 });
    expect(existsSync(join(folder.path, 'acme.ndjson'))).toBe(false);
    const longAgo = new Date(Date.now() - 61_000);
    utimesSync(path, longAgo, longAgo);
    expect(await confirmed).toMatchObject({ seq: 1 });
    await sink.close();
    // One that never gets it gives up its events when it is closed, and leaves the lock alone.
    writeFileSync(path, JSON.stringify({ pid: 1, started: '1', scope: 'another pid namespace' }));
    const late = sinkIn(folder.path).sink;
    late.emit(upload(2));
    await late.close({ timeoutMs: 1 });
    expect(late.stats()).toMatchObject({ pending: 0, dropped: 1 });
    expect(existsSync(path)).toBe(true);
  });

  test('a second sink in the directory waits until the first is closed, says so, and goes on with its chains', async () => {
    using folder = folderOf();
    const first = sinkIn(folder.path).sink;
    await first.confirm(upload(1));
    const { sink: second, warnings } = sinkIn(folder.path, { maxQueueEvents: 2 });
    const reason = `process ${process.pid} has ${folder.path}`;
    expect(warnings.join()).toContain(reason);
    for (let i = 2; i <= 3; i++) second.emit(upload(i));
    await expect(second.confirm(upload(4), { timeoutMs: 1 })).rejects.toMatchObject({
      code: 'QUEUE_FULL',
      message: expect.stringContaining(reason),
    });
    expect(await second.flush({ timeoutMs: 1 })).toBe(false);
    await first.confirm(upload(5));
    await first.close();
    expect(await second.flush({ timeoutMs: 60_000 })).toBe(true);
    await second.close();
    expect(existsSync(join(folder.path, 'waybill.lock'))).toBe(false);
    expect(second.stats()).toEqual({ emitted: 3, written: 2, pending: 0, dropped: 1 });
    expect(verify(linesOf(folder.path))).toMatchObject({ verdict: 'incomplete', missing: '1', entries: 6, open: [] });
  });
});

test('kill -9 while writing: what was confirmed is there, and the chain verifies and goes on', async () => {
  using folder = folderOf();
  const program = `
    import { artifactUploaded } from '@waybill/publisher';
    import { fileSink } from '@waybill/publisher/sinks';
    const sink = fileSink({ source: '//x', directory: ${JSON.stringify(folder.path)} });
    for (let i = 1; ; i++) {
      for (let j = 0; j < 20; j++) sink.emit(artifactUploaded({ orgid: 'acme', digest: 'sha256:' + '0'.repeat(64), size_bytes: i }));
      const { seq } = await sink.confirm(artifactUploaded({ orgid: 'acme', digest: 'sha256:' + '0'.repeat(64), size_bytes: i }));
      process.stdout.write(seq + '\\n');
    }
  `;
  let confirmed = 0;
  for (let round = 0; round < 4; round++) {
    const args = ['--conditions=source', '--input-type=module', '--eval', program];
    const child = spawn(process.execPath, args, {
      cwd: join(import.meta.dirname, '../../../../test'),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    const before = confirmed;
    await expect.poll(() => Number(output.trimEnd().split('\n').at(-1))).toBeGreaterThan(before + 100);
    child.kill('SIGKILL');
    await once(child, 'close');
    confirmed = Number(output.slice(0, output.lastIndexOf('\n')).split('\n').at(-1));
    const report = verify(linesOf(folder.path));
    expect(report.verdict).toBe('ok');
    expect(report.entries).toBeGreaterThanOrEqual(confirmed);
  }
});

test('a second process in the directory waits while the first one lives, and goes on at once when that is killed', async () => {
  using folder = folderOf();
  const program = `
    import { artifactUploaded } from '@waybill/publisher';
    import { fileSink } from '@waybill/publisher/sinks';
    const sink = fileSink({ source: '//x', directory: ${JSON.stringify(folder.path)} });
    await sink.confirm(artifactUploaded({ orgid: 'acme', digest: 'sha256:' + '0'.repeat(64), size_bytes: 1 }));
    process.stdout.write('written\\n');
    setInterval(() => {}, 1000);
  `;
  const child = spawn(process.execPath, ['--conditions=source', '--input-type=module', '--eval', program], {
    cwd: join(import.meta.dirname, '../../../../test'),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  const { sink, warnings } = sinkIn(folder.path);
  sink.emit(upload(2));
  expect(warnings.join()).toContain(`process ${child.pid} has ${folder.path}`);
  await expect(sink.confirm(upload(3), { timeoutMs: 50 })).rejects.toMatchObject({
    code: 'TIMEOUT',
    message: expect.stringContaining(`process ${child.pid} has`),
  });
  child.kill('SIGKILL');
  await once(child, 'close');
  expect(await sink.flush({ timeoutMs: 60_000 })).toBe(true);
  expect(sink.stats()).toEqual({ emitted: 2, written: 2, pending: 0, dropped: 0 });
  await sink.close();
  expect(verify(linesOf(folder.path))).toMatchObject({ verdict: 'ok', entries: 4, open_count: 1 });
});

test('close gives the sums of the whole life', async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'waybill-sums-'));
  const sink = fileSink({ source: '//x', directory: folder.path, logger: { info: () => {}, warn: () => {} } });
  const digest = `sha256:${'a'.repeat(64)}`;
  for (let i = 0; i < 5; i++) sink.emit(artifactUploaded({ orgid: 'acme', digest }));
  for (let i = 0; i < 2; i++) sink.emit(artifactUploaded({ orgid: 'acme', digest: 'none' }));
  expect(await sink.close()).toEqual({ written: 5, lost: 2 });
  sink.emit(artifactUploaded({ orgid: 'acme', digest }));
  expect(await sink.close()).toEqual({ written: 5, lost: 2 });
});

const circle: { within?: object } = {};
circle.within = circle;

test.each([
  ['', '""'],
  [1n, 'a bigint'],
  [circle, 'an object'],
  [undefined, 'undefined'],
])('a directory that is %s is INVALID_OPTIONS', (directory, shown) => {
  expect(() => fileSink({ source: '//x', directory: directory as never })).toThrow(
    expect.objectContaining({
      code: 'INVALID_OPTIONS',
      message: `fileSink: directory is ${shown}, expected the path of a folder`,
    }),
  );
});
