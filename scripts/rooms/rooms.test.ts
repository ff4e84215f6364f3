/** The table of rooms covers every folder, and lint enforces it. */
import { execFile } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, posix } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { ROOMS } from './rooms.ts';

const ROOT = join(import.meta.dirname, '../..');
const RESTRICTED = 'eslint(no-restricted-imports)';
const PACKAGES = Object.entries(ROOMS);

describe.for(PACKAGES)('packages/%s/src', ([name, tree]) => {
  const src = join(ROOT, 'packages', name, 'src');

  test('every folder is a room, and every room is a folder', () => {
    const folders = readdirSync(src, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ parentPath, name: folder }) => join(parentPath, folder).slice(src.length + 1));
    expect(Object.keys(tree.rooms).toSorted()).toEqual(folders.toSorted());
  });

  test('a room imports only rooms above it in the table, so there is no circle of rooms', () => {
    const above = new Set<string>();
    for (const [folder, { imports }] of Object.entries(tree.rooms)) {
      expect(
        imports.filter((other) => !above.has(other)),
        folder,
      ).toEqual([]);
      above.add(folder);
    }
  });

  test.for(Object.entries(tree.rooms))('%s/ imports every room that its row names', ([folder, { imports }]) => {
    const files = globSync('*.ts', { cwd: join(src, folder) }).filter((file) => !file.endsWith('.test.ts'));
    const imported = files.flatMap((file) => {
      const text = readFileSync(join(src, folder, file), 'utf8');
      return [...text.matchAll(/'(\.{1,2}\/[^']+\.ts)'/g)].map(([, path = '']) => posix.join(folder, dirname(path)));
    });
    expect(imports.filter((room) => !imported.includes(room))).toEqual([]);
  });

  test.for(Object.keys(tree.rooms))('one file of %s/ begins with a paragraph about the room', (folder) => {
    const files = globSync('*.ts', { cwd: join(src, folder) }).filter((file) => !file.endsWith('.test.ts'));
    const begins = (file: string): string => readFileSync(join(src, folder, file), 'utf8').replace(/^#!.*\n/, '');
    const mainFiles = files.filter((file) => begins(file).startsWith(`/**\n * The \`${folder}/\` room: `));
    expect(mainFiles, 'what lives here, what may come in, what never may').toHaveLength(1);
  });

  test('every file that the manifest names at the root of src is an entry point', () => {
    expect(tree.entryPoints.toSorted()).toEqual(expect.arrayContaining(entryPointsOf(name)));
  });

  test('the files that may break a ban exist', () => {
    const bans = [tree, ...Object.values(tree.rooms)].flatMap((row) => row.bans ?? []);
    for (const file of bans.flatMap(({ except = [] }) => except)) {
      expect(readFileSync(join(src, file), 'utf8'), file).not.toBe('');
    }
  });
});

function entryPointsOf(name: string): string[] {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'packages', name, 'package.json'), 'utf8')) as {
    exports: Record<string, { source?: string }>;
    bin?: Record<string, string>;
  };
  const commands = Object.values(manifest.bin ?? {}).map((file) => file.replace('dist', 'src').replace(/js$/, 'ts'));
  return [...Object.values(manifest.exports).flatMap(({ source }) => source ?? []), ...commands]
    .map((file) => file.replace('./src/', ''))
    .filter((file) => dirname(file) === '.' && file !== 'node-version.ts');
}

describe('lint', () => {
  const forbidden: readonly { why: string; file: string; text: string; says: string }[] = [
    {
      why: 'a folder without a row',
      file: 'packages/schema/src/new-folder/file.ts',
      text: "export { hash } from '../hash.ts';",
      says: 'This folder has no row in scripts/rooms/rooms.ts',
    },
    {
      why: 'an entry point in a folder',
      file: 'packages/schema/src/json/entry-point.ts',
      text: "export type { Json } from '../index.ts';",
      says: 'An entry point brings the folders together, so no folder imports it.',
    },
    {
      why: 'zod in the offline verifier',
      file: 'packages/schema/src/verify/zod.ts',
      text: "import { z } from 'zod';\nexport const text = z.string();",
      says: 'The ledger and its verification never import zod',
    },
    {
      why: 'Node in schema',
      file: 'packages/schema/src/ledger/node.ts',
      text: "export { createHash } from 'node:crypto';",
      says: 'only its tests may import modules of Node',
    },
    {
      why: 'a package above schema, in a test too',
      file: 'packages/schema/src/ledger/above.test.ts',
      text: "export { createPublisher } from '@waybill/publisher';",
      says: 'schema is pure',
    },
    {
      why: 'NATS in verify',
      file: 'packages/verify/src/input/nats.ts',
      text: "export { connect } from '@nats-io/transport-node';",
      says: 'verify imports Node and @waybill/schema/verify',
    },
    {
      why: 'what reaches zod in verify',
      file: 'packages/verify/src/judge/schema.ts',
      text: "export { verify } from '@waybill/schema/internal';",
      says: 'verify imports Node and @waybill/schema/verify',
    },
    {
      why: 'another package in verify',
      file: 'packages/verify/src/cli/pino.ts',
      text: "export { pino } from 'pino';",
      says: 'verify imports Node and @waybill/schema/verify',
    },
    {
      why: 'publisher in consumer',
      file: 'packages/consumer/src/writer/publisher.ts',
      text: "export { createPublisher } from '@waybill/publisher';",
      says: 'publisher and consumer never import each other',
    },
    {
      why: 'consumer in publisher, also later',
      file: 'packages/publisher/src/queue/consumer.ts',
      text: "export const later = import('@waybill/consumer');",
      says: 'publisher and consumer never import each other',
    },
    {
      why: 'the tap beside its one importer',
      file: 'packages/consumer/src/writer/tap.ts',
      text: "export { tapDeliveries } from '../nats/delivery-tap.ts';",
      says: 'Only the writer may choose delivery-tap',
    },
    {
      why: 'Waybill in nats/',
      file: 'packages/consumer/src/nats/waybill.ts',
      text: "export type { Event } from '@waybill/schema/internal';",
      says: 'nats/ knows NATS and nothing of Waybill.',
    },
  ];
  const allowed = {
    'packages/consumer/src/writer/writer-paths.ts': "export { tapDeliveries } from '../nats/delivery-tap.ts';",
    'packages/consumer/src/nats/delivery-tap.test.ts': "export { tapDeliveries } from './delivery-tap.ts';",
    'packages/schema/src/verify/pure.ts': "export { sha256 } from '@noble/hashes/sha2.js';",
    'packages/verify/src/input/node.ts': "export { stat } from 'node:fs/promises';",
    'packages/verify/src/judge/judge.ts': "export { verify } from '@waybill/schema/verify';",
    'packages/schema/src/verify/file.test.ts': "export { createHash } from 'node:crypto';",
  };
  const circle = {
    'packages/schema/src/json/one.ts': "import type { Two } from './two.ts';\nexport type One = Two[];",
    'packages/schema/src/json/two.ts': "import type { One } from './one.ts';\nexport type Two = One[];",
  };

  let problems: readonly Problem[] = [];
  beforeAll(async () => {
    const files = { ...allowed, ...circle, ...Object.fromEntries(forbidden.map(({ file, text }) => [file, text])) };
    problems = await lint({ ...files, ...everyImport() });
  });
  const helpFor = (file: string): string[] =>
    problems.flatMap(({ filename, code, help }) => (filename === file && code === RESTRICTED ? help : []));

  test.for(forbidden)('$why: $file', ({ file, says }) => {
    expect(helpFor(file)).toEqual([expect.stringContaining(says)]);
  });

  test.for(Object.keys(allowed))('%s may import what it does', (file) => {
    expect(helpFor(file)).toEqual([]);
  });

  test('a circle of types', () => {
    const codes = problems.flatMap(({ filename, code }) => (filename in circle ? code : []));
    expect(codes).toEqual(['import(no-cycle)', 'import(no-cycle)']);
  });

  for (const [name, tree] of PACKAGES) {
    const src = `packages/${name}/src`;
    const rooms = Object.keys(tree.rooms);

    test.for(Object.entries(tree.rooms))(`${src}/%s imports only what its row names`, ([folder, { imports }]) => {
      const help = helpFor(`${src}/${folder}/file.ts`);
      const mayNot = rooms.filter((other) => other !== folder && !imports.includes(other));
      expect(help).toEqual(mayNot.map(() => expect.stringContaining(`${folder}/ may import the files at the root`)));
    });

    test(`files at the root of ${src} import no folder, entry points may`, () => {
      const help = helpFor(`${src}/file.ts`);
      expect(help).toEqual(
        rooms.map(() => "Files at the root of src are the package's vocabulary: they import no folder."),
      );
      for (const file of tree.entryPoints) expect(helpFor(`${src}/${file}`), file).toEqual([]);
    });
  }
});

/** Of each room a file that imports every room, the same at the root of src, and as the entry points. */
function everyImport(): Record<string, string> {
  const files = PACKAGES.flatMap(([name, tree]) => {
    const rooms = Object.keys(tree.rooms);
    const atRoot = rooms.map((other) => `import './${other}/target.ts';`).join('\n');
    return [
      ...['file.ts', ...tree.entryPoints].map((file) => [`packages/${name}/src/${file}`, atRoot]),
      ...rooms.map((folder) => {
        const up = folder.replaceAll(/[^/]+/g, '..');
        const others = rooms.filter((other) => other !== folder);
        const lines = others.map((other) => {
          const path = posix.relative(folder, other);
          return `import '${path.startsWith('.') ? path : `./${path}`}/target.ts';`;
        });
        return [`packages/${name}/src/${folder}/file.ts`, [...lines, `import '${up}/file-at-root.ts';`].join('\n')];
      }),
    ];
  });
  return Object.fromEntries(files) as Record<string, string>;
}

interface Problem {
  readonly filename: string;
  readonly code: string;
  readonly help: string;
}

/** What lint finds in a repository of these files. */
async function lint(files: Readonly<Record<string, string>>): Promise<Problem[]> {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-rooms-'));
  try {
    writeFileSync(join(folder, 'oxlint.config.ts'), `export { default } from '${join(ROOT, 'oxlint.config.ts')}';\n`);
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      writeFileSync(join(folder, file), `${text}\n`);
    }
    const oxlint = join(ROOT, 'node_modules/.bin/oxlint');
    const lints = promisify(execFile)(oxlint, ['--format=json'], { cwd: folder, maxBuffer: 2 ** 26 });
    const { stdout } = await lints.catch((error: { stdout: string }) => error);
    return (JSON.parse(stdout) as { diagnostics: Problem[] }).diagnostics;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
