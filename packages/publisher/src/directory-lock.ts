/**
 * Who has a directory: the file `lock` in it names a process. Node has no flock, so whether that process lives is found
 * out: by its id and start time where they mean the same to both (one machine, one pid namespace), and else, as between
 * containers on one volume, by the file's time, which the owner renews.
 *
 * A spool's home is made with its lock in it (`writeLock`); the directory of files that are there to stay is taken
 * (`takeLock`).
 */
import { createHash, randomBytes } from 'node:crypto';
import {
  linkSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
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

export interface DirectoryLock {
  /** @throws Error when the lock is another's by now, or cannot be written */
  renew(): void;
  /** Gives the directory back, unless it is another's by now. */
  release(): void;
}

/** Into a directory that nobody else knows yet. */
export function writeLock(directory: string): void {
  writeFileSync(join(directory, LOCK_FILE), formatOwner(), { mode: 0o600 });
}

/** @throws when the lock is gone: somebody took the directory over */
export function renewLock(directory: string): void {
  touch(join(directory, LOCK_FILE));
}

/** false: nobody writes there any more. A directory without a lock was closed properly. */
export function isOwned(directory: string): boolean {
  const { life } = judge(join(directory, LOCK_FILE));
  return life === 'alive' || life === 'unknown';
}

/**
 * Takes a directory for this process; what a dead process left is taken over.
 *
 * @returns null: an owner that cannot be looked at gave a sign of life within the last minute; ask again
 * @throws Error naming the process that has it; else what the file system says
 */
export function takeLock(directory: string): DirectoryLock | null {
  const path = join(realpathSync(directory), LOCK_FILE);
  const own = `${path}.${randomBytes(6).toString('hex')}`;
  // Unlike any other, also of this process.
  const text = `${formatOwner()}${own}\n`;
  writeFileSync(own, text, { mode: 0o600 });
  try {
    return acquire(path, own) ? lockAt(path, text) : null;
  } catch (error) {
    if (error instanceof Taken) throw new Error(`process ${error.message} has ${directory}`, { cause: error });
    throw error;
  } finally {
    rmSync(own, { force: true });
    rmSync(`${own}.new`, { force: true });
  }
}

/** Its message is the id of the process that lives. */
class Taken extends Error {}

/**
 * Makes `path` a copy of `own`. A dead owner's lock is replaced by whoever holds the lock for doing that, which is taken
 * in the same way and is named after what is replaced: of several that find the same dead lock one replaces it, and a
 * crash in the middle leaves another dead lock.
 *
 * @returns false: an owner that cannot be looked at may live
 * @throws Taken
 */
function acquire(path: string, own: string): boolean {
  for (;;) {
    try {
      // A link is there with its content or not at all, and fails when there is one already.
      linkSync(own, path);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const found = judge(path);
    if (found.life === 'gone') continue;
    if (found.life === 'alive') throw new Taken(found.owner);
    if (found.life === 'unknown') return false;
    const right = `${path}.${createHash('sha256').update(found.text).digest('hex').slice(0, 12)}`;
    if (!acquire(right, own)) return false;
    try {
      // Or somebody was faster, and has given the right back.
      const now = judge(path);
      if (now.life === 'dead' && now.text === found.text) {
        linkSync(own, `${own}.new`);
        renameSync(`${own}.new`, path);
        return true;
      }
    } finally {
      rmSync(right, { force: true });
    }
  }
}

function lockAt(path: string, text: string): DirectoryLock {
  const isOurs = (): boolean => {
    try {
      return readFileSync(path, 'utf8') === text;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
  };
  return {
    renew() {
      if (!isOurs()) throw new Error(`${path} is another's`);
      touch(path);
    },
    release() {
      if (isOurs()) rmSync(path, { force: true });
    },
  };
}

interface Judgement {
  readonly life: 'alive' | 'dead' | 'unknown' | 'gone';
  readonly text: string;
  /** As it is told to people. */
  readonly owner: string;
}

function judge(path: string): Judgement {
  let text = '';
  let age: number;
  let owner: Partial<Owner>;
  try {
    age = Date.now() - statSync(path).mtimeMs;
    text = readFileSync(path, 'utf8');
    owner = (JSON.parse(text.split('\n')[0] ?? '') ?? {}) as Partial<Owner>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { life: 'gone', text, owner: '' };
    // A lock that cannot be parsed was being written when its machine died: locks appear complete.
    return { life: error instanceof SyntaxError ? 'dead' : 'unknown', text, owner: '' };
  }
  const named = { text, owner: String(owner.pid) };
  if (owner.scope !== pidScope()) return { life: age < LOCK_STALE_MS ? 'unknown' : 'dead', ...named };
  return { life: isAlive(owner) ? 'alive' : 'dead', ...named };
}

function isAlive({ pid: id, started }: Partial<Owner>): boolean {
  if (typeof id !== 'number' || !Number.isSafeInteger(id) || id < 1) return false;
  try {
    process.kill(id, 0);
  } catch (error) {
    // Any other: it is there, and somebody else's.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  // Alive, but perhaps another process that got the same id.
  return startOf(id) === started;
}

function touch(path: string): void {
  const now = new Date();
  utimesSync(path, now, now);
}

function formatOwner(): string {
  const owner: Owner = { pid, started: startOf(pid), scope: pidScope() };
  return `${JSON.stringify(owner)}\n`;
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
