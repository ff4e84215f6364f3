import { linkSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The locks of this process: in a container every process has the same id, also the one that crashed before. */
const held = new Set<string>();

/**
 * Takes a directory for this process: a file `lock` with its process id. What a dead process left is taken over.
 *
 * @returns gives it back
 * @throws Error naming the process that has it; else what the file system says
 */
export function lockDirectory(directory: string): () => void {
  const path = join(realpathSync(directory), 'lock');
  const own = `${path}.${process.pid}.${performance.now()}`;
  writeFileSync(own, String(process.pid), { mode: 0o600 });
  try {
    // A link is there with its content or not at all, and fails when there is one already.
    for (let tries = 0; ; tries++) {
      try {
        linkSync(own, path);
        held.add(path);
        return () => {
          if (held.delete(path)) rmSync(path, { force: true });
        };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || tries > 3) throw error;
      }
      const holder = Number(readFileSync(path, 'utf8'));
      if (holder === process.pid ? held.has(path) : isAlive(holder))
        throw new Error(`process ${holder} has ${directory}`);
      rmSync(path, { force: true });
    }
  } finally {
    rmSync(own, { force: true });
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It is there, and somebody else's.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
