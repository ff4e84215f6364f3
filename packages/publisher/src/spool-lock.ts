/**
 * Who owns a spool: the file `lock` in its directory names a process. Node has no flock, so whether that process lives
 * is found out: by its id and start time where they mean the same to both (one machine, one pid namespace), and else by
 * the file's time, which the owner renews.
 */
import { readFileSync, readlinkSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { pid } from 'node:process';

const LOCK_FILE = 'lock';
/** How often an owner renews its lock. */
export const LOCK_RENEW_MS = 10_000;
/** An owner that cannot be looked at is dead once its lock is this old. */
const LOCK_STALE_MS = 60_000;

interface Owner {
  readonly pid: number;
  /** Clock ticks since the machine started; empty where there is no /proc. */
  readonly started: string;
  /** Within which `pid` has a meaning. */
  readonly scope: string;
}

export function writeLock(home: string): void {
  const owner: Owner = { pid, started: startOf(pid), scope: pidScope() };
  writeFileSync(join(home, LOCK_FILE), `${JSON.stringify(owner)}\n`, { mode: 0o600 });
}

/** @throws when the lock is gone: somebody took the spool over */
export function renewLock(home: string): void {
  const now = new Date();
  utimesSync(join(home, LOCK_FILE), now, now);
}

/** false: nobody writes there any more. A directory without a lock was closed properly. */
export function isOwned(home: string): boolean {
  const path = join(home, LOCK_FILE);
  let owner: Partial<Owner>;
  let age: number;
  try {
    age = Date.now() - statSync(path).mtimeMs;
    owner = JSON.parse(readFileSync(path, 'utf8')) as Partial<Owner>;
  } catch (error) {
    // A lock that cannot be parsed was being written when its machine died: homes appear with a complete one.
    return error instanceof SyntaxError ? false : (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
  if (owner.scope !== pidScope()) return age < LOCK_STALE_MS;
  const id = Number(owner.pid);
  if (!Number.isSafeInteger(id) || id < 1) return false;
  try {
    process.kill(id, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  // Alive, but perhaps another process that got the same id.
  return startOf(id) === owner.started;
}

/** Field 22 of /proc/<pid>/stat; the name before it may have blanks and parentheses. */
function startOf(id: number): string {
  try {
    const stat = readFileSync(`/proc/${id}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

function pidScope(): string {
  try {
    const machine = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    return `${machine} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return hostname();
  }
}
