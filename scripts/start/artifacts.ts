/** The artifacts of the demonstration: the files of the packages that are installed under node_modules. */
import { hash } from 'node:crypto';
import { statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';

export interface Artifact {
  readonly orgid: string;
  readonly path: string;
  /** Relative to node_modules. */
  readonly name: string;
}

/** A few files are larger than a thousand of the others together, and would be all that is waited for. */
const MAX_BYTES = 1024 * 1024;
/** The packages with the most files are organizations; all others are one more. */
const LARGE_PACKAGES = 11;
const OTHERS = 'other-packages';

/** In an order that is the same each time and takes all organizations in turns, so that any part is a fair sample. */
export async function listArtifacts(nodeModules: string): Promise<Artifact[]> {
  const files = await listFiles(nodeModules);
  const counts = new Map<string, number>();
  for (const { orgid } of files) counts.set(orgid, (counts.get(orgid) ?? 0) + 1);
  const bySize = [...counts].toSorted(([, a], [, b]) => b - a);
  const large = new Set(bySize.slice(0, LARGE_PACKAGES).map(([orgid]) => orgid));
  return files
    .map((file) => (large.has(file.orgid) ? file : { ...file, orgid: OTHERS }))
    .map((file) => ({ file, key: hash('sha256', file.name) }))
    .toSorted((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ file }) => file);
}

async function listFiles(nodeModules: string): Promise<Artifact[]> {
  const files: Artifact[] = [];
  // Not `recursive`, which follows links: each file is to be met once, in its own package.
  const folders = [nodeModules];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) folders.push(path);
      else if (entry.isFile()) files.push(...asArtifact(path, relative(nodeModules, path)));
    }
  }
  return files;
}

function asArtifact(path: string, name: string): Artifact[] {
  const orgid = organizationOf(name);
  return orgid !== null && statSync(path).size <= MAX_BYTES ? [{ orgid, path, name }] : [];
}

/** `.pnpm/zod@4.6.7/node_modules/zod/index.js` belongs to `zod`; a file outside of any package to nobody. */
function organizationOf(name: string): string | null {
  const parts = name.split(sep);
  const start = parts.lastIndexOf('node_modules') + 1;
  const [first = '', second = ''] = parts.slice(start);
  const scoped = first.startsWith('@');
  if (first.startsWith('.') || parts.length - start < (scoped ? 3 : 2)) return null;
  return (scoped ? `${first.slice(1)}-${second}` : first).replaceAll(/[^A-Za-z0-9_-]/g, '-').slice(0, 64);
}
