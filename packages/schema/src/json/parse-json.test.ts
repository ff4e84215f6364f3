import fc from 'fast-check';
import { expect, test } from 'vitest';
import { anyJson } from '../../test-support/json.ts';
import { partOf } from '../../test-support/part.ts';
import { canonicalJson } from './canonical.ts';
import { parseExactJson } from './exact-json.ts';
import { parseJson } from './parse-json.ts';

/** A member of this name makes V8 read later names wrongly, in objects that begin alike. */
const poison = (first: string) => JSON.parse(`{"${first}":1,"\\\\":2}`) as unknown;

test.each([
  ['\\u0015', '\u0015'],
  ['\\u0041', 'A'],
  ['\\n', '\n'],
  ['\\"', '"'],
  ['\\\\', '\\'],
  ['\\u005c', '\\'],
  ['\\\\n', '\\n'],
  ['\\u00e9', 'é'],
  ['\\ud83d\\ude00', '😀'],
  ['\\/', '/'],
])('a member "%s" keeps its name, whatever was parsed before', (written, name) => {
  poison('a');
  expect(parseJson(`{"a":1,"${written}":2}`)).toEqual({ a: 1, [name]: 2 });
  expect(parseJson(`[{"x":[{"a":1,"${written}":2}]}]`)).toEqual([{ x: [{ a: 1, [name]: 2 }] }]);
  const text = canonicalJson({ a: 1, [name]: 2 });
  expect(parseExactJson(text)).toEqual({ value: { a: 1, [name]: 2 }, canonical: text });
});

test('any value comes back from its text, however it is spaced and escaped', () => {
  fc.assert(
    fc.property(anyJson, fc.constantFrom('', ' ', '\n\t'), fc.boolean(), (value, space, escaped) => {
      poison('');
      const printed = JSON.stringify(value, null, space);
      const text = escaped
        ? printed.replaceAll(/[^ -~]/gu, (c) =>
            Array.from({ length: c.length }, (_, i) =>
              /\s/.test(c) ? c : `\\u${c.charCodeAt(i).toString(16).padStart(4, '0')}`,
            ).join(''),
          )
        : printed;
      // Compares with the value itself, because JSON.parse may be wrong here. -0 is printed as 0.
      expect(canonicalJson(parseJson(text))).toBe(canonicalJson(value));
    }),
    { numRuns: partOf(3_000) },
  );
});

test('what is no JSON is refused as JSON.parse does, and what is too deep comes back as it does', () => {
  for (const text of ['', '{"a\\n"}', '["\\x"]', '{"\\n":1,}', '"\\', 'nul\\l', '[1 "\\n"]']) {
    expect(() => parseJson(text)).toThrow(SyntaxError);
  }
  const deep = `${'['.repeat(30_000)}"\\n"${']'.repeat(30_000)}`;
  expect(JSON.stringify(parseJson(deep)).length).toBe(deep.length);
  expect(parseJson('{"\\n":1,"\\n":2}')).toEqual({ '\n': 2 });
  expect(Object.keys(parseJson('{"__proto__":{"x":"\\n"}}') as object)).toEqual(['__proto__']);
});
