/**
 * A publisher's home in the directory of spools (`spool-directory.ts`): its creation, the adoption of dead publishers'
 * segments, and its end. A crash at any point leaves a home without a living owner, which the next publisher adopts.
 * Recovery is therefore how every publisher starts.
 */
import { randomBytes } from 'node:crypto';
import { lstatSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { deleteLock, isOwned, takeLock, writeLock } from '../directory/directory-lock.ts';
import { makeDirectory } from '../directory/make-directory.ts';
import { SEGMENT_SUFFIX } from './segment-file.ts';
import {
  freePath,
  isMarked,
  markHome,
  QUARANTINE,
  readDirectory,
  readHome,
  refuseHome,
  removeHome,
} from './spool-directory.ts';

/** Making a home takes milliseconds. An unfinished home of this age without a living owner was abandoned by a crash. */
const UNFINISHED_MS = 3_600_000;

export interface SpoolHome {
  readonly path: string;
  segmentPath(firstOrdinal: number): string;
  /** Takes over the segments of publishers that are dead or closed. @throws whatever reading the directory throws */
  adopt(): AdoptedHomes;
  /** @throws when somebody took this home over */
  renew(): void;
  /** Before a write. @throws when this process was stopped for so long that somebody took this home over */
  check(): void;
  /** Gives it up: what is left in it may be adopted. */
  release(): void;
}

export interface AdoptedHomes {
  /** Paths, in order. */
  readonly segments: readonly string[];
  /** Names in the directory that are not ours. They were left alone. */
  readonly strangers: readonly string[];
  /** Names in adopted homes that are not ours. They were left alone. */
  readonly strangersWithin: readonly string[];
  /** Homes that could not be taken over at this time. */
  readonly failures: readonly { readonly home: string; readonly error: unknown }[];
}

/** @throws whatever the file system throws */
export function openHome(dir: string, bootId: string): SpoolHome {
  refuseHome(dir);
  makeDirectory(dir);
  // Renamed into place when complete, because a home without a lock counts as abandoned.
  const unfinished = join(dir, `.new-${bootId}.${randomBytes(3).toString('hex')}`);
  mkdirSync(unfinished, { mode: 0o700 });
  let path = join(dir, bootId);
  let lockAs: ReturnType<typeof writeLock>;
  try {
    markHome(unfinished);
    lockAs = writeLock(unfinished);
    if (isMarked(path) && isOwned(path)) throw new Error(`another process spools there under the boot id ${bootId}`);
    // A rename would replace an empty directory, whoever owns it.
    if (bootId === QUARANTINE || isThere(path)) path = `${path}.${randomBytes(3).toString('hex')}`;
    renameSync(unfinished, path);
  } catch (error) {
    removeHome(unfinished, () => deleteLock(unfinished));
    throw error;
  }
  const lock = lockAs(path);

  return {
    path,
    segmentPath: (ordinal) => freePath(path, `${bootId}.${String(ordinal).padStart(16, '0')}${SEGMENT_SUFFIX}`),
    adopt: () => adoptInto(dir, path),
    renew: lock.renew,
    check: lock.check,
    release() {
      // What is left goes to the next publisher.
      if (readHome(path).segments.length > 0) lock.release();
      else removeHome(path, lock.release);
    },
  };
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function adoptInto(dir: string, into: string): AdoptedHomes {
  const { homes, unfinished, strangers } = readDirectory(dir);
  const segments: string[] = [];
  const strangersWithin: string[] = [];
  const failures: { home: string; error: unknown }[] = [];
  for (const name of homes) {
    const home = join(dir, name);
    try {
      if (home === into || isOwned(home)) continue;
      for (const stranger of takeOver(home, into, segments)) strangersWithin.push(join(name, stranger));
    } catch (error) {
      // ENOENT: another publisher took it over first.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') failures.push({ home, error });
    }
  }
  for (const name of unfinished) sweep(join(dir, name));
  return { segments: segments.toSorted(), strangers, strangersWithin, failures };
}

/**
 * Moves the segments of a dead publisher's home into ours, one by one. It holds that home's lock, so only one publisher
 * takes them. A crash on the way leaves two homes without a living owner.
 *
 * @param moved collects the new paths, also those of a move that fails later
 * @returns names in it that are not ours
 */
function takeOver(home: string, into: string, moved: string[]): readonly string[] {
  const { lock } = takeLock(home);
  if (lock === null) return [];
  try {
    const { segments, strangers } = readHome(home);
    for (const name of segments) {
      const target = freePath(into, name);
      renameSync(join(home, name), target);
      moved.push(target);
    }
    removeHome(home, lock.release);
    return strangers;
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Removes a home whose process was killed while it made it. It contains a marker and a lock at most. */
function sweep(home: string): void {
  try {
    const isOld = Date.now() - statSync(home).mtimeMs > UNFINISHED_MS;
    if (isOld && isMarked(home) && !isOwned(home)) removeHome(home, () => deleteLock(home));
  } catch {
    // We may not delete it, or it is gone. It does no harm, and the next publisher tries again.
  }
}
