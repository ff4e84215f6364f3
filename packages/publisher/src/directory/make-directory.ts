import { mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** Only the user of this process may read, write or enter it. */
const MODE = 0o700;

/**
 * Makes a directory and its missing parents, one level at a time: `mkdirSync` with `recursive` never returns below
 * `/proc`, where it can neither make a directory nor find it missing. A symbolic link to a directory counts as a
 * directory.
 *
 * @returns the topmost directory that was made; undefined: the directory existed
 * @throws whatever the file system throws
 */
export function makeDirectory(path: string): string | undefined {
  const directory = resolve(path);
  try {
    mkdirSync(directory, { mode: MODE });
    return directory;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (isDirectory(directory)) return undefined;
    if (code !== 'ENOENT' || dirname(directory) === directory) throw error;
  }
  const topmost = makeDirectory(dirname(directory));
  try {
    mkdirSync(directory, { mode: MODE });
  } catch (error) {
    // Another process may have been faster.
    if (!isDirectory(directory)) throw error;
  }
  return topmost ?? directory;
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
