/**
 * Locks a directory for one thread of one process.
 *
 * The file `waybill.lock` in a directory names its owner. Node has no flock, so `lock-owner.ts` finds out whether the
 * owner lives: by process and thread ids where both sides see the same ones (one machine, one pid namespace), otherwise
 * by the file's modification time, which the owner renews. Containers that share a volume are told apart by that time.
 *
 * `writeLock` puts a lock into a new directory before anybody knows it. `takeLock` takes a directory that exists.
 */
import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  linkSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { formatOwner, judge, LOCK_STALE_MS } from './lock-owner.ts';

/** Not plain `lock`: in a shared directory that may be the file of another program. */
export const LOCK_FILE = 'waybill.lock';
/** Files that a crash during `takeLock` can leave: copies, and locks for the right to replace a dead lock. */
const LOCK_COPIES = /^waybill\.lock(\.[0-9a-f]{12})+(\.new)?$/;
/** How often an owner renews its lock. */
export const LOCK_RENEW_MS = 10_000;
/** An owner that has not renewed for this long may have been stopped. It reads the lock before it writes. */
const LOCK_DOUBT_MS = LOCK_STALE_MS / 2;

export interface DirectoryLock {
  /** @throws Error when the lock is another's by now, or cannot be written */
  renew(): void;
  /** Like `renew`, but only when the last renewal is so old that another process may have taken the directory. */
  check(): void;
  /** Removes the lock, unless another process owns the directory by now. */
  release(): void;
}

/** The lock, or its present holder in words for a log. */
export type LockAttempt = { readonly lock: DirectoryLock } | { readonly lock: null; readonly holder: string };

/** Locks a directory that nobody else knows yet. @returns makes the lock, once the directory has its final name */
export function writeLock(directory: string): (renamed: string) => DirectoryLock {
  const text = formatOwner();
  writeFileSync(join(directory, LOCK_FILE), text, { mode: 0o600 });
  return (renamed) => lockAt(join(realpathSync(renamed), LOCK_FILE), text);
}

/** Whether an interrupted `takeLock` left the file. */
export function isLockCopy(name: string): boolean {
  return LOCK_COPIES.test(name);
}

/** For a directory that is given up before it has its name. */
export function deleteLock(directory: string): void {
  rmSync(join(directory, LOCK_FILE), { force: true });
}

/** Whether somebody may still write there. A directory without a lock was closed properly. */
export function isOwned(directory: string): boolean {
  const { life } = judge(join(directory, LOCK_FILE));
  return life === 'alive' || life === 'unknown';
}

/**
 * Takes a directory for this thread, also from an owner that is dead. An owner that lives keeps it, and so does one
 * that cannot be examined and renewed its lock within the last minute: try again later.
 *
 * @throws whatever the file system throws
 */
export function takeLock(directory: string): LockAttempt {
  const path = join(realpathSync(directory), LOCK_FILE);
  const own = `${path}.${randomBytes(6).toString('hex')}`;
  const text = formatOwner();
  writeFileSync(own, text, { mode: 0o600 });
  try {
    const holder = acquire(path, { own, text });
    if (holder === null) return { lock: lockAt(path, text) };
    return {
      lock: null,
      holder:
        holder === ''
          ? `${directory} was another container's less than a minute ago`
          : `process ${holder} has ${directory}`,
    };
  } finally {
    rmSync(own, { force: true });
    rmSync(`${own}.new`, { force: true });
  }
}

interface Candidate {
  /** Path of the candidate's own file, which contains the text. */
  readonly own: string;
  readonly text: string;
}

/**
 * Makes `path` a lock with the candidate's text.
 *
 * A dead lock may be replaced only by the holder of a second lock, whose name is derived from the dead lock's text. It
 * is taken in the same way. So one of several candidates replaces the dead lock, and a crash in between leaves a dead
 * lock.
 *
 * @returns null: done; otherwise the process that holds the lock, empty when it cannot be examined and may be alive
 */
function acquire(path: string, candidate: Candidate): string | null {
  const { own, text } = candidate;
  for (;;) {
    if (create(path, candidate)) return null;
    const found = judge(path);
    if (found.life === 'gone') continue;
    if (found.life === 'alive') return found.owner;
    if (found.life === 'unknown') return '';
    const right = `${path}.${createHash('sha256').update(found.text).digest('hex').slice(0, 12)}`;
    const holder = acquire(right, candidate);
    if (holder !== null) return holder;
    try {
      // Another candidate may have replaced it already and released the second lock.
      const now = judge(path);
      if (now.life === 'dead' && now.text === found.text) {
        writeFileSync(`${own}.new`, text, { mode: 0o600 });
        renameSync(`${own}.new`, path);
        return null;
      }
    } finally {
      rmSync(right, { force: true });
    }
  }
}

/** @returns false: there is a lock already */
function create(path: string, { own, text }: Candidate): boolean {
  try {
    // A hard link appears with its whole content, and fails when the name exists.
    linkSync(own, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
  }
  // Volumes without hard links (exFAT, many SMB and FUSE mounts) report that with different errors. A crash below
  // leaves an empty lock. Its owner cannot be examined, so its age decides.
  let fd: number;
  try {
    fd = openSync(path, 'wx', 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
  try {
    writeFileSync(fd, text);
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
  return true;
}

function lockAt(path: string, text: string): DirectoryLock {
  let renewedAt = Date.now();
  const isOurs = (): boolean => {
    try {
      return readFileSync(path, 'utf8') === text;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
  };
  const renew = (): void => {
    if (!isOurs()) throw new Error(`${path} is another's`);
    touch(path);
    renewedAt = Date.now();
  };
  return {
    renew,
    check() {
      if (Math.abs(Date.now() - renewedAt) > LOCK_DOUBT_MS) renew();
    },
    release() {
      if (isOurs()) rmSync(path, { force: true });
    },
  };
}

function touch(path: string): void {
  const now = new Date();
  utimesSync(path, now, now);
}
