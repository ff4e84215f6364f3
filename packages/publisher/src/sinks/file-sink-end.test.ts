import { mkdirSync, mkdtempDisposableSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { artifactUploaded, parseEntry, verify } from '@waybill/schema/internal';
import { expect, test } from 'vitest';
import type { Drop } from '../drop.ts';
import type { FileSinkOptions } from './file-sink-options.ts';
import { fileSink } from './file-sink.ts';

/** The end of a `fileSink`: `producer.closed`, the last entry of each organization. */

const upload = (orgid = 'acme') => artifactUploaded({ orgid, digest: `sha256:${'a'.repeat(64)}`, size_bytes: 1 });
const broken = () => artifactUploaded({ orgid: 'acme', digest: 'none' });
const folderOf = () => mkdtempDisposableSync(join(tmpdir(), 'waybill-end-'));
const linesOf = (folder: string, orgid = 'acme') =>
  readFileSync(join(folder, `${orgid}.ndjson`), 'utf8')
    .split('\n')
    .slice(0, -1);
const typesOf = (folder: string, orgid?: string) =>
  linesOf(folder, orgid).map((line) => parseEntry(line).event?.['type']);

function sinkIn(directory: string, more: Partial<FileSinkOptions> = {}) {
  const warnings: string[] = [];
  const drops: Drop[] = [];
  const logger = { info: () => {}, warn: (_: object, message: string) => void warnings.push(message) };
  const onDrop = (drop: Drop) => void drops.push(drop);
  return { sink: fileSink({ source: '//cas', directory, logger, onDrop, ...more }), warnings, drops };
}

test('it is the last entry of each organization, has the next number, and is in no sum', async () => {
  using folder = folderOf();
  const { sink, drops } = sinkIn(folder.path);
  sink.emit(upload());
  sink.emit(upload('bolt'));
  sink.emit(upload());
  // Its number is the last one before the end: without an end, nobody could tell.
  sink.emit(broken());
  const closed = [sink.close(), sink.close()];
  expect(await Promise.all(closed)).toEqual([
    { written: 3, lost: 1 },
    { written: 3, lost: 1 },
  ]);
  expect(sink.stats()).toEqual({ emitted: 4, written: 3, pending: 0, dropped: 1 });
  expect(drops).toMatchObject([{ reason: 'invalid', producerseq: '3' }]);
  expect(typesOf(folder.path)).toEqual(['casartifact.uploaded', 'casartifact.uploaded', 'producer.closed']);
  expect(typesOf(folder.path, 'bolt')).toEqual(['casartifact.uploaded', 'producer.closed']);
  expect(parseEntry(linesOf(folder.path).at(-1) as string).core.origin?.producerseq).toBe('4');
  expect(verify(linesOf(folder.path), { orgid: 'acme' })).toMatchObject({ missing: '1', open: [] });
});

test('a sink without an event has none', async () => {
  using folder = folderOf();
  const { sink, warnings } = sinkIn(folder.path);
  expect(await sink.close()).toEqual({ written: 0, lost: 0 });
  expect(() => linesOf(folder.path)).toThrow('ENOENT');
  expect(warnings).toEqual([]);
});

test('one that cannot be written is told in the log, once for all organizations, and to nobody else', async () => {
  using folder = folderOf();
  for (const orgid of ['acme', 'bolt']) mkdirSync(join(folder.path, `${orgid}.ndjson`));
  const { sink, warnings, drops } = sinkIn(folder.path);
  sink.emit(upload());
  sink.emit(upload('bolt'));
  expect(await sink.close({ timeoutMs: 1 })).toEqual({ written: 0, lost: 2 });
  expect(drops.map(({ type }) => type)).toEqual(['casartifact.uploaded', 'casartifact.uploaded']);
  expect(warnings.filter((one) => one.startsWith('the end of a publisher was not stored'))).toHaveLength(1);
});

test('what a callback emits meanwhile is too late, and comes after no end', async () => {
  using folder = folderOf();
  let isClosing = false;
  const { sink, drops } = sinkIn(folder.path, {
    clock() {
      if (isClosing) {
        isClosing = false;
        sink.emit(upload());
      }
      return Date.now();
    },
  });
  await sink.confirm(upload());
  isClosing = true;
  expect(await sink.close()).toEqual({ written: 1, lost: 1 });
  expect(drops).toMatchObject([{ reason: 'closed', detail: 'emitted after close()' }]);
  expect(typesOf(folder.path)).toEqual(['casartifact.uploaded', 'producer.closed']);
});
