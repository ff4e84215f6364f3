/** A file that is only appended to. A write is all or nothing: what a failed one left is cut off. */
import type { Buffer } from 'node:buffer';
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';

export interface AppendFile {
  /** @param at the length of the file @throws whatever the file system throws; the file has its old length then */
  write(data: Buffer, at: number): void;
  /** @throws whatever the file system throws */
  close(): void;
}

/** Creates the file, mode 0600. @param notCut a failed write could not be cut off @throws when there is such a file */
export function createAppendFile(path: string, notCut: (error: unknown) => void): AppendFile {
  const fd = openSync(path, 'wx', 0o600);
  return {
    write(data, at) {
      let done = 0;
      try {
        // A disk that fills up takes a part first and fails afterwards.
        while (done < data.length) done += writeSync(fd, data, done, data.length - done, at + done);
      } catch (error) {
        try {
          ftruncateSync(fd, at);
        } catch (cause) {
          notCut(cause);
        }
        throw error;
      }
    },
    close: () => closeSync(fd),
  };
}
