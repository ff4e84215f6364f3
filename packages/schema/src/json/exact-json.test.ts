import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyJson } from '../../test-support/json.ts';
import { partOf } from '../../test-support/part.ts';
import { SchemaError } from '../error.ts';
import { canonicalJson } from './canonical.ts';
import { parseExactJson } from './exact-json.ts';
import { decodeUtf8 } from './utf8.ts';

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return error instanceof SchemaError ? error.code : String(error);
  }
  return 'ok';
}

describe('numbers', () => {
  it.each([
    '0',
    '-0',
    '-0.0',
    '0.1',
    '1.0',
    '1e2',
    '1E2',
    '1E+2',
    '1.50e3',
    '100000000000000000000',
    '100000000000000000000000',
    '1e23',
    '9007199254740991',
    '9007199254740992',
    '9007199254740994',
    '5e-324',
    '1.7976931348623157e308',
    '0e999999',
    '-1.5e-7',
    '0.00001',
    '0.30000000000000004',
  ])('takes %s', (number) => {
    expect(parseExactJson(`[${number}]`).canonical).toBe(`[${String(Number(number))}]`);
    expect(parseExactJson(number).value).toBe(Number(number));
  });

  it.each([
    '9007199254740993',
    '-9007199254740993',
    '1e400',
    '-1e400',
    '1e-400',
    '0.10000000000000000555',
    '2e-324',
    '4.9e-324',
    '100000000000000000000001',
    '3.141592653589793238',
    '1000000000000000128',
    '1e99999999999999999999',
    '9007199254740993.0',
    '900719925474099.3e1',
  ])('refuses %s', (number) => {
    expect(codeOf(() => parseExactJson(`{"a":[1, ${number}]}`))).toBe('NOT_EXACT');
    expect(codeOf(() => parseExactJson(number))).toBe('NOT_EXACT');
  });

  it('says what is wrong, and nothing of the value', () => {
    expect(() => parseExactJson('{"size": 9007199254740993}')).toThrow(
      'has a number of 16 characters that a double would change',
    );
  });

  it('judges a number of 60,000 digits at once', () => {
    const before = process.cpuUsage();
    expect(codeOf(() => parseExactJson(`0.1${'0'.repeat(60_000)}1`))).toBe('NOT_EXACT');
    expect(codeOf(() => parseExactJson(`[1e-${'9'.repeat(60_000)}]`))).toBe('NOT_EXACT');
    // Of processor time, which other programs on the machine do not add to.
    expect(process.cpuUsage(before).user).toBeLessThan(1_000_000);
  });

  it('takes every double as JavaScript prints it, however it is written', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
        const value = Object.is(number, -0) ? 0 : number;
        expect(parseExactJson(` ${number}`).value).toBe(value);
        expect(parseExactJson(number.toExponential()).canonical).toBe(String(value));
      }),
    );
  });
});

describe('doubled members', () => {
  it.each([
    '{"a":1,"a":1}',
    '{"a":1,"\\u0061":2}',
    '{"x":{"a":[],"b":{},"a":0}}',
    '[[{"":0,"":0}]]',
    '{"__proto__":1,"__proto__":2}',
    '{"a":{"b":1},"c":[{"d":{}},"e"],"a":2}',
    '{"\\"":1,"\\u0022":2}',
    '{"😀":1,"\\ud83d\\ude00":2}',
  ])('refuses %s', (text) => expect(codeOf(() => parseExactJson(text))).toBe('NOT_EXACT'));

  it.each([
    '{"a":{"a":{"a":1}}}',
    '[{"a":1}, {"a":1}]',
    '{"a":["b","b"],"b":"a"}',
    '{"x":{}, "y":"x", "z":[{},"z","z"]}',
    '{"a":"a\\"b\\\\", "b":"\\\\"}',
  ])('takes %s', (text) => expect(codeOf(() => parseExactJson(text))).toBe('ok'));
});

describe('parseExactJson', () => {
  it('takes any JSON value in any layout and gives the canonical text', () => {
    fc.assert(
      fc.property(anyJson, fc.constantFrom(0, 1, 3), (value, indent) => {
        const { canonical, value: parsed } = parseExactJson(JSON.stringify(value, null, indent));
        expect(canonical).toBe(canonicalJson(value));
        expect(canonicalJson(parsed)).toBe(canonical);
      }),
      { numRuns: partOf(2000) },
    );
  });

  it.each([
    ['', 'NOT_JSON'],
    ['\ufeff{}', 'NOT_JSON'],
    ['{"a":01}', 'NOT_JSON'],
    ['NaN', 'NOT_JSON'],
    ['"\\ud800"', 'NOT_CANONICAL'],
    ['{"\\udc00":1}', 'NOT_CANONICAL'],
    [`${'['.repeat(65)}${']'.repeat(65)}`, 'NOT_CANONICAL'],
    [`${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`, 'NOT_CANONICAL'],
  ])('refuses %.20s', (text, code) => expect(codeOf(() => parseExactJson(text))).toBe(code));

  it('keeps a member called __proto__ as a member', () => {
    const { value, canonical } = parseExactJson('{"__proto__": {"admin": true}}');
    expect(canonical).toBe('{"__proto__":{"admin":true}}');
    expect((value as { admin?: unknown }).admin).toBeUndefined();
  });
});

describe('decodeUtf8', () => {
  it.each([
    ['a lone continuation', [0x80]],
    ['an overlong slash', [0xc0, 0xaf]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
    ['a cut sequence', [0xe2, 0x82]],
    ['beyond U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
  ])('refuses %s', (_name, bytes) => expect(codeOf(() => decodeUtf8(Uint8Array.from(bytes)))).toBe('NOT_JSON'));

  it('keeps a byte order mark', () => expect(decodeUtf8(Uint8Array.from([0xef, 0xbb, 0xbf, 0x41]))).toBe('\ufeffA'));
});
