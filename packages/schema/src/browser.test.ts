/** The whole package in a browser: one bundle, without Node's built-ins, in a context that has only what it needs. */
import { join } from 'node:path';
import { createContext, runInContext } from 'node:vm';
import { build } from 'esbuild';
import { beforeAll, describe, expect, it } from 'vitest';
import { DOCS, exampleLines, fencedBlocks } from '../test-support/docs.ts';

interface Schema {
  verify: (lines: string[]) => unknown;
  verifyBill: (text: string, options: unknown) => unknown;
  stampEvent: (...args: unknown[]) => { text: string };
  createDataCheck: () => unknown;
}

/** A larger bundle contains something that does not belong in it. */
const MAX_BUNDLE_BYTES = 200_000;

describe('in a browser', () => {
  let code = '';
  let schema: Schema;

  beforeAll(async () => {
    // An import of node:* fails the build, because nothing is external.
    const { outputFiles } = await build({
      entryPoints: [join(import.meta.dirname, 'internal.ts')],
      bundle: true,
      write: false,
      minify: true,
      platform: 'browser',
      conditions: ['source'],
      format: 'iife',
      globalName: 'schema',
      logLevel: 'silent',
    });
    code = outputFiles[0]?.text ?? '';
    const context = createContext({ TextEncoder, TextDecoder });
    runInContext(`${code}; globalThis.schema = schema`, context);
    schema = (context as unknown as { schema: Schema }).schema;
  });

  it('is small and needs nothing of Node', () => {
    expect(code.length).toBeGreaterThan(10_000);
    expect(code.length).toBeLessThan(MAX_BUNDLE_BYTES);
    expect(code).not.toMatch(/node:|require\(/);
  });

  it('verifies the worked example', () => {
    const lines = exampleLines('acme');
    expect(schema.verify(lines)).toMatchObject({ verdict: 'ok', orgid: 'acme', entries: 4 });
    expect(schema.verify(lines.with(1, (lines[1] as string).replace('true', 'false')))).toMatchObject({
      verdict: 'tampered',
      problem: { seq: 2 },
    });
  });

  it('verifies the bill of the page, with its chain', () => {
    const [bill = ''] = fencedBlocks(join(DOCS, 'format.md'), 'json bill');
    const options = { tz: '2026c', replay: { lines: exampleLines('acme') } };
    expect(schema.verifyBill(bill, options)).toMatchObject({ verdict: 'ok', summary: 'ok' });
    expect(schema.verifyBill(bill.replace('GmbH', 'AG'), options)).toMatchObject({ verdict: 'ok' });
    expect(schema.verifyBill(bill.replace('"1024"', '"1025"'), {})).toMatchObject({ verdict: 'tampered' });
  });

  it('makes events of objects from another realm', () => {
    const stamp = { id: '01997b3c-0000-7000-8000-000000000001', source: '//x', time: '2026-01-01T00:00:00.000Z' };
    const { text } = schema.stampEvent(
      'a.b',
      { orgid: 'acme', nested: { list: [{}] } },
      stamp,
      schema.createDataCheck(),
    );
    expect(text).toContain('"nested":{"list":[{}]}');
  });
});
