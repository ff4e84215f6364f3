/** The glossary of ARCHITECTURE.md, and the names that packages export. `glossary.test.ts` holds the two together. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const PACKAGES = join(ROOT, 'packages');

export interface Term {
  readonly word: string;
  readonly means: string;
  /** Single words, in lower case, that nobody uses for it. */
  readonly not: readonly string[];
}

/** A name and where it is: an export of an entry point, or a source file. */
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

/** What a reader may import: the names in the export lists of all entry points. Lists name everything, no `export *`. */
export function exportedNames(): Name[] {
  return packagesOf().flatMap((pkg) => {
    const { exports } = JSON.parse(readFileSync(join(PACKAGES, pkg, 'package.json'), 'utf8')) as {
      exports: Readonly<Record<string, string | { readonly source?: string }>>;
    };
    const sources = Object.values(exports).flatMap((target) =>
      typeof target === 'string' ? [] : (target.source ?? []),
    );
    return sources.flatMap((source) =>
      namesExportedBy(readFileSync(join(PACKAGES, pkg, source), 'utf8')).map((name) => ({
        name,
        place: `${pkg}/${source.replace('./src/', '')}`,
      })),
    );
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

/** Source files without tests, by their names. */
export function fileNames(): Name[] {
  return packagesOf().flatMap((pkg) =>
    readdirSync(join(PACKAGES, pkg, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
      .map((file) => ({ name: basename(file, '.ts'), place: `${pkg}/${dirname(file)}` })),
  );
}

function packagesOf(): string[] {
  return readdirSync(PACKAGES, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
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
