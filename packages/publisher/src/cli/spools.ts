/** What is in a directory of spools, for people. */
import { join } from 'node:path';
import { isOwned } from '../directory/directory-lock.ts';
import { readSegment } from '../spool/segment-file.ts';
import { type Directory, readDirectory, refuseHome, segmentsIn } from '../spool/spool-directory.ts';

interface HomeReport {
  readonly bootId: string;
  readonly alive: boolean;
  readonly segments: number;
  readonly events: number;
  readonly bytes: number;
  readonly damaged: number;
}

/** Counts the events in a publisher's home. Reads only. */
export function inspect(dir: string, bootId: string): HomeReport {
  const home = join(dir, bootId);
  const counts = { segments: 0, events: 0, bytes: 0, damaged: 0 };
  for (const path of segmentsIn(home)) {
    const reader = readSegment(path);
    counts.segments++;
    for (let item = reader.next(); item.kind !== 'end'; item = reader.next()) {
      if (item.kind === 'damaged') counts.damaged++;
      else {
        counts.events++;
        counts.bytes += item.bytes;
      }
    }
    reader.close();
  }
  return { bootId, alive: isOwned(home), ...counts };
}

/** @throws Error in words for people */
export function readSpools(dir: string): Directory {
  try {
    refuseHome(dir);
    return readDirectory(dir);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new Error(`there is no directory ${dir}`, { cause: error });
    if (code === 'ENOTDIR') throw new Error(`${dir} is no directory`, { cause: error });
    if (code === 'EACCES') throw new Error(`${dir} may not be read`, { cause: error });
    throw error;
  }
}
