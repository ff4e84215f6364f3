/**
 * Random JSON values with what makes canonical JSON hard: extreme numbers, astral and control characters, odd names.
 */
import fc from 'fast-check';
import type { Json } from '../src/json/json.ts';

const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('', '__proto__', 'constructor', '\u2028', '"\\/', '\u0000', '\u007f', '€', '😀', '\ufb33', '\ufeff'),
);

const number = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.constantFrom(0, -0, 1e21, 1e-7, 5e-324, 1.7976931348623157e308, 333333333.3333333, 1e20, 0.000001),
);

export const anyJson: fc.Arbitrary<Json> = fc.letrec<{ json: Json }>((tie) => ({
  json: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constant(null),
    fc.boolean(),
    number,
    text,
    fc.array(tie('json'), { maxLength: 6 }),
    fc
      .uniqueArray(fc.tuple(text, tie('json')), { maxLength: 6, selector: ([name]) => name })
      // fromEntries defines members, even one named __proto__.
      .map((members) => Object.fromEntries(members) as Json),
  ),
})).json;
