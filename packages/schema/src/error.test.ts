import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { DOCS } from '../test-support/docs.ts';
import { SCHEMA_ERROR_CODES, SchemaError, show } from './error.ts';

it('docs/reference/errors.md lists exactly these codes', () => {
  const page = readFileSync(join(DOCS, 'errors.md'), 'utf8');
  const section = /^## `@waybill\/schema`.*$([\s\S]*?)(?=^## |$(?![\s\S]))/m.exec(page)?.[1] ?? '';
  expect([...section.matchAll(/^### `([A-Z_]+)`$/gm)].map((m) => m[1])).toEqual([...SCHEMA_ERROR_CODES]);
});

it('an error has a name, a code and its cause', () => {
  const cause = new Error('why');
  expect(new SchemaError('NOT_JSON', 'is not JSON', { cause })).toMatchObject({
    name: 'SchemaError',
    code: 'NOT_JSON',
    message: 'is not JSON',
    cause,
  });
});

it('show() is total, short and well-formed', () => {
  const cycle: unknown[] = [];
  cycle.push(cycle);
  const nasty = [
    undefined,
    1n,
    () => 0,
    Symbol('s'),
    cycle,
    [1n],
    {
      toJSON: () => {
        throw new Error('no');
      },
    },
    '\ud800',
    '😀'.repeat(50),
    `a${'😀'.repeat(50)}`,
  ];
  for (const value of nasty) {
    expect(show(value).length).toBeLessThanOrEqual(80);
    expect(show(value).isWellFormed()).toBe(true);
  }
  fc.assert(
    fc.property(fc.anything({ withBigInt: true, withNullPrototype: true }), (value) => {
      expect(typeof show(value)).toBe('string');
    }),
  );
});
