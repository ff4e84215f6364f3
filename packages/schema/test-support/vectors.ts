/** Reference vectors that stand beside the repository (`../shared/vectors`): read where they are, never copied in. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The folder of these vectors, or null when this checkout has none; tests then skip visibly. */
export function findVectors(name: string): string | null {
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    const candidate = join(folder, 'shared', 'vectors', name);
    if (existsSync(candidate)) return candidate;
    if (folder === dirname(folder)) return null;
  }
}

export function listVectors(folder: string | null): string[] {
  return folder === null ? [] : readdirSync(folder).filter((name) => name.endsWith('.json'));
}

export function readVector(folder: string, name: string): string {
  return readFileSync(join(folder, name), 'utf8');
}
