import { mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** For us alone. */
const MODE = 0o700;

/**
 * Makes a directory and those above it, level by level: `mkdirSync` with `recursive` never returns below `/proc`, where
 * a directory can neither be made nor be missing. A link to a directory is one.
 *
 * @returns the topmost one that was made; undefined: it was there
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
