/** What a page in a browser loads: no zod, nothing of Node, and few bytes. */
import { build } from 'esbuild';
import { join } from 'node:path';
import { createContext, runInContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';

/** What the client may find in a page. There is no `process`, no `Buffer`, no `setImmediate`. */
const WEB = {
  AbortController,
  Headers,
  ReadableStream,
  Response,
  TextDecoder,
  TextEncoder,
  URL,
  URLSearchParams,
  clearTimeout,
  performance,
  setTimeout,
};

/** Runs the bundle where only names of the web are, and asks. */
async function askIn(bundle: string): Promise<unknown> {
  const fetch = (): Promise<Response> =>
    Promise.resolve(new Response('{"events":"4"}', { headers: { 'content-type': 'application/json' } }));
  const script = bundle.replace(/export\{.*?(\w+) as createClient.*\};?\s*$/, 'globalThis.createClient=$1;');
  expect(script).not.toBe(bundle);
  const page = createContext({ ...WEB, fetch });
  runInContext(script, page);
  return await (
    runInContext(
      "createClient({ url: 'https://waybill.example', token: 'x' }).usage.get({ orgid: 'acme' }).then(JSON.stringify)",
      page,
    ) as Promise<string>
  ).then((text) => JSON.parse(text) as unknown);
}

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
  expect(await askIn(text)).toEqual({ events: '4' });
  for (const name of ['node:', 'Buffer', 'require(', 'zod']) expect(text).not.toContain(name);
});
