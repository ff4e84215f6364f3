import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { copyFields } from './copy.ts';

test('the copy of any JSON object is equal and shares nothing; its bytes are about those of its text', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (fields) => {
      const copied = copyFields(fields);
      if (!copied.ok) throw new Error(copied.detail);
      const text = JSON.stringify(fields);
      expect(JSON.stringify(copied.fields)).toBe(text);
      expect(copied.bytes).toBeLessThanOrEqual(text.length + 1);
      const shared = Object.entries(fields).filter(
        ([name, value]) => Object(value) === value && copied.fields[name] === value,
      );
      expect(shared).toEqual([]);
    }),
  );
});

test('never throws, whatever it is given', () => {
  fc.assert(
    fc.property(
      fc.anything({
        withBigInt: true,
        withDate: true,
        withMap: true,
        withNullPrototype: true,
        withTypedArray: true,
        withSparseArray: true,
      }),
      (value) => {
        expect(typeof copyFields(value).ok).toBe('boolean');
        expect(typeof copyFields({ value }).ok).toBe('boolean');
      },
    ),
  );
});

test('a plain object of another realm is plain', () => {
  expect(copyFields(runInNewContext('({ a: { b: [1] } })'))).toMatchObject({ ok: true, fields: { a: { b: [1] } } });
});

test('work is bounded: an object that doubles with each level is given up at the size limit', () => {
  let value: unknown = 'x';
  for (let level = 0; level < 60; level++) value = [value, value];
  const before = process.cpuUsage();
  expect(copyFields({ value })).toMatchObject({ ok: false, reason: 'too_large' });
  // Of processor time, which other programs on the machine do not add to.
  expect(process.cpuUsage(before).user).toBeLessThan(500_000);
});

test('a member that somebody added to Object.prototype is no field', () => {
  const prototype = Object.prototype as unknown as Record<string, unknown>;
  prototype['polluted'] = () => 'x';
  try {
    expect(copyFields({ a: 1, b: 'x' })).toMatchObject({ ok: true, fields: { a: 1, b: 'x' } });
    expect(copyFields({ a: { b: [1] } })).toMatchObject({ ok: true, fields: { a: { b: [1] } } });
  } finally {
    delete prototype['polluted'];
  }
});

test('the bound is checked before copying: of an object with too many members only names are read', () => {
  let read = 0;
  const huge = (): object => {
    const object: Record<string, unknown> = {};
    for (let i = 0; i < 100_000; i++) object[`member ${i}`] = i;
    Object.defineProperty(object, 'orgid', { enumerable: true, get: () => (read++, 'acme') });
    return object;
  };
  const object = huge();
  for (const fields of [object, { orgid: 'acme', object }, { orgid: 'acme', list: [object] }]) {
    expect(copyFields(fields)).toMatchObject({ ok: false, reason: 'too_large' });
    expect(copyFields(fields, { fits: new Map(), isFreeForm: () => true })).toMatchObject({ reason: 'too_large' });
  }
  expect(read).toBe(0);
});

test('a member that is undefined counts as absent, an item that is undefined is null, as in JSON', () => {
  const fields = { a: { b: undefined, c: [undefined, { d: undefined, e: 1 }], __proto__: null }, f: undefined };
  // oxlint-disable-next-line no-sparse-arrays
  const copied = copyFields({ ...fields, holes: [1, , 2] });
  if (!copied.ok) throw new Error(copied.detail);
  expect(JSON.stringify(copied.fields)).toBe('{"a":{"c":[null,{"e":1}]},"holes":[1,null,2]}');
  expect(copied.bytes).toBeLessThanOrEqual(50);
});

describe('free-form members', () => {
  const rules = { fits: new Map(), isFreeForm: (name: string) => name === 'free' };
  const copyOf = (free: unknown): unknown => {
    const copied = copyFields({ orgid: 'acme', free }, rules);
    return copied.ok ? copied.fields['free'] : copied.detail;
  };

  class Money {
    readonly amount: bigint;
    readonly #secret = 1;
    constructor(amount: bigint) {
      this.amount = amount;
    }
    get secret(): number {
      return this.#secret;
    }
  }
  const failed = new RangeError('no more', { cause: Object.assign(new Error('disk'), { code: 'ENOSPC' }) });

  test.for<[string, unknown, unknown]>([
    ['a date', new Date(0), '1970-01-01T00:00:00.000Z'],
    ['a date that is none', new Date(Number.NaN), null],
    ['a date of another realm', runInNewContext('new Date(0)'), '1970-01-01T00:00:00.000Z'],
    ['a bigint', -(2n ** 64n), '-18446744073709551616'],
    [
      'a map',
      new Map<string, unknown>([
        ['a', new Date(0)],
        ['b', 1n],
      ]),
      { a: '1970-01-01T00:00:00.000Z', b: '1' },
    ],
    ['a map with other keys', new Map([[1, 'a']]), [[1, 'a']]],
    ['a set', new Set(['a', new Map()]), ['a', {}]],
    [
      'an error',
      failed,
      { name: 'RangeError', message: 'no more', cause: { name: 'Error', message: 'disk', code: 'ENOSPC' } },
    ],
    ['an object of a class', new Money(5n), { amount: '5' }],
    ['what has toJSON', new URL('https://a.example/b'), 'https://a.example/b'],
    ['functions and symbols', { f() {}, s: Symbol('s'), l: [() => 1] }, { l: [null] }],
    ['deep inside', { a: [{ b: { at: new Date(0) } }] }, { a: [{ b: { at: '1970-01-01T00:00:00.000Z' } }] }],
  ])('%s becomes JSON', ([, value, expected]) => {
    expect(copyOf(value)).toEqual(expected);
    // Everywhere else a value that is no JSON is refused, because the schema says what belongs there.
    expect(copyFields({ orgid: 'acme', typed: value }, rules).ok).toBe(false);
  });

  test.for<[string, unknown, string]>([
    ['a map without end', new Map(Array.from({ length: 40_000 }, (_, i) => [i, i])), 'too_large'],
    ['a set without end', new Set(Array.from({ length: 40_000 }, (_, i) => i)), 'too_large'],
    ['a bigint of a million digits', 1n << 4_000_000n, 'too_large'],
    ['bytes', new Uint8Array(10_000_000), 'invalid'],
    ['toJSON without end', { toJSON: endless }, 'invalid'],
    ['a cycle of errors', cycle(), 'invalid'],
  ])('%s is refused', ([, value, reason]) => {
    expect(copyFields({ orgid: 'acme', free: value }, rules)).toMatchObject({ ok: false, reason });
  });

  function endless(): object {
    return { toJSON: endless };
  }
  function cycle(): Error {
    const error = new Error('a');
    error.cause = error;
    return error;
  }
});

test('a long text that has to fit does not drop the event', () => {
  const rules = {
    fits: new Map<string, (text: string) => string | undefined>([
      ['name', (text: string) => text.slice(0, 10)],
      ['gone', () => undefined],
    ]),
    isFreeForm: () => false,
  };
  const long = 'x'.repeat(10_000_000);
  expect(copyFields({ a: 1, name: long, gone: long }, rules)).toMatchObject({
    ok: true,
    fields: { a: 1, name: 'x'.repeat(10), gone: undefined },
  });
  expect(copyFields({ a: 1, other: long }, rules)).toMatchObject({ ok: false, reason: 'too_large' });
});
