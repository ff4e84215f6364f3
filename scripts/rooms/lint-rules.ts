/**
 * The table of rooms as lint rules: one `no-restricted-imports` override a folder.
 *
 * Of several overrides that match a file the last one wins as a whole. So each carries every ban that holds for its
 * files, and wider overrides come before narrower ones.
 */
import { posix } from 'node:path';
import type { OxlintOverride } from 'oxlint';
import { type Ban, type Package, type Room, ROOMS } from './rooms.ts';

interface Pattern {
  regex: string;
  message: string;
}

const RULE = "Files at the root of src are the package's vocabulary: they import no folder.";
const TABLE = 'scripts/rooms/rooms.ts';

export function lintRules(): OxlintOverride[] {
  return Object.entries(ROOMS).flatMap(([name, tree]) => overridesOf(`packages/${name}/src`, tree));
}

function overridesOf(src: string, tree: Package): OxlintOverride[] {
  const bans = (room?: Room): readonly Ban[] => [...tree.bans, ...(room?.bans ?? [])];
  const rooms = Object.entries(tree.rooms);
  const overrides = [
    override([`${src}/**/*.ts`], [homeless(), ...patternsOf(bans())]),
    override([`${src}/*.ts`], [...rootPatterns(tree), ...patternsOf(bans())]),
    override(
      tree.entryPoints.map((file) => `${src}/${file}`),
      patternsOf(bans()),
    ),
    ...rooms.map(([folder, room]) =>
      override([`${src}/${folder}/*.ts`], [...roomPatterns(folder, tree), ...patternsOf(bans(room))]),
    ),
  ];
  return [...overrides, ...exceptions(src, tree), ...testOverrides(src, tree)];
}

/** A file that may import what its room may not has an override of its own. */
function exceptions(src: string, tree: Package): OxlintOverride[] {
  const files = new Set(tree.bans.flatMap(({ except = [] }) => except));
  return [...files].map((file) => {
    const folder = posix.dirname(file);
    const bans = [...tree.bans, ...(tree.rooms[folder]?.bans ?? [])].filter(({ except }) => !except?.includes(file));
    return override([`${src}/${file}`], [...roomPatterns(folder, tree), ...patternsOf(bans)]);
  });
}

/** A unit test may build what it needs from all of its package. What the package never imports, it does not either. */
function testOverrides(src: string, tree: Package): OxlintOverride[] {
  const bans = tree.bans.filter(({ testsMay, except }) => !testsMay && !except);
  return [override([`${src}/**/*.test.ts`], patternsOf(bans))];
}

function override(files: string[], patterns: Pattern[]): OxlintOverride {
  return { files, rules: { 'no-restricted-imports': ['error', { patterns }] } };
}

function patternsOf(bans: readonly Ban[]): Pattern[] {
  return bans.map(({ specifier, because }) => ({ regex: specifier, message: because }));
}

/** For files in folders without a row: none of the overrides below takes this one's place. */
function homeless(): Pattern {
  return { regex: '^\\.', message: `This folder has no row in ${TABLE}, which says what each folder may import.` };
}

function rootPatterns(tree: Package): Pattern[] {
  return [forbid('.', Object.keys(tree.rooms), RULE)];
}

function roomPatterns(folder: string, tree: Package): Pattern[] {
  const { imports } = tree.rooms[folder] ?? { imports: [] };
  const forbidden = Object.keys(tree.rooms).filter((other) => other !== folder && !imports.includes(other));
  const may = imports.length === 0 ? 'no other folder' : `only ${imports.join(', ')}`;
  const message =
    `${folder}/ may import the files at the root of src and ${may} (${TABLE}): ` +
    'folders import only downward, and siblings never import each other.';
  return [
    forbid(folder, forbidden, message),
    {
      regex: `^${relative(folder, '.')}/(${tree.entryPoints.map(escape).join('|')})$`,
      message: 'An entry point brings the folders together, so no folder imports it.',
    },
  ];
}

/** Matches imports of files in `others`, as a file in `folder` writes them. */
function forbid(folder: string, others: readonly string[], message: string): Pattern {
  return { regex: `^(${others.map((other) => relative(folder, other)).join('|')})/[^/]+$`, message };
}

function relative(from: string, to: string): string {
  const path = posix.relative(from, to);
  return escape(path.startsWith('.') ? path : `./${path}`);
}

function escape(text: string): string {
  return text.replaceAll('.', String.raw`\.`);
}
