/** Reference vectors beside the repository (`../shared/vectors`). They are read where they are. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The folder of these vectors; null: there is none, and the tests are skipped. */
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
