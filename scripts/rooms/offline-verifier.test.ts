/** What a verifier loads that has only lines and keys: a page in a browser, or a program without dependencies. */
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { build, type Metafile } from 'esbuild';
import { beforeAll, describe, expect, test } from 'vitest';
import { bundleVerify } from '../bundle-verify.ts';

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

test('@waybill/schema/verify never reaches zod, and of fast/ only what verifies', async () => {
  const { metafile } = await build({
    entryPoints: ['verify.ts'],
    absWorkingDir: SRC,
    bundle: true,
    packages: 'external',
    format: 'esm',
    write: false,
    outdir: 'out',
    metafile: true,
    logLevel: 'silent',
  });
  const external = Object.values(metafile.inputs).flatMap(({ imports }) => imports.filter((one) => one.external));
  expect([...new Set(external.map(({ path }) => path))].toSorted()).toEqual([
    '@noble/hashes/sha2.js',
    '@noble/hashes/utils.js',
  ]);
  expect(Object.keys(metafile.inputs)).toContain('fast/verify-entry.ts');
  expect(Object.keys(metafile.inputs)).not.toContain('fast/install.ts');
});

test('the command as one file is made of verify, what schema has of it, and SHA-256', async () => {
  const { inputs, imports } = await bundleVerify();
  const folders = inputs.map((file) => /^packages\/\w+|.*\/node_modules\/@noble\/hashes(?=\/)/.exec(file)?.[0] ?? file);
  expect(new Set(folders)).toEqual(
    new Set(['packages/schema', 'packages/verify', expect.stringMatching(/@noble\/hashes$/)]),
  );
  expect(imports.filter((path) => !path.startsWith('node:'))).toEqual([]);
});
