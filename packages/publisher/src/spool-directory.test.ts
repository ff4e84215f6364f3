import { spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempDisposableSync,
  readdirSync,
  readFileSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openHome } from './spool-directory.ts';
import { writeLock } from './directory-lock.ts';

test('homes that a process was killed in the middle of making are deleted once they are provably dead', () => {
  using dir = mkdtempDisposableSync(join(tmpdir(), 'waybill-homes-'));
  const unfinished = (name: string): string => {
    const home = join(dir.path, `.new-${name}`);
    mkdirSync(home);
    return home;
  };
  const old = new Date(Date.now() - 2 * 3_600_000);
  const { pid } = spawnSync(process.execPath, ['--version']);

  const dead = unfinished('dead');
  writeLock(dead);
  const lock = JSON.parse(readFileSync(join(dead, 'lock'), 'utf8')) as object;
  writeFileSync(join(dead, 'lock'), JSON.stringify({ ...lock, pid }));
  const alive = unfinished('alive');
  writeLock(alive);
  utimesSync(alive, old, old);
  const beingMade = unfinished('without-lock');
  const beingWritten = unfinished('empty-lock');
  writeLock(beingWritten);
  truncateSync(join(beingWritten, 'lock'));
  const left = unfinished('without-lock-old');
  utimesSync(left, old, old);

  const home = openHome(dir.path, 'boot');
  expect(home.adopt()).toEqual([]);
  expect(readdirSync(dir.path).toSorted()).toEqual(
    [alive, beingMade, beingWritten, home.path].map((path) => path.slice(dir.path.length + 1)).toSorted(),
  );
});
