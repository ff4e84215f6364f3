/**
 * Who has a directory: the file `waybill.lock` in it names a thread of a process. Node has no flock, so whether that thread
 * lives is found out: by its ids and start times where they mean the same to both (one machine, one pid namespace), and
 * else, as between containers on one volume, by the file's time, which the owner renews. A worker thread may end while
 * its process lives; where there is no /proc, nothing but the file's time tells.
 *
 * A spool's home is made with its lock in it (`writeLock`); a directory that is there is taken (`takeLock`).
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

/** A name of its own: in a directory that is shared, `lock` may be somebody else's. */
export const LOCK_FILE = 'waybill.lock';
/** What a crash can leave of taking a lock: copies, and locks for replacing a dead one. */
const LOCK_COPIES = /^waybill\.lock(\.[0-9a-f]{12})+(\.new)?$/;
/** How often an owner renews its lock. */
export const LOCK_RENEW_MS = 10_000;
/** Whoever has not renewed for this long may have been stopped, and looks before it writes. */
const LOCK_DOUBT_MS = LOCK_STALE_MS / 2;

export interface DirectoryLock {
  /** @throws Error when the lock is another's by now, or cannot be written */
  renew(): void;
  /** The same, but looks only when the last renewal is so old that another may have taken the directory over. */
  check(): void;
  /** Gives the directory back, unless it is another's by now. */
  release(): void;
}

/** The lock, or who has it, in words for a log. */
export type LockAttempt = { readonly lock: DirectoryLock } | { readonly lock: null; readonly holder: string };

/** Into a directory that nobody else knows yet. @returns the lock, once the directory has that name */
export function writeLock(directory: string): (renamed: string) => DirectoryLock {
  const text = formatOwner();
  writeFileSync(join(directory, LOCK_FILE), text, { mode: 0o600 });
  return (renamed) => lockAt(join(realpathSync(renamed), LOCK_FILE), text);
}

/** Whether a file is what taking a lock leaves when it is interrupted. */
export function isLockCopy(name: string): boolean {
  return LOCK_COPIES.test(name);
}

/** Of a directory that is given up before anybody has it. */
export function deleteLock(directory: string): void {
  rmSync(join(directory, LOCK_FILE), { force: true });
}

/** false: nobody writes there any more. A directory without a lock was closed properly. */
export function isOwned(directory: string): boolean {
  const { life } = judge(join(directory, LOCK_FILE));
  return life === 'alive' || life === 'unknown';
}

/**
 * Takes a directory for this thread; what a dead one left is taken over. One that lives, or that cannot be looked at and
 * gave a sign of life within the last minute, keeps it: ask again.
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
  /** A file of its own with the text. */
  readonly own: string;
  readonly text: string;
}

/**
 * Makes `path` a lock with the candidate's text. A dead owner's lock is replaced by whoever holds the lock for doing
 * that, which is taken in the same way and is named after what is replaced: of several that find the same dead lock one
 * replaces it, and a crash in the middle leaves another dead lock.
 *
 * @returns null: it is; else the process that has it, empty when the owner cannot be looked at and may live
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
      // Or somebody was faster, and has given the right back.
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

/** false: there is a lock already. */
function create(path: string, { own, text }: Candidate): boolean {
  try {
    // A link is there with its content or not at all, and fails when there is one already.
    linkSync(own, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
  }
  // A volume without hard links (exFAT, many of SMB and FUSE), which each says in its own way. A crash in between
  // leaves an empty lock, whose owner cannot be looked at.
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
