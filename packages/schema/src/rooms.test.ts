/** The rule of the rooms, held against every import of the sources. Tests may import anything. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, test } from 'vitest';

const SRC = import.meta.dirname;
/** Each room imports rooms before it. */
const ROOMS = ['', 'config', 'json', 'event', 'event/types', 'message', 'ledger', 'verify', 'bill', 'fast'];
/** These may import any room. */
const ENTRY_POINTS = new Set(['index.ts', 'internal.ts']);

interface Import {
  /** As the source has it. */
  readonly specifier: string;
  /** Relative to `src`; null for a package. */
  readonly file: string | null;
}

const sources = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter(
  (file) => file.endsWith('.ts') && !file.endsWith('.test.ts'),
);
const imports = new Map(sources.map((file) => [file, importsOf(file)]));

/** All imports of a file. Imports of types count, because a reader has to know them too. */
function importsOf(file: string): Import[] {
  const text = readFileSync(join(SRC, file), 'utf8');
  const found = text.matchAll(/^(?:import|export) (?:[^;'=()]*? from )?'([^']+)';$/gm);
  return Array.from(found, ([, specifier = '']) => ({
    specifier,
    file: specifier.startsWith('.') ? relative(SRC, join(SRC, dirname(file), specifier)) : null,
  }));
}

const roomOf = (file: string): string => (file.includes('/') ? dirname(file) : '');

/** Everything that a file imports, and what that imports. */
function reach(file: string, seen = new Set<string>()): Set<string> {
  for (const { specifier, file: imported } of imports.get(file) ?? []) {
    if (seen.has(imported ?? specifier)) continue;
    seen.add(imported ?? specifier);
    if (imported !== null) reach(imported, seen);
  }
  return seen;
}

test('there are imports to look at, in rooms that are known', () => {
  expect([...imports.values()].flat().length).toBeGreaterThan(200);
  expect(sources.filter((file) => !ROOMS.includes(roomOf(file)))).toEqual([]);
  expect([...imports.values()].flat().filter(({ file }) => file !== null && !imports.has(file))).toEqual([]);
});

test('each room imports itself and the rooms before it', () => {
  const upward = [...imports].flatMap(([from, all]) =>
    ENTRY_POINTS.has(from)
      ? []
      : all.flatMap(({ file }) =>
          file !== null && ROOMS.indexOf(roomOf(file)) > ROOMS.indexOf(roomOf(from)) ? [`${from} imports ${file}`] : [],
        ),
  );
  expect(upward).toEqual([]);
});

test('no file imports itself by way of others', () => {
  expect(sources.filter((file) => reach(file).has(file))).toEqual([]);
});

test('the only way into fast/ is install.ts, from the entry points', () => {
  const ways = [...imports].flatMap(([from, all]) =>
    all.flatMap(({ file }) =>
      file !== null && roomOf(file) === 'fast' && roomOf(from) !== 'fast' ? [`${from} imports ${file}`] : [],
    ),
  );
  // The folder may have been deleted.
  const isThere = sources.some((file) => roomOf(file) === 'fast');
  const expected = isThere ? Array.from(ENTRY_POINTS, (from) => `${from} imports fast/install.ts`) : [];
  expect(ways.toSorted()).toEqual(expected.toSorted());
});

test('a verifier needs no zod: neither ledger/, verify/ and bill/ nor the rooms that know nothing of events reach it', () => {
  const free = new Set(['config', 'json', 'ledger', 'verify', 'bill']);
  const reaching = sources.filter((file) => {
    const isRoot = roomOf(file) === '' && !ENTRY_POINTS.has(file);
    return (
      (isRoot || free.has(roomOf(file))) && [...reach(file)].some((one) => one === 'zod' || one.startsWith('zod/'))
    );
  });
  expect(reaching).toEqual([]);
  // The test can tell the difference.
  expect(reach('event/event.ts')).toContain('zod');
});

test('the packages that are imported are the three that the manifest names', () => {
  const packages = [...imports.values()].flat().flatMap(({ specifier, file }) => (file === null ? [specifier] : []));
  expect([...new Set(packages)].toSorted()).toEqual(['@noble/hashes/sha2.js', '@noble/hashes/utils.js', 'zod']);
});
