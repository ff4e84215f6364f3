/**
 * The directory that publishers of one machine share for their spools:
 *
 *     <dir>/<boot id>/lock                                  who writes here
 *     <dir>/<boot id>/<boot id>.<first ordinal>.seg         segments; sorted by name they are in order
 *     <dir>/<boot id>/claimed-<dead one>/                   being taken over
 *     <dir>/.new-<boot id>.<random>/                        being made
 *     <dir>/quarantine/                                     segments with damaged records, for an operator to look at
 *
 * Directories have mode 0700, files 0600. A crash at any point leaves a home without a living owner, and the next
 * publisher takes that over: recovery is how every publisher starts.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, rmSync, statSync, unlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isOwned, renewLock, writeLock } from './directory-lock.ts';
import { SEGMENT_SUFFIX } from './spool-segment.ts';

const QUARANTINE = 'quarantine';
const UNFINISHED = '.new-';
const CLAIMED = 'claimed-';
/** Making a home takes milliseconds; one without a whole lock was left in the middle of it once it is this old. */
const UNFINISHED_MS = 3_600_000;

export interface SpoolHome {
  readonly path: string;
  segmentPath(firstOrdinal: number): string;
  /** Takes over the segments of publishers that are dead or closed. @returns their paths, in order */
  adopt(): string[];
  /** @throws when somebody took this home over */
  renew(): void;
  /** Gives it up: what is left in it may be adopted. */
  release(): void;
}

/** @throws whatever the file system throws */
export function openHome(dir: string, bootId: string): SpoolHome {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  // Complete before it has its name, so that nobody sees a home without a lock that is not an orphan.
  const unfinished = join(dir, `${UNFINISHED}${bootId}.${randomBytes(3).toString('hex')}`);
  mkdirSync(unfinished, { mode: 0o700 });
  let path = join(dir, bootId);
  try {
    writeLock(unfinished);
    if (homesIn(dir).includes(bootId)) {
      if (isOwned(path)) throw new Error(`another process spools there under the boot id ${bootId}`);
      path = `${path}.${randomBytes(3).toString('hex')}`;
    }
    renameSync(unfinished, path);
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    throw error;
  }

  return {
    path,
    segmentPath: (ordinal) => freePath(path, `${bootId}.${String(ordinal).padStart(16, '0')}${SEGMENT_SUFFIX}`),
    adopt() {
      for (const name of homesIn(dir)) {
        const home = join(dir, name);
        if (home === path || isOwned(home)) continue;
        try {
          // Atomic: of two that want it one gets it. A crash from here on leaves it to whoever adopts from us.
          renameSync(home, join(path, `${CLAIMED}${name}`));
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
        }
      }
      sweepUnfinished(dir);
      const adopted: string[] = [];
      flatten(path, path, adopted);
      return adopted.toSorted();
    },
    renew: () => renewLock(path),
    release() {
      rmSync(join(path, 'lock'), { force: true });
      try {
        rmdirSync(path);
      } catch (error) {
        // Segments are left: the next publisher's.
        if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error;
      }
    },
  };
}

/** Deletes homes that a process was killed in the middle of making. There is nothing in them but a lock. */
function sweepUnfinished(dir: string): void {
  for (const name of readdirSync(dir)) {
    if (!name.startsWith(UNFINISHED)) continue;
    const home = join(dir, name);
    try {
      if (isLeft(home)) rmSync(home, { recursive: true, force: true });
    } catch {
      // Somebody else's to delete, or gone by now: it is in nobody's way, and the next publisher tries again.
    }
  }
}

/** @throws whatever the file system throws */
function isLeft(home: string): boolean {
  if (isOwned(home)) return false;
  const lock = statSync(join(home, 'lock'), { throwIfNoEntry: false });
  // A lock is written at once, so one with something in it is whole, and names a process that is dead.
  return (lock !== undefined && lock.size > 0) || Date.now() - statSync(home).mtimeMs > UNFINISHED_MS;
}

/** Homes of publishers, dead or alive. */
export function homesIn(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== QUARANTINE && !entry.name.startsWith('.'))
    .map(({ name }) => name);
}

/** Segments in a home, also those that its owner is taking over, in order. */
export function segmentsIn(home: string): string[] {
  return readdirSync(home, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(SEGMENT_SUFFIX))
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted((a, b) => (basename(a) < basename(b) ? -1 : 1));
}

export function quarantined(dir: string): string[] {
  try {
    return readdirSync(join(dir, QUARANTINE));
  } catch {
    return [];
  }
}

/** Puts a segment aside, under a name that is free. @throws whatever the file system throws */
export function quarantine(dir: string, path: string): void {
  mkdirSync(join(dir, QUARANTINE), { recursive: true, mode: 0o700 });
  renameSync(path, join(dir, QUARANTINE, `${basename(path)}.${randomBytes(3).toString('hex')}`));
}

/** Deletes; a segment that is gone already is as good. */
export function deleteSegment(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** Moves the segments of claimed homes up into ours, so that taking over again and again makes no deeper paths. */
function flatten(home: string, into: string, moved: string[]): void {
  for (const entry of readdirSync(home, { withFileTypes: true })) {
    const path = join(home, entry.name);
    if (entry.isDirectory() && entry.name.startsWith(CLAIMED)) {
      flatten(path, into, moved);
      rmSync(path, { recursive: true });
    } else if (home !== into && entry.name.endsWith(SEGMENT_SUFFIX)) {
      const target = freePath(into, entry.name);
      renameSync(path, target);
      moved.push(target);
    }
  }
}

/** Boot ids that are given by hand may come twice; no segment ever replaces another. */
function freePath(home: string, name: string): string {
  const path = join(home, name);
  if (!existsSync(path)) return path;
  return `${path.slice(0, -SEGMENT_SUFFIX.length)}.${randomBytes(3).toString('hex')}${SEGMENT_SUFFIX}`;
}
