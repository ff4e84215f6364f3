import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyJson } from '../../test-support/json.ts';
import { mutateText } from '../../test-support/mutate-text.ts';
import { partOf } from '../../test-support/part.ts';
import { canonicalJson } from '../json/canonical.ts';
import type { Json } from '../json/json.ts';
import { parseJson } from '../json/parse-json.ts';
import { isCertainlyCanonical } from './is-canonical.ts';

/** The plain way. `canonical.test.ts` holds it to the reference. */
function isCanonical(text: string): boolean {
  try {
    return canonicalJson(parseJson(text)) === text;
  } catch {
    return false;
  }
}

const plainText = fc.stringMatching(/^[ !#-[\]-~]{0,12}$/);
const plainJson = fc.letrec<{ json: Json }>((tie) => ({
  json: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(
      null,
      true,
      false,
      0,
      -1,
      1e21,
      1e-7,
      5e-324,
      0.1,
      10,
      999_999_999_999_999,
      Number.MAX_SAFE_INTEGER,
    ),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0),
    plainText,
    fc.array(tie('json'), { maxLength: 5 }),
    fc.dictionary(plainText, tie('json'), { maxKeys: 5 }),
  ),
})).json;
const jsonish = fc.string({
  unit: fc.constantFrom(
    ...Array.from('[]{}",:0123456789.eE+-\\u \t'),
    'true',
    'false',
    'null',
    '"a"',
    '"b":',
    'é',
    '\ud800',
    '\u007f',
  ),
  maxLength: 24,
});

describe('isPlainCanonical', () => {
  it('takes no text for canonical that is not', () => {
    const text = fc.oneof(
      jsonish,
      fc.tuple(anyJson, mutateText).map(([value, mutate]) => mutate(canonicalJson(value))),
    );
    const plain = fc.tuple(plainJson, mutateText).map(([value, mutate]) => mutate(canonicalJson(value)));
    fc.assert(
      fc.property(fc.oneof(text, plain), (candidate) => {
        expect(!isCertainlyCanonical(candidate) || isCanonical(candidate)).toBe(true);
      }),
      { numRuns: partOf(20_000) },
    );
  });

  it('knows every canonical text that is plain', () => {
    fc.assert(
      fc.property(plainJson, (value) => {
        expect(isCertainlyCanonical(canonicalJson(value))).toBe(true);
      }),
      { numRuns: partOf(5_000) },
    );
  });

  it.each([
    ['white space', ['{"a": 1}', ' 1', '1 ', '[1, 2]', '{"a":1}\n', '[ ]', '{ }', '']],
    ['names out of order or twice', ['{"b":1,"a":2}', '{"a":1,"a":2}', '{"aa":1,"a":2}', '[{"a":{"z":1},"a":1}]']],
    [
      'numbers written otherwise',
      ['1.0', '1e0', '-0', '01', '+1', '.5', '5.', '1E3', '1e3', '00', '9007199254740993', '-'],
    ],
    ['strings written otherwise', ['"\\u0041"', '"\\/"', '{"\\u0061":1}', '"a', '"', '"\n"', '"\\ud800"']],
    [
      'no JSON',
      [
        '[1,]',
        '{"a":1,}',
        '{,}',
        '[,1]',
        '{"a"}',
        '{"a":}',
        '{1:1}',
        '[1}',
        '{"a":1]',
        '1 1',
        '1,1',
        'nul',
        'nulL',
        ']',
      ],
    ],
  ])('takes none for canonical: %s', (_, texts) => {
    for (const text of texts) {
      expect(isCanonical(text)).toBe(false);
      expect([text, isCertainlyCanonical(text)]).toEqual([text, false]);
    }
  });

  it('leaves what is deep, long or not ASCII to others', () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
    expect([nested(32), nested(33), '"é"', '"\\n"'].map(isCertainlyCanonical)).toEqual([true, false, false, false]);
    const long = (length: number) => `"${'x'.repeat(length - 2)}"`;
    expect([long(65_535), long(65_536), long(200_000)].map(isCertainlyCanonical)).toEqual([true, false, false]);
    // No byte of a longer text is left for the next one.
    expect(isCertainlyCanonical('{"a":[1,2,3]}') && isCertainlyCanonical('{"a":[1,2,3')).toBe(false);
  });
});
