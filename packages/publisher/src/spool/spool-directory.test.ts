import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  lstatSync,
  mkdirSync,
  mkdtempDisposableSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { artifactUploaded } from '@waybill/schema';
import { expect, test } from 'vitest';
import { writeLock } from '../directory/directory-lock.ts';
import type { Publisher } from '../handle.ts';
import type { PublisherOptions } from '../options.ts';
import { createPublisher } from '../publisher/publisher.ts';
import { fileSink } from '../sinks/file-sink.ts';
import { markHome, moveToQuarantine, readDirectory } from './spool-directory.ts';
import { openHome } from './spool-home.ts';

const folderOf = () => mkdtempDisposableSync(join(tmpdir(), 'waybill-homes-'));
const OLD = new Date(Date.now() - 2 * 3_600_000);
const upload = (n: number) =>
  artifactUploaded({ orgid: 'acme', digest: `sha256:${n.toString(16).padStart(64, '0')}`, size_bytes: n });

/** A publisher that is never connected. */
function spooling(spoolDir: string, more: Partial<PublisherOptions> = {}) {
  const lines: { fields: object; message: string }[] = [];
  const logger = { info: () => {}, warn: (fields: object, message: string) => void lines.push({ fields, message }) };
  const publisher = createPublisher({
    source: '//x',
    connection: 'later',
    spoolDir,
    logger,
    durability: 'sync',
    ...more,
  });
  return { publisher, lines };
}

const adopted = (publisher: Publisher) => publisher.stats().spool?.adopted;

/** Leaves `events` of a publisher that was closed, in a home of this name. */
async function leaveHome(dir: string, producer: string, events = 3): Promise<void> {
  const { publisher } = spooling(dir, { producer });
  for (let n = 0; n < events; n++) publisher.emit(upload(n));
  await publisher.close({ timeoutMs: 1 });
}

/** Everything below a directory, with what it is: files by content, links by where they lead. */
function contentOf(dir: string): Record<string, string> {
  const content: Record<string, string> = {};
  for (const name of readdirSync(dir, { recursive: true, encoding: 'utf8' })) {
    const path = join(dir, name);
    const stat = lstatSync(path);
    if (stat.isSymbolicLink()) content[name] = `-> ${readlinkSync(path)}`;
    else content[name] = stat.isDirectory() ? '/' : readFileSync(path, 'latin1');
  }
  return content;
}

/** What could be in a directory that somebody gives us by mistake. */
async function putTheirs(dir: string, elsewhere: string): Promise<void> {
  for (const name of [
    'blobs',
    'lost+found',
    'empty',
    '.new-things',
    '.new-boot.abcdef',
    'claimed-x',
    '.git',
    'quarantine',
  ]) {
    mkdirSync(join(dir, name));
  }
  writeFileSync(join(dir, 'blobs', 'a'), 'a blob');
  mkdirSync(join(dir, 'blobs', 'deep'));
  writeFileSync(join(dir, 'blobs', 'deep', 'x.seg'), 'a segment of a film');
  // As a spool names its own, but without the marker.
  mkdirSync(join(dir, 'boot-9'));
  writeFileSync(join(dir, 'boot-9', 'boot-9.0000000000000000.seg'), 'waybill-spool 1\n');
  mkdirSync(join(dir, 'marked-otherwise'));
  writeFileSync(join(dir, 'marked-otherwise', 'waybill-spool'), 'another program called waybill-spool\n');
  for (const name of ['lock', 'notes.txt', 'x.seg']) writeFileSync(join(dir, name), name);
  writeFileSync(join(dir, 'quarantine', 'patient'), 'z');
  symlinkSync(elsewhere, join(dir, 'link'));
  symlinkSync(elsewhere, join(dir, '.new-link.abcdef'));
  await using sink = fileSink({ source: '//x', directory: join(dir, 'chains') });
  await sink.confirm(upload(1));
  for (const name of ['.new-things', '.new-boot.abcdef']) utimesSync(join(dir, name), OLD, OLD);
}

test("other people's things beside a spool stay as they are, and are named once", async () => {
  using folder = folderOf();
  using elsewhere = folderOf();
  await leaveHome(elsewhere.path, 'linked');
  await leaveHome(folder.path, 'dead');
  await putTheirs(folder.path, elsewhere.path);
  // A link to a home that would be one of ours.
  symlinkSync(join(elsewhere.path, 'linked'), join(folder.path, 'linked'));
  const before = contentOf(folder.path);
  const theirs = Object.fromEntries(
    Object.entries(before).filter(([name]) => name !== 'dead' && !name.startsWith('dead/')),
  );
  const linked = contentOf(elsewhere.path);

  const { publisher, lines } = spooling(folder.path, { producer: 'next' });
  await expect.poll(() => adopted(publisher)).toMatchObject({ scanned: true, segments: 1 });
  publisher.emit(upload(1));
  await publisher.close({ timeoutMs: 1 });
  await expect.poll(() => readdirSync(folder.path)).not.toContain('dead');

  expect(contentOf(folder.path)).toMatchObject(theirs);
  expect(contentOf(elsewhere.path)).toEqual(linked);
  const named = lines.filter(({ message }) => message.includes('left alone'));
  const strangers = readDirectory(folder.path).strangers;
  expect(named).toMatchObject([{ fields: { directory: folder.path, count: strangers.length } }]);
  expect(strangers.toSorted()).toEqual(
    ['.git', '.new-link.abcdef', '.new-things', 'blobs', 'boot-9', 'chains', 'claimed-x', 'empty', 'link', 'linked']
      .concat(['lock', 'lost+found', 'marked-otherwise', 'notes.txt', 'x.seg'])
      .toSorted(),
  );
});

test('what others put into a home stays there, and its segments are taken all the same', async () => {
  using folder = folderOf();
  await leaveHome(folder.path, 'dead');
  const home = join(folder.path, 'dead');
  writeFileSync(join(home, 'notes.txt'), 'mine');
  mkdirSync(join(home, 'claimed-mine'));
  symlinkSync(join(home, 'missing'), join(home, 'dead.0000000000000007.seg'));
  writeFileSync(join(home, 'film.seg'), 'a film');
  const { publisher, lines } = spooling(folder.path);
  await expect.poll(() => adopted(publisher)).toMatchObject({ scanned: true, segments: 1 });
  await publisher.close({ timeoutMs: 1 });
  expect(contentOf(home)).toEqual({
    'notes.txt': 'mine',
    'claimed-mine': '/',
    'dead.0000000000000007.seg': `-> ${join(home, 'missing')}`,
    'film.seg': 'a film',
  });
  const named = lines.filter(({ message }) => message.includes('left alone'));
  expect(named).toMatchObject([{ fields: { count: 4 } }]);
});

test("a boot id that is the name of somebody's directory makes a home beside it", async () => {
  using folder = folderOf();
  mkdirSync(join(folder.path, 'blobs'));
  const { publisher } = spooling(folder.path, { producer: 'blobs' });
  await expect.poll(() => adopted(publisher)?.scanned).toBe(true);
  expect(readdirSync(folder.path).filter((name) => /^blobs\.[0-9a-f]{6}$/.test(name))).toHaveLength(1);
  await publisher.close({ timeoutMs: 1 });
  expect(readdirSync(folder.path)).toEqual(['blobs']);
  await leaveHome(folder.path, 'quarantine');
  expect(readDirectory(folder.path).homes).toMatchObject([expect.stringMatching(/^quarantine\.[0-9a-f]{6}$/)]);
});

test('a quarantine that is a link is not followed', async () => {
  using folder = folderOf();
  using elsewhere = folderOf();
  await leaveHome(folder.path, 'dead');
  symlinkSync(elsewhere.path, join(folder.path, 'quarantine'));
  const segment = join(folder.path, 'dead', 'dead.0000000000000000.seg');
  expect(() => moveToQuarantine(folder.path, segment)).toThrow('is no directory');
  expect(readdirSync(elsewhere.path)).toEqual([]);
  expect(lstatSync(segment).isFile()).toBe(true);
});

test('a home that was copied whole is one more, and no segment replaces another', async () => {
  using folder = folderOf();
  await leaveHome(folder.path, 'dead');
  cpSync(join(folder.path, 'dead'), join(folder.path, 'copy'), { recursive: true });
  const home = openHome(folder.path, 'boot');
  const { segments } = home.adopt();
  expect(segments).toHaveLength(2);
  expect(new Set(segments.map((path) => readFileSync(path, 'utf8'))).size).toBe(1);
  home.release();
  expect(readdirSync(folder.path)).toEqual(['boot']);
});

test('who was taken over while it was stopped finds out before it writes, and begins another home', async () => {
  using folder = folderOf();
  const { publisher } = spooling(folder.path, { producer: 'slow', spoolRetryMs: 1 });
  await publisher.confirm(upload(0), { level: 'spooled' });
  const lock = join(folder.path, 'slow', 'waybill.lock');
  // As it looks to others after a minute of silence in another container.
  const other = openHome(folder.path, 'other');
  writeFileSync(lock, '{"pid":1,"started":"0","scope":"elsewhere"}\n');
  utimesSync(lock, OLD, OLD);
  expect(other.adopt().segments).toHaveLength(1);
  expect(readDirectory(folder.path).homes).toEqual(['other']);
  const { now } = Date;
  try {
    // To itself, no time has passed since; the clock says so.
    Date.now = () => now() + 120_000;
    await publisher.confirm(upload(1), { level: 'spooled' });
  } finally {
    Date.now = now;
  }
  const homes = readDirectory(folder.path).homes.toSorted();
  expect(homes).toEqual(['other', 'slow']);
  other.release();
  await publisher.close({ timeoutMs: 1 });
});

test('homes that a process was killed in the middle of making are deleted once they are provably dead', () => {
  using dir = folderOf();
  const unfinished = (name: string): string => {
    const home = join(dir.path, `.new-${name}.abcdef`);
    mkdirSync(home);
    markHome(home);
    return home;
  };
  const { pid } = spawnSync(process.execPath, ['--version']);
  const age = (home: string): void => utimesSync(home, OLD, OLD);

  const dead = unfinished('dead');
  writeLock(dead);
  const lock = JSON.parse(readFileSync(join(dead, 'waybill.lock'), 'utf8').split('\n')[0] as string) as object;
  writeFileSync(join(dead, 'waybill.lock'), JSON.stringify({ ...lock, pid }));
  age(dead);
  const alive = unfinished('alive');
  writeLock(alive);
  age(alive);
  const beingMade = unfinished('without-lock');
  const left = unfinished('without-lock-old');
  age(left);
  const theirs = join(dir.path, '.new-theirs.abcdef');
  mkdirSync(theirs);
  age(theirs);

  const home = openHome(dir.path, 'boot');
  expect(home.adopt()).toMatchObject({ segments: [], failures: [] });
  expect(readdirSync(dir.path).toSorted()).toEqual(
    [alive, beingMade, home.path, theirs].map((path) => path.slice(dir.path.length + 1)).toSorted(),
  );
  home.release();
});

test('a home whose owner was killed in the middle of taking over another is taken over with what it had by then', async () => {
  using folder = folderOf();
  await leaveHome(folder.path, 'first');
  // It takes what the first one left.
  await leaveHome(folder.path, 'second');
  expect(readDirectory(folder.path).homes).toEqual(['second']);
  // All segments were moved; lock and marker of the home that they came from are left.
  const emptied = join(folder.path, 'first');
  mkdirSync(emptied);
  markHome(emptied);
  writeFileSync(join(emptied, 'waybill.lock'), '{"pid":1,"started":"0","scope":"elsewhere"}\n');
  utimesSync(join(emptied, 'waybill.lock'), OLD, OLD);
  const home = openHome(folder.path, 'boot');
  expect(home.adopt()).toMatchObject({ segments: { length: 2 }, strangers: [], strangersWithin: [], failures: [] });
  expect(readdirSync(folder.path)).toEqual(['boot']);
  home.release();
});

test('a home that cannot be taken over keeps nobody from the others, stays, and is told once', async ({ skip }) => {
  using folder = folderOf();
  using elsewhere = folderOf();
  await leaveHome(elsewhere.path, 'far');
  await leaveHome(folder.path, 'near');
  const far = join(folder.path, 'far');
  mkdirSync(far);
  try {
    // Segments cannot be renamed out of another file system.
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', far], { stdio: 'pipe' });
  } catch (error) {
    skip(`nothing can be mounted here: ${String(error)}`);
  }
  try {
    cpSync(join(elsewhere.path, 'far'), far, { recursive: true });
    const before = contentOf(far);
    const { publisher, lines } = spooling(folder.path, { producer: 'next' });
    await expect.poll(() => adopted(publisher)).toMatchObject({ scanned: true, segments: 1 });
    await publisher.close({ timeoutMs: 1 });
    const failures = lines.filter(({ message }) => message.includes('taking over'));
    expect(failures).toMatchObject([{ message: `spool: taking over ${far} failed` }]);
    expect(contentOf(far)).toEqual(before);
  } finally {
    execFileSync('umount', [far]);
  }
});

test("another publisher's home is no directory for spools: nothing is made in it, and the reason names the one above", async () => {
  using folder = folderOf();
  await leaveHome(folder.path, 'dead');
  const home = join(folder.path, 'dead');
  const before = contentOf(folder.path);
  const { publisher } = spooling(home);
  publisher.emit(upload(0));
  expect(() => openHome(home, 'next')).toThrow(
    `is one publisher's folder: give the directory above it, ${folder.path}`,
  );
  await publisher.close({ timeoutMs: 1 });
  expect(contentOf(folder.path)).toEqual(before);
});
