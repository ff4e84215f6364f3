/**
 * The glossary of ARCHITECTURE.md, and the names in the packages' sources. `glossary.test.ts` holds the two together.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const PACKAGES = join(ROOT, 'packages');

export interface Term {
  readonly word: string;
  readonly means: string;
  /** Single words, in lower case, that nobody uses for it. */
  readonly not: readonly string[];
}

/** A name and where it is: an export of a source file, or the file itself. */
export interface Name {
  readonly name: string;
  readonly place: string;
}

export function readArchitecture(): string {
  return readFileSync(join(ROOT, 'ARCHITECTURE.md'), 'utf8');
}

/** The rows of the table `| word | means | not |`. */
export function parseGlossary(page: string): Term[] {
  const [, rows = ''] = /^\| word \| means \| not \|\n\|[-|]+\|\n((?:\|.*\|\n)+)/m.exec(page) ?? [];
  return rows
    .trim()
    .split('\n')
    .map((row) => {
      const [, word = '', means = '', not = ''] = row.split('|').map((cell) => cell.trim());
      return { word, means, not: not === '' ? [] : not.split(', ') };
    });
}

/** What the source files of all packages export, entry points included. */
export function exportedNames(): Name[] {
  return sourceFiles().flatMap(({ place, path }) =>
    namesExportedBy(readFileSync(path, 'utf8')).map((name) => ({ name, place })),
  );
}

/** Source files without tests, by their names. */
export function fileNames(): Name[] {
  return sourceFiles().map(({ place }) => ({ name: basename(place, '.ts'), place }));
}

function sourceFiles(): { place: string; path: string }[] {
  const packages = readdirSync(PACKAGES, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return packages.flatMap(({ name: pkg }) => {
    const src = join(PACKAGES, pkg, 'src');
    return readdirSync(src, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
      .map((file) => ({ place: `${pkg}/${file}`, path: join(src, file) }));
  });
}

export function namesExportedBy(source: string): string[] {
  const code = source.replaceAll(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, '');
  const lists = [...code.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].flatMap(([, list = '']) =>
    list.split(',').map((item) =>
      item
        .trim()
        .replace(/^type /, '')
        .replace(/^.* as /, ''),
    ),
  );
  const declared = code.matchAll(/^export (?:async )?(?:const|function|class|interface|type|enum) (\w+)/gm);
  return [...lists, ...[...declared].map(([, name = '']) => name)].filter((name) => name !== '');
}

/** `MAX_OPEN_HOLES`, `OpenHoles` and `open-holes` have the words open, hole(s). */
export function wordsOf(name: string): string[] {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replaceAll(/([A-Z])([A-Z][a-z])/g, '$1 $2')
    .split(/[^A-Za-z0-9]+/)
    .map((word) => word.toLowerCase());
}

/** Each name with a word that the glossary forbids, and the word to use. */
export function misnamed(names: readonly Name[], glossary: readonly Term[]): string[] {
  const instead = new Map(glossary.flatMap(({ word, not }) => not.map((forbidden) => [forbidden, word] as const)));
  return names.flatMap(({ name, place }) =>
    wordsOf(name).flatMap((word) => {
      const better = instead.get(word) ?? instead.get(word.replace(/s$/, ''));
      return better === undefined ? [] : [`${place}: ${name} (the word is: ${better})`];
    }),
  );
}
