/** What a page in a browser loads: no zod, nothing of Node, and few bytes. */
import { build } from 'esbuild';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';

const SCHEMA = ['api/routes.ts', 'node-version.ts'];

test('the client in a bundle is small, and has nothing but routes of the schema', async () => {
  const { outputFiles, metafile } = await build({
    entryPoints: [join(import.meta.dirname, 'index.ts')],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    conditions: ['source'],
    minify: true,
    write: false,
    metafile: true,
    logLevel: 'silent',
  });
  const others = Object.keys(metafile.inputs).filter(
    (file) => !file.includes('client/src/') && !file.startsWith('src/'),
  );
  expect(others.map((file) => file.replace(/^.*schema\/src\//, '')).toSorted()).toEqual(SCHEMA);
  const [{ contents } = { contents: new Uint8Array() }] = outputFiles;
  expect(gzipSync(contents).length).toBeLessThan(8 * 1024);
  const text = new TextDecoder().decode(contents);
  for (const name of ['node:', 'Buffer', 'require(', 'zod']) expect(text).not.toContain(name);
});
