/** What a verifier loads that has only lines and keys: a page in a browser, or a program without dependencies. */
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { build, type Metafile } from 'esbuild';
import { beforeAll, describe, expect, test } from 'vitest';

const SRC = join(import.meta.dirname, '../../packages/schema/src');

describe.for(['json', 'ledger', 'verify', 'bill'])('%s/ and all that it imports', (room) => {
  let inputs: Metafile['inputs'] = {};
  beforeAll(async () => {
    const files = globSync(`${room}/**/*.ts`, { cwd: SRC });
    const { metafile } = await build({
      entryPoints: files.filter((file) => !file.endsWith('.test.ts')),
      absWorkingDir: SRC,
      bundle: true,
      packages: 'external',
      format: 'esm',
      write: false,
      outdir: 'out',
      metafile: true,
      logLevel: 'silent',
    });
    ({ inputs } = metafile);
  });

  test('never reach zod', () => {
    const importers = Object.entries(inputs).flatMap(([file, { imports }]) =>
      imports.some(({ path }) => /^zod(\/|$)/.test(path)) ? file : [],
    );
    expect(importers).toEqual([]);
  });

  test('never reach fast/', () => {
    expect(Object.keys(inputs).filter((file) => file.startsWith('fast/'))).toEqual([]);
  });
});
