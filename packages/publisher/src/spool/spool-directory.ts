/**
 * The directory in which the publishers of one machine keep their spools. Other programs may have files there too:
 *
 *     <dir>/<boot id>/waybill-spool                         the marker: this is a home of a publisher
 *     <dir>/<boot id>/waybill.lock                          who writes here
 *     <dir>/<boot id>/<boot id>.<first ordinal>.seg         segments; sorted by name they are in order
 *     <dir>/.new-<boot id>.<random>/                        a home that is being made
 *     <dir>/quarantine/                                     segments with damaged records, for an operator to look at
 *
 * Directories have mode 0700, files 0600. Anything with another name, without a marker, or behind a symbolic link is a
 * stranger: it is never opened, moved or deleted. Files are unlinked one by one, and a directory only when it is empty.
 */
import { randomBytes } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { isLockCopy, LOCK_FILE } from '../directory/directory-lock.ts';
import { SEGMENT_SUFFIX } from './segment-file.ts';

export const QUARANTINE = 'quarantine';
const MARKER = 'waybill-spool';
const MARKER_TEXT = 'waybill-spool-home 1\n';
const HOME = /^[A-Za-z0-9_-]{1,48}(\.[0-9a-f]{6})?$/;
const UNFINISHED = /^\.new-[A-Za-z0-9_-]{1,48}\.[0-9a-f]{6}$/;
const SEGMENT = /^[A-Za-z0-9_-]{1,48}\.\d{16}(\.[0-9a-f]{6})*\.seg$/;
const QUARANTINED = /^[A-Za-z0-9_-]{1,48}\.\d{16}(\.[0-9a-f]{6})*\.seg\.[0-9a-f]{6}$/;

export interface Directory {
  /** Homes of publishers, dead or alive. */
  readonly homes: readonly string[];
  /** Homes that are being made, or whose process was killed while it made them. */
  readonly unfinished: readonly string[];
  /** Everything else. It is left alone. */
  readonly strangers: readonly string[];
}

/** @throws Error when `dir` is the home of one publisher. The directory of spools is its parent. */
export function refuseHome(dir: string): void {
  if (!isMarked(dir)) return;
  throw new Error(`${dir} is one publisher's folder: give the directory above it, ${dirname(resolve(dir))}`);
}

/** @throws whatever the file system throws */
export function readDirectory(dir: string): Directory {
  const homes: string[] = [];
  const unfinished: string[] = [];
  const others: string[] = [];
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const { name } = entry;
    // false for a symbolic link, whatever its target is.
    const isDirectory = entry.isDirectory();
    if (isDirectory && HOME.test(name) && isMarked(join(dir, name))) homes.push(name);
    else if (isDirectory && UNFINISHED.test(name)) unfinished.push(name);
    else if (!(isDirectory && name === QUARANTINE)) others.push(name);
  }
  // A home loses its marker just before its owner removes it: it may be gone by now.
  const strangers = others.filter((name) => lstatSync(join(dir, name), { throwIfNoEntry: false }) !== undefined);
  return { homes, unfinished, strangers };
}

/** Segments in a home, in order. */
export function segmentsIn(home: string): string[] {
  return readHome(home).segments.map((name) => join(home, name));
}

export interface HomeContent {
  readonly segments: readonly string[];
  /** Names that are not ours. */
  readonly strangers: readonly string[];
}

/** @throws whatever the file system throws */
export function readHome(home: string): HomeContent {
  const entries = readdirSync(home, { withFileTypes: true });
  const isSegment = (name: string): boolean => SEGMENT.test(name);
  const isOurs = (name: string): boolean =>
    isSegment(name) || name === MARKER || name === LOCK_FILE || isLockCopy(name);
  return {
    segments: entries
      .filter((entry) => entry.isFile() && isSegment(entry.name))
      .map(({ name }) => name)
      .toSorted(),
    strangers: entries.filter((entry) => !(entry.isFile() && isOurs(entry.name))).map(({ name }) => name),
  };
}

/** Marks a directory as ours. @throws whatever the file system throws */
export function markHome(home: string): void {
  writeFileSync(join(home, MARKER), MARKER_TEXT, { mode: 0o600, flag: 'wx' });
}

export function isMarked(home: string): boolean {
  const path = join(home, MARKER);
  try {
    const marker = lstatSync(path);
    return marker.isFile() && marker.size === MARKER_TEXT.length && readFileSync(path, 'latin1') === MARKER_TEXT;
  } catch {
    // Missing or unreadable: not ours.
    return false;
  }
}

/**
 * Removes a home that has no segment any more. The marker is deleted after the lock: a crash in between leaves a home
 * without an owner, which the next publisher removes. Strangers' files stay, and so does the directory around them.
 *
 * @param unlock releases the lock
 * @throws whatever the file system throws
 */
export function removeHome(home: string, unlock: () => void): void {
  for (const entry of readdirSync(home, { withFileTypes: true })) {
    if (entry.isFile() && isLockCopy(entry.name)) deleteFile(join(home, entry.name));
  }
  unlock();
  deleteFile(join(home, MARKER));
  try {
    rmdirSync(home);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST' && code !== 'ENOENT') throw error;
  }
}

export function quarantined(dir: string): string[] {
  try {
    return readdirSync(join(dir, QUARANTINE)).filter((name) => QUARANTINED.test(name));
  } catch {
    return [];
  }
}

/** Moves a segment to the quarantine, under a free name. @throws whatever the file system throws */
export function moveToQuarantine(dir: string, path: string): void {
  const place = join(dir, QUARANTINE);
  try {
    mkdirSync(place, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    if (!lstatSync(place).isDirectory()) throw new Error(`${place} is no directory`, { cause: error });
  }
  renameSync(path, join(place, `${basename(path)}.${randomBytes(3).toString('hex')}`));
}

/** Deletes a file if it exists. @throws whatever the file system throws */
export function deleteFile(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** Boot ids that are set by hand may repeat, and no segment may replace another. @returns a path that is free */
export function freePath(home: string, name: string): string {
  const path = join(home, name);
  if (!existsSync(path)) return path;
  return `${path.slice(0, -SEGMENT_SUFFIX.length)}.${randomBytes(3).toString('hex')}${SEGMENT_SUFFIX}`;
}
