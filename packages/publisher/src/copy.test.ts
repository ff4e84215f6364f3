import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { expect, test } from 'vitest';
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
  const start = performance.now();
  expect(copyFields({ value })).toMatchObject({ ok: false, reason: 'too_large' });
  expect(performance.now() - start).toBeLessThan(500);
});

test('what somebody added to Object.prototype is no field', () => {
  const prototype = Object.prototype as unknown as Record<string, unknown>;
  prototype['polluted'] = () => 'x';
  try {
    expect(copyFields({ a: 1, b: 'x' })).toMatchObject({ ok: true, fields: { a: 1, b: 'x' } });
    expect(copyFields({ a: { b: [1] } })).toMatchObject({ ok: true, fields: { a: { b: [1] } } });
  } finally {
    delete prototype['polluted'];
  }
});
