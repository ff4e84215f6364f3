/**
 * Brings files to the medium, and the names of new files: a name is content of its directory and needs a sync of its
 * own.
 */
import { open } from 'node:fs/promises';

/** @throws whatever the file system throws */
export async function syncFile(path: string): Promise<void> {
  await using file = await open(path, 'r');
  await file.sync();
}

/** Errors of systems and volumes that cannot open or sync a directory. Some of them sync names by themselves. */
const CANNOT_SYNC: ReadonlySet<unknown> = new Set([
  'EACCES',
  'EBADF',
  'EINVAL',
  'EISDIR',
  'ENOSYS',
  'ENOTSUP',
  'EPERM',
]);

/** Does nothing where directories cannot be synced. @throws any other error of the file system, such as EIO */
export async function syncDirectory(path: string): Promise<void> {
  try {
    await syncFile(path);
  } catch (error) {
    if (!CANNOT_SYNC.has((error as NodeJS.ErrnoException).code)) throw error;
  }
}
