/** One word a concept: what ARCHITECTURE.md says about words and places is true of the code. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  exportedNames,
  fileNames,
  misnamed,
  namesExportedBy,
  parseGlossary,
  readArchitecture,
  wordsOf,
} from './glossary.ts';

const page = readArchitecture();
const glossary = parseGlossary(page);

test('the glossary explains the words of the format', () => {
  const words = glossary.map(({ word }) => word);
  expect(words).toEqual(
    expect.arrayContaining(['event', 'entry', 'block', 'chain', 'head', 'totals', 'usage', 'verdict']),
  );
  expect(words).toHaveLength(new Set(words).size);
  for (const { word, means } of glossary) expect(means, word).not.toBe('');
});

test('no word is both the right one and a wrong one', () => {
  const right = new Set(glossary.flatMap(({ word }) => word.split(' ')));
  expect(glossary.flatMap(({ not }) => not).filter((word) => right.has(word))).toEqual([]);
});

test('no exported name has a wrong word', () => {
  const names = exportedNames();
  expect(names.map(({ name }) => name)).toEqual(expect.arrayContaining(['createPublisher', 'usage', 'Verdict']));
  expect(misnamed(names, glossary)).toEqual([]);
});

test('no source file has a wrong word in its name', () => {
  const names = fileNames();
  expect(names.map(({ name }) => name)).toContain('read-message');
  expect(misnamed(names, glossary)).toEqual([]);
});

test('the files and rooms that ARCHITECTURE.md names exist', () => {
  const paths = [...page.matchAll(/`((?:schema|publisher|verify|consumer)\/[\w/.-]+)`/g)].map(([, path = '']) => path);
  expect(paths.length).toBeGreaterThan(8);
  const gone = paths.filter((path) => {
    const [, pkg = '', file = ''] = /^([^/]+)\/(.*)$/.exec(path) ?? [];
    return !existsSync(join(import.meta.dirname, '../packages', pkg, 'src', file));
  });
  expect(gone).toEqual([]);
});

test.for(['schema', 'publisher', 'verify', 'consumer'])(
  'ARCHITECTURE.md names all rooms of %s, and no others',
  (pkg) => {
    const folders = readdirSync(join(import.meta.dirname, '../packages', pkg, 'src'), { withFileTypes: true });
    const rooms = folders.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    const [, text = ''] = new RegExp(`^    ${pkg} +(.*(?:\\n {6,}.*)*)$`, 'm').exec(page) ?? [];
    expect(
      text
        .replace(/ {2,}pure.*$/, '')
        .match(/\w+/g)
        ?.toSorted(),
    ).toEqual(rooms.toSorted());
  },
);

describe('these checks find', () => {
  test('words', () => {
    expect(wordsOf('MAX_OPEN_HOLES')).toEqual(['max', 'open', 'holes']);
    expect(wordsOf('createHoleFinder')).toEqual(['create', 'hole', 'finder']);
    expect(wordsOf('parseJSONText')).toEqual(['parse', 'json', 'text']);
    expect(wordsOf('open-holes')).toEqual(['open', 'holes']);
  });

  test('names in export lists and declarations', () => {
    const source = [
      "export { a, type B, c as d } from './a.ts';",
      "export type { E } from './e.ts';",
      '/** export const no = 1; */',
      'export function f() {}',
      'export interface G {}',
    ].join('\n');
    expect(namesExportedBy(source)).toEqual(['a', 'B', 'd', 'E', 'f', 'G']);
  });

  test('a wrong word', () => {
    const terms = parseGlossary('| word | means | not |\n|---|---|---|\n| missing events | … | hole, void |\n');
    const names = ['OpenHoles', 'voidChain', 'whole'].map((name) => ({ name, place: 'p' }));
    expect(misnamed(names, terms)).toEqual([
      'p: OpenHoles (the word is: missing events)',
      'p: voidChain (the word is: missing events)',
    ]);
  });
});
