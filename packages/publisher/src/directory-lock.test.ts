import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempDisposableSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
async function startTaker(folder: string) {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', PROGRAM], {
    env: { ...process.env, FOLDER: folder },
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
      await expect.poll(() => output.split('\n').length, { timeout: 5_000 }).toBe(3);
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

test('of six that want what a dead one left, one gets it', async () => {
  const takers = async (folder: string) => Promise.all(Array.from({ length: 6 }, () => startTaker(folder)));
  for (let round = 0; round < 5; round++) {
    using folder = folderOf();
    leaveLock(folder.path, { ...ownerHere(), started: '1' });
    const all = await takers(folder.path);
    for (const { go } of all) go();
    const outcomes = await Promise.all(all.map(({ outcome }) => outcome()));
    await Promise.all(all.map(({ kill9 }) => kill9()));
    expect(outcomes.filter((outcome) => outcome === 'took it')).toHaveLength(1);
    expect(readdirSync(folder.path)).toEqual(['waybill.lock']);
    expect(outcomes.filter((outcome) => /^process \d+ has /.test(outcome ?? ''))).toHaveLength(5);
  }
}, 60_000);
