/** A directory that one process at a time writes to: made, synced, locked, and given up when another has taken it. */
import { dirname, resolve } from 'node:path';
import { type DirectoryLock, LOCK_RENEW_MS, takeLock } from './directory-lock.ts';
import { makeDirectory } from './make-directory.ts';
import { syncDirectory } from './sync-path.ts';

export interface HeldDirectory {
  /** Whether it is ours; tries to take it when it is not. */
  take(): boolean;
  /** Before a write: whether it is still ours, although this process may have been stopped for long. */
  check(): boolean;
  /** The same, and always looks. */
  renew(): boolean;
  /** Its name, and those of the directories above that were made with it, are on the medium. */
  synced(): Promise<void>;
  release(): void;
}

export interface HeldDirectoryOptions {
  readonly directory: string;
  /** It is another's at present. */
  waiting(reason: string): void;
  /** It was ours, and another has taken it since. */
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
