/** What is written is on the medium, and the names of new files too: they are what a directory has in it. */
import { open } from 'node:fs/promises';

/** @throws whatever the file system throws */
export async function syncFile(path: string): Promise<void> {
  await using file = await open(path, 'r');
  await file.sync();
}

/** Systems, volumes and rights that do not let a directory be opened or synced. Some sync names by themselves. */
const CANNOT_SYNC: ReadonlySet<unknown> = new Set([
  'EACCES',
  'EBADF',
  'EINVAL',
  'EISDIR',
  'ENOSYS',
  'ENOTSUP',
  'EPERM',
]);

/** As far as that is possible. @throws whatever else the file system throws, such as EIO */
export async function syncDirectory(path: string): Promise<void> {
  try {
    await syncFile(path);
  } catch (error) {
    if (!CANNOT_SYNC.has((error as NodeJS.ErrnoException).code)) throw error;
  }
}
