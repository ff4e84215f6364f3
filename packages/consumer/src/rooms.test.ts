/** The rooms of this package: a folder imports only folders below it, and files at the root import no folder. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, test } from 'vitest';

const SOURCE = import.meta.dirname;
/** From the lowest up. Folders of one row are siblings, and never import each other. */
const FLOORS = [
  ['config'],
  ['nats'],
  ['streams'],
  ['ledger'],
  ['audit'],
  ['writer', 'usage', 'verify', 'export'],
  ['bill'],
  ['service'],
  ['cli'],
];
/** Entry points: files at the root that may import folders. */
const ENTRY_POINTS = ['index.ts', 'cli.ts'];

const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' }).filter((file) =>
  /(?<!\.test)\.ts$/.test(file),
);

/** What a file imports, types included: names of packages, and paths from the source folder. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(SOURCE, file), 'utf8');
  return [...text.matchAll(/^(?:import|export) (?:[^;]*? from )?'([^']+)';$/gm)].map(([, name = '']) =>
    name.startsWith('.') ? relative(SOURCE, join(SOURCE, dirname(file), name)) : name,
  );
}

/** 0 for files at the root. */
function floorOf(file: string): number {
  const room = dirname(file);
  return room === '.' ? 0 : FLOORS.findIndex((rooms) => rooms.includes(room)) + 1;
}

const internal = files.flatMap((file) =>
  importsOf(file)
    .filter((name) => name.endsWith('.ts'))
    .map((imported) => [file, imported] as const),
);

test('every file is in a room that is known here', () => {
  expect(internal.length).toBeGreaterThan(files.length);
  expect(files.filter((file) => dirname(file) !== '.' && floorOf(file) === 0)).toEqual([]);
});

test('a folder imports only itself, the root, and folders below it', () => {
  const wrong = internal.filter(
    ([file, imported]) =>
      !ENTRY_POINTS.includes(file) &&
      dirname(file) !== dirname(imported) &&
      floorOf(imported) >= Math.max(1, floorOf(file)),
  );
  expect(wrong).toEqual([]);
});

test('nats/ knows nothing of Waybill', () => {
  const wrong = files.filter(
    (file) => dirname(file) === 'nats' && importsOf(file).some((name) => name.startsWith('@waybill/')),
  );
  expect(wrong).toEqual([]);
});

test('no import goes round in a circle', () => {
  const done = new Set<string>();
  const circles: string[][] = [];
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file]);
    if (path.includes(file) || done.has(file)) return;
    for (const [, imported] of internal.filter(([from]) => from === file)) visit(imported, [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
  expect(circles).toEqual([]);
});
