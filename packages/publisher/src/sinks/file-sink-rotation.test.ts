import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  mkdtempDisposableSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { artifactUploaded, verify } from '@waybill/schema';
import { describe, expect, test, vi } from 'vitest';
import type { Drop } from '../drop.ts';
import type { FileSinkOptions } from './file-sink-options.ts';
import { fileSink } from './file-sink.ts';

/** What log rotation, operators and other programs do to the files of a running or stopped `fileSink`. */

const digestOf = (n: number) => `sha256:${n.toString(16).padStart(64, '0')}`;
const upload = (n: number, orgid = 'acme') => artifactUploaded({ orgid, digest: digestOf(n), size_bytes: n });
/** Its size is that of `upload(n)`, if that is known. */
const skipped = (n: number) => artifactUploaded({ orgid: 'acme', digest: digestOf(n), skipped: true });
const folderOf = () => mkdtempDisposableSync(join(tmpdir(), 'waybill-rotation-'));

function sinkIn(directory: string, more: Partial<FileSinkOptions> = {}) {
  const warnings: string[] = [];
  const drops: Drop[] = [];
  const logger = {
    info: () => {},
    warn: (fields: object, message: string) => void warnings.push(`${message} ${JSON.stringify(fields)}`),
  };
  const onDrop = (drop: Drop) => void drops.push(drop);
  return { sink: fileSink({ source: '//cas', directory, logger, onDrop, backoffMaxMs: 5, ...more }), warnings, drops };
}

/** One after the other: each is a write of its own. */
async function confirmAll(sink: ReturnType<typeof fileSink>, from: number, to: number): Promise<void> {
  for (let n = from; n <= to; n++) expect(await sink.confirm(upload(n))).toMatchObject({ seq: n });
}

const linesOf = (path: string) => readFileSync(path, 'utf8').split('\n').slice(0, -1);

const ROTATIONS: [name: string, rotate: (path: string, old: string) => void][] = [
  ['renamed', (path, old) => renameSync(path, old)],
  [
    'renamed, and an empty one made',
    (path, old) => {
      renameSync(path, old);
      writeFileSync(path, '');
    },
  ],
  [
    'copied and truncated',
    (path, old) => {
      copyFileSync(path, old);
      truncateSync(path);
    },
  ],
  [
    'deleted',
    (path, old) => {
      copyFileSync(path, old);
      rmSync(path);
    },
  ],
];

describe.each(ROTATIONS)('the file is %s', (_, rotate) => {
  test('while the sink runs: the new one goes on where the old one ended', async () => {
    using folder = folderOf();
    const [path, ...olds] = ['acme.ndjson', 'old.1', 'old.2', 'old.3'].map((name) => join(folder.path, name)) as [
      string,
      ...string[],
    ];
    const { sink, drops } = sinkIn(folder.path);
    let seq = 0;
    for (const old of olds) {
      await confirmAll(sink, seq + 1, seq + 3);
      seq += 3;
      rotate(path, old);
    }
    // Its size was said in a file that is gone.
    sink.emit(skipped(2));
    await sink.confirm(upload(11));
    await sink.close();
    expect(drops).toEqual([]);
    const all = [...olds, path].map(linesOf);
    expect(all.map(({ length }) => length)).toEqual([3, 3, 3, 3]);
    expect(verify(all.flat(), { orgid: 'acme' })).toMatchObject({
      verdict: 'ok',
      entries: 12,
      totals: { deduplicated: { count: '1', bytes: '2', unknown: '0' } },
    });
    expect(verify(all.at(-1) as string[], { fromSeq: 10 })).toMatchObject({ verdict: 'ok' });
  });

  test('while nobody runs: so does the next sink, with the sizes, and also after a restart in the new file', async () => {
    using folder = folderOf();
    const [path, old] = [join(folder.path, 'acme.ndjson'), join(folder.path, 'old')];
    const first = sinkIn(folder.path).sink;
    await confirmAll(first, 1, 3);
    await first.close();
    rotate(path, old);
    for (const [seq, n] of [
      [5, 1],
      [7, 2],
      [9, 3],
    ] as const) {
      const { sink, drops } = sinkIn(folder.path);
      expect(await sink.confirm(skipped(n))).toMatchObject({ seq });
      await sink.close();
      expect(drops).toEqual([]);
    }
    expect(verify([...linesOf(old), ...linesOf(path)], { orgid: 'acme' })).toMatchObject({
      verdict: 'ok',
      entries: 10,
      totals: { deduplicated: { count: '3', bytes: '6', unknown: '0' } },
    });
  });
});

test('what a failed transfer had moved is no size for what comes after it, also when its file is gone', async () => {
  using folder = folderOf();
  const [path, old] = [join(folder.path, 'acme.ndjson'), join(folder.path, 'old')];
  const digest = digestOf(1);
  const failed = { orgid: 'acme', digest, size_bytes: 9, outcome: 'failure', transferred_bytes: 4 } as const;
  const first = sinkIn(folder.path).sink;
  await first.confirm(artifactUploaded(failed));
  await first.confirm(skipped(1));
  await first.close();
  renameSync(path, old);
  const second = sinkIn(folder.path).sink;
  await second.confirm(skipped(1));
  await second.close();
  expect(verify([...linesOf(old), ...linesOf(path)], { orgid: 'acme' })).toMatchObject({
    verdict: 'ok',
    totals: { uploads: { count: '1', bytes: '4' }, deduplicated: { count: '2', bytes: '0', unknown: '2' } },
  });
});

test('everything in the directory is deleted while the sink runs: the chains go on, those of quiet organizations too', async () => {
  using folder = folderOf();
  const { sink, drops } = sinkIn(folder.path);
  await confirmAll(sink, 1, 3);
  await sink.confirm(upload(1, 'quiet'));
  for (const name of readdirSync(folder.path)) rmSync(join(folder.path, name));
  await confirmAll(sink, 4, 5);
  // At the next renewal the lock is found to be gone, and is taken anew; the files are read again then.
  await expect
    .poll(
      async () => {
        await sink.confirm(upload(6));
        return readdirSync(folder.path);
      },
      { interval: 200 },
    )
    .toContain('waybill.lock');
  expect(await sink.confirm(upload(2, 'quiet'))).toMatchObject({ seq: 2 });
  await sink.close();
  expect(drops).toEqual([]);
});

test('a file that somebody cut in the middle, or wrote to, is left as it is: its events are dropped, and each is told', async () => {
  using folder = folderOf();
  const path = join(folder.path, 'acme.ndjson');
  const { sink, drops, warnings } = sinkIn(folder.path);
  await confirmAll(sink, 1, 3);
  truncateSync(path, 700);
  const before = readFileSync(path);
  sink.emit(upload(4));
  sink.emit(upload(5));
  await expect(sink.confirm(upload(6))).rejects.toMatchObject({ code: 'NOT_WRITTEN' });
  expect(drops).toMatchObject([4, 5, 6].map((n) => ({ reason: 'not_written', orgid: 'acme', producerseq: `${n}` })));
  expect(warnings.join()).not.toContain('queued');
  expect(readFileSync(path)).toEqual(before);
  expect(sink.stats()).toMatchObject({ emitted: 6, written: 3, pending: 0, dropped: 3 });
  // Moved away, it is in nobody's way.
  renameSync(path, `${path}.damaged`);
  expect(await sink.confirm(upload(7))).toMatchObject({ seq: 4 });
  await sink.close();
});

test('a file that was made anew is not the chain that was written', async () => {
  using ours = folderOf();
  using others = folderOf();
  for (const [folder, n] of [
    [ours, 1],
    [others, 2],
  ] as const) {
    const { sink } = sinkIn(folder.path);
    await sink.confirm(upload(n));
    await sink.close();
  }
  copyFileSync(join(others.path, 'acme.ndjson'), join(ours.path, 'acme.ndjson'));
  const { sink } = sinkIn(ours.path);
  await expect(sink.confirm(upload(3))).rejects.toThrow('it is not the entry 2 that was written');
  await sink.close();
});

test.each([
  ['a note without an end', 'do not delete me'],
  ['JSON without an end', '{"total":1}'],
  ['lines', 'one\ntwo\n'],
])("somebody else's file of that name is not touched: %s", async (_, content) => {
  using folder = folderOf();
  const path = join(folder.path, 'acme.ndjson');
  writeFileSync(path, content);
  const { sink, drops } = sinkIn(folder.path);
  await expect(sink.confirm(upload(1))).rejects.toMatchObject({ code: 'NOT_WRITTEN' });
  await sink.close();
  expect(readFileSync(path, 'utf8')).toBe(content);
  expect(drops).toMatchObject([{ reason: 'not_written' }]);
});

test("other people's files in the directory stay as they are", async () => {
  using folder = folderOf();
  const theirs = { lock: '4242', 'acme.state': 'a\nb\n', 'acme.ndjson.1': 'x', 'notes.txt': 'y' };
  for (const [name, content] of Object.entries(theirs)) writeFileSync(join(folder.path, name), content);
  mkdirSync(join(folder.path, 'blobs'));
  symlinkSync(join(folder.path, 'missing'), join(folder.path, 'link'));
  const { sink } = sinkIn(folder.path);
  await confirmAll(sink, 1, 2);
  await sink.close();
  for (const [name, content] of Object.entries(theirs)) {
    expect(readFileSync(join(folder.path, name), 'utf8')).toBe(content);
  }
  expect(readdirSync(folder.path).toSorted()).toEqual(
    ['acme.ndjson', 'acme.waybill-state', 'blobs', 'link', ...Object.keys(theirs)].toSorted(),
  );
});

test.runIf(process.platform === 'linux')(
  'the name of a new file is synced before its first event is confirmed, and those of new folders',
  async () => {
    using folder = folderOf();
    await using file = await open(folder.path);
    const synced: string[] = [];
    const prototype = Object.getPrototypeOf(file) as typeof file;
    const { sync } = prototype;
    const spy = vi.spyOn(prototype, 'sync').mockImplementation(async function (this: typeof file) {
      synced.push(readlinkSync(`/proc/self/fd/${this.fd}`));
      return sync.call(this);
    });
    try {
      const directory = join(folder.path, 'a', 'b');
      const { sink } = sinkIn(directory);
      await sink.confirm(upload(1));
      expect(synced).toEqual([join(folder.path, 'a'), folder.path, directory]);
      await sink.confirm(upload(2));
      expect(synced).toHaveLength(3);
      renameSync(join(directory, 'acme.ndjson'), join(directory, 'old'));
      await sink.confirm(upload(3));
      expect(synced).toHaveLength(4);
      await sink.close();
    } finally {
      spy.mockRestore();
    }
  },
);

test('a journal with spoiled lines, or none, costs nothing while the file is there', async () => {
  using folder = folderOf();
  const journal = join(folder.path, 'acme.waybill-state');
  const first = sinkIn(folder.path).sink;
  await confirmAll(first, 1, 2);
  await first.close();
  appendFileSync(journal, '{"last":{"core"');
  const second = sinkIn(folder.path).sink;
  await confirmAll(second, 4, 5);
  await second.close();
  rmSync(journal);
  const third = sinkIn(folder.path).sink;
  await confirmAll(third, 7, 8);
  await third.close();
  renameSync(join(folder.path, 'acme.ndjson'), join(folder.path, 'old'));
  const fourth = sinkIn(folder.path).sink;
  expect(await fourth.confirm(upload(10))).toMatchObject({ seq: 10 });
  await fourth.close();
});

test("another's file that is there after a failed write is not cut to the length of ours", async () => {
  using folder = folderOf();
  const path = join(folder.path, 'acme.ndjson');
  const { sink, drops, warnings } = sinkIn(folder.path);
  await confirmAll(sink, 1, 2);
  renameSync(path, `${path}.1`);
  // No file: the write fails.
  mkdirSync(path);
  const third = sink.confirm(upload(3)).catch((error: unknown) => error);
  await expect.poll(() => warnings.join()).toContain('EISDIR');
  const content = 'a line of somebody else\n'.repeat(1_000);
  writeFileSync(`${path}.new`, content);
  rmSync(path, { recursive: true });
  renameSync(`${path}.new`, path);
  expect(await third).toMatchObject({ code: 'NOT_WRITTEN' });
  await sink.close();
  expect(readFileSync(path, 'utf8')).toBe(content);
  expect(drops).toMatchObject([{ reason: 'not_written' }]);
});

test.each(['while the sink runs', 'before it starts'])(
  'an older copy is put back %s: no number is given twice',
  async (when) => {
    using folder = folderOf();
    const path = join(folder.path, 'acme.ndjson');
    let { sink } = sinkIn(folder.path);
    await confirmAll(sink, 1, 3);
    copyFileSync(path, `${path}.copy`);
    await confirmAll(sink, 4, 6);
    // The end of the first sink is entry 7.
    const last = when === 'before it starts' ? 7 : 6;
    if (when === 'before it starts') await sink.close();
    copyFileSync(path, `${path}.whole`);
    copyFileSync(`${path}.copy`, path);
    if (when === 'before it starts') ({ sink } = sinkIn(folder.path));
    for (const n of [7, 8]) {
      await expect(sink.confirm(upload(n))).rejects.toThrow(`ends at entry 3, and ${last} were written`);
    }
    expect(readFileSync(path)).toEqual(readFileSync(`${path}.copy`));
    // The right one is put back.
    renameSync(`${path}.whole`, path);
    expect(await sink.confirm(upload(9))).toMatchObject({ seq: last + 1 });
    await sink.close();
  },
);

test('a file that was truncated between a look at it and the write goes on, and costs no event', async () => {
  using folder = folderOf();
  const path = join(folder.path, 'acme.ndjson');
  const { sink, drops, warnings } = sinkIn(folder.path);
  await confirmAll(sink, 1, 4);
  const lines = linesOf(path);
  // What is left of it then: entry 4 alone.
  writeFileSync(path, `${lines[3]}\n`);
  await confirmAll(sink, 5, 6);
  await sink.close();
  expect(linesOf(path)).toHaveLength(4);
  expect([drops, warnings]).toEqual([[], []]);
});
