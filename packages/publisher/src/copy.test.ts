import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { copyFields } from './copy.ts';

test('the copy of any JSON object is equal and shares nothing; its bytes are no more than its text has', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (fields) => {
      const copied = copyFields(fields);
      if (!copied.ok) return expect.fail(copied.detail);
      // -0 is the one value that JSON text does not keep.
      const text = JSON.stringify(fields);
      expect(JSON.stringify(copied.fields)).toBe(text);
      expect(copied.bytes).toBeLessThanOrEqual(text.length + 2 * Object.keys(fields).length + text.length / 2 + 2);
      for (const [name, value] of Object.entries(fields)) {
        if (typeof value === 'object' && value !== null) expect(copied.fields[name]).not.toBe(value);
      }
    }),
  );
});

test('never throws, whatever it is given', () => {
  fc.assert(
    fc.property(fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true, withTypedArray: true, withSparseArray: true }), (value) => {
      expect(typeof copyFields(value).ok).toBe('boolean');
      expect(typeof copyFields({ value }).ok).toBe('boolean');
    }),
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
