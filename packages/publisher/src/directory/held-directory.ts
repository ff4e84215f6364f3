/**
 * The `directory/` room: directories that one process at a time writes to. It makes, locks and syncs them. It knows
 * nothing of events, of spools and of chains, and deletes only its own lock files.
 *
 * This file holds such a directory: makes and locks it, and gives it up when another process has taken it.
 */
import { dirname, resolve } from 'node:path';
import { type DirectoryLock, LOCK_RENEW_MS, takeLock } from './directory-lock.ts';
import { makeDirectory } from './make-directory.ts';
import { syncDirectory } from './sync-path.ts';

export interface HeldDirectory {
  /** Tries to take the directory unless it is ours already. @returns whether it is ours */
  take(): boolean;
  /** Call before a write. @returns whether it is still ours, although this process may have been stopped for long */
  check(): boolean;
  /** Like `check`, but always reads the lock. */
  renew(): boolean;
  /** Brings the directory's name to the medium, and the names of parents that were made with it. */
  synced(): Promise<void>;
  release(): void;
}

export interface HeldDirectoryOptions {
  readonly directory: string;
  /** Another process owns the directory at present. @param reason in words for a log */
  waiting(reason: string): void;
  /** Another process took the directory over. */
  lost(): void;
}

/** @throws whatever the file system throws; not when another process has the directory */
export function holdDirectory({ directory, waiting, lost }: HeldDirectoryOptions): HeldDirectory {
  let unsynced: string | null = null;
  let topmost = '';
  let lock: DirectoryLock | null = null;

  const tryLock = (): string | null => {
    const made = makeDirectory(directory);
    if (made !== undefined) [unsynced, topmost] = [resolve(directory), made];
    const attempt = takeLock(directory);
    lock = attempt.lock;
    return attempt.lock === null ? attempt.holder : null;
  };

  const look = (at: (held: DirectoryLock) => void): boolean => {
    try {
      if (lock) at(lock);
    } catch (error) {
      lock = null;
      lost();
      waiting(messageOf(error));
    }
    return lock !== null;
  };

  const holder = tryLock();
  if (holder !== null) waiting(holder);
  const renewal = setInterval(() => look((held) => held.renew()), LOCK_RENEW_MS).unref();

  return {
    take() {
      if (lock !== null) return true;
      try {
        const other = tryLock();
        if (other !== null) waiting(other);
      } catch (error) {
        waiting(messageOf(error));
      }
      return lock !== null;
    },
    check: () => look((held) => held.check()),
    renew: () => look((held) => held.renew()),
    async synced() {
      while (unsynced !== null) {
        const at: string = unsynced;
        await syncDirectory(dirname(at));
        unsynced = at === topmost || at === dirname(at) ? null : dirname(at);
      }
    },
    release() {
      clearInterval(renewal);
      lock?.release();
    },
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
