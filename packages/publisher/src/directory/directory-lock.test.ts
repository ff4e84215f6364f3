import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempDisposableSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { isLockCopy, isOwned, takeLock } from './directory-lock.ts';

const folderOf = () => mkdtempDisposableSync(join(tmpdir(), 'waybill-lock-'));

/** The lock that this process would write. */
function ownerHere(): { pid: number; started: string; scope: string } {
  using folder = folderOf();
  takeLock(folder.path);
  return JSON.parse(readFileSync(join(folder.path, 'waybill.lock'), 'utf8').split('\n')[0] as string) as never;
}

function leaveLock(folder: string, owner: unknown, ageMs = 0): void {
  const path = join(folder, 'waybill.lock');
  writeFileSync(path, typeof owner === 'string' ? owner : `${JSON.stringify(owner)}\n`);
  const at = new Date(Date.now() - ageMs);
  utimesSync(path, at, at);
}

/** Volumes such as exFAT have no hard links, and each says so in its own way. */
const WITHOUT_LINKS = `
  import fs from 'node:fs';
  import { syncBuiltinESMExports } from 'node:module';
  fs.linkSync = () => { throw Object.assign(new Error('no links here'), { code: process.env.LINK_ERROR }); };
  syncBuiltinESMExports();
`;

const PROGRAM = `
  import { takeLock } from ${JSON.stringify(join(import.meta.dirname, 'directory-lock.ts'))};
  process.stdout.write('ready\\n');
  process.stdin.once('data', () => {
    let outcome = 'took it';
    try { outcome = takeLock(process.env.FOLDER).holder ?? outcome; } catch (error) { outcome = error.message; }
    process.stdout.write(outcome + '\\n');
  });
`;

/** A process that takes the directory when it is told. */
async function startTaker(folder: string, linkError?: string) {
  const preload = linkError ? ['--import', `data:text/javascript,${encodeURIComponent(WITHOUT_LINKS)}`] : [];
  const child = spawn(process.execPath, [...preload, '--input-type=module', '--eval', PROGRAM], {
    env: { ...process.env, FOLDER: folder, LINK_ERROR: linkError },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  await expect.poll(() => output).toContain('ready\n');
  const closed = once(child, 'close');
  return {
    pid: child.pid,
    go: () => void child.stdin.write('\n'),
    async outcome() {
      await expect.poll(() => output.split('\n').length).toBe(3);
      return output.split('\n')[1];
    },
    async kill9() {
      child.kill('SIGKILL');
      await closed;
    },
  };
}

test('a live owner keeps it: the error names it; what it gives back is free, and no file is left', () => {
  using folder = folderOf();
  const { lock } = takeLock(folder.path);
  expect(takeLock(folder.path)).toEqual({ lock: null, holder: `process ${process.pid} has ${folder.path}` });
  expect(isOwned(folder.path)).toBe(true);
  lock?.release();
  expect(isOwned(folder.path)).toBe(false);
  expect(readdirSync(folder.path)).toEqual([]);
  takeLock(folder.path).lock?.release();
});

test('kill -9 of the owner: refused while it lives, taken over at once when it is dead', async () => {
  using folder = folderOf();
  const other = await startTaker(folder.path);
  other.go();
  expect(await other.outcome()).toBe('took it');
  expect(takeLock(folder.path)).toEqual({ lock: null, holder: `process ${other.pid} has ${folder.path}` });
  await other.kill9();
  expect(takeLock(folder.path).lock).not.toBe(null);
});

test('another process that got the same id is not the owner', () => {
  using folder = folderOf();
  leaveLock(folder.path, { ...ownerHere(), started: '1' });
  expect(isOwned(folder.path)).toBe(false);
  expect(takeLock(folder.path).lock).not.toBe(null);
});

test('another container, where the id is one of ours too: it lives as long as it renews its lock', () => {
  using folder = folderOf();
  const elsewhere = { ...ownerHere(), scope: 'another pid namespace' };
  leaveLock(folder.path, elsewhere, 50_000);
  expect(isOwned(folder.path)).toBe(true);
  expect(takeLock(folder.path)).toMatchObject({ lock: null, holder: expect.stringContaining("another container's") });
  leaveLock(folder.path, elsewhere, 61_000);
  expect(isOwned(folder.path)).toBe(false);
  const { lock } = takeLock(folder.path);
  const before = new Date(Date.now() - 61_000);
  utimesSync(join(folder.path, 'waybill.lock'), before, before);
  lock?.renew();
  expect(Date.now() - statSync(join(folder.path, 'waybill.lock')).mtimeMs).toBeLessThan(10_000);
});

test.for(['', '{"pid":', '4242', 'null'])('a lock that is %j was torn when its machine died', (content) => {
  using folder = folderOf();
  leaveLock(folder.path, content, 61_000);
  expect(takeLock(folder.path).lock).not.toBe(null);
});

test('who was taken over finds out, and takes nothing away from the new owner', () => {
  using folder = folderOf();
  const { lock: first } = takeLock(folder.path);
  leaveLock(folder.path, { ...ownerHere(), started: '1' });
  const { lock: second } = takeLock(folder.path);
  expect(() => first?.renew()).toThrow("is another's");
  first?.release();
  second?.renew();
  expect(takeLock(folder.path).lock).toBe(null);
});

test.each([
  ['with hard links', undefined],
  ['without', 'EPERM'],
])('of six that want what a dead one left, one gets it: %s', async (_, linkError) => {
  const takers = async (folder: string) => Promise.all(Array.from({ length: 6 }, () => startTaker(folder, linkError)));
  for (let round = 0; round < 3; round++) {
    using folder = folderOf();
    leaveLock(folder.path, { ...ownerHere(), started: '1' });
    const all = await takers(folder.path);
    for (const { go } of all) go();
    const outcomes = await Promise.all(all.map(({ outcome }) => outcome()));
    await Promise.all(all.map(({ kill9 }) => kill9()));
    expect(outcomes.filter((outcome) => outcome === 'took it')).toHaveLength(1);
    expect(readdirSync(folder.path)).toEqual(['waybill.lock']);
    // Without links, a lock that is being written is one whose owner cannot be looked at.
    const refused = linkError ? /^process \d+ has |less than a minute ago$/ : /^process \d+ has /;
    expect(outcomes.filter((outcome) => refused.test(outcome ?? ''))).toHaveLength(5);
  }
});

test('without hard links: taken, refused to others, given back, and taken over after kill -9', async () => {
  using folder = folderOf();
  const first = await startTaker(folder.path, 'ENOSYS');
  first.go();
  expect(await first.outcome()).toBe('took it');
  const second = await startTaker(folder.path, 'ENOSYS');
  second.go();
  expect(await second.outcome()).toBe(`process ${first.pid} has ${folder.path}`);
  await first.kill9();
  const third = await startTaker(folder.path, 'ENOSYS');
  third.go();
  expect(await third.outcome()).toBe('took it');
  await Promise.all([second.kill9(), third.kill9()]);
  expect(readdirSync(folder.path)).toEqual(['waybill.lock']);
});

test('a lock that is being written is not taken away', () => {
  using folder = folderOf();
  leaveLock(folder.path, '');
  expect(takeLock(folder.path).lock).toBe(null);
  expect(isOwned(folder.path)).toBe(true);
});

test("a worker thread's lock is free once the thread is gone, while its process lives", async () => {
  using folder = folderOf();
  const worker = new Worker(
    `import { takeLock } from ${JSON.stringify(join(import.meta.dirname, 'directory-lock.ts'))};
     import { parentPort, workerData } from 'node:worker_threads';
     parentPort.postMessage(takeLock(workerData).lock !== null);
     setInterval(() => {}, 1000);`,
    { eval: true, workerData: folder.path, execArgv: ['--input-type=module'] },
  );
  expect(await once(worker, 'message')).toEqual([true]);
  expect(takeLock(folder.path)).toMatchObject({ lock: null });
  await worker.terminate();
  expect(isOwned(folder.path)).toBe(false);
  expect(takeLock(folder.path).lock).not.toBe(null);
});

test("a worker's lock on a system without /proc: by its age, or at once when its process is dead", () => {
  using folder = folderOf();
  const worker = { id: '', started: '' };
  leaveLock(folder.path, { ...ownerHere(), worker }, 50_000);
  expect(isOwned(folder.path)).toBe(true);
  leaveLock(folder.path, { ...ownerHere(), worker }, 61_000);
  expect(isOwned(folder.path)).toBe(false);
  leaveLock(folder.path, { ...ownerHere(), started: '1', worker });
  expect(isOwned(folder.path)).toBe(false);
});

test.each([
  'waybill.lock',
  'lock',
  'waybill.lock.txt',
  'waybill.lock.0123456789ab.bak',
  'my.waybill.lock.0123456789ab',
])('%s is not left from taking a lock', (name) => expect(isLockCopy(name)).toBe(false));
