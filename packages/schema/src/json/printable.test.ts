import fc from 'fast-check';
import { expect, it } from 'vitest';
import { printable, printableJson } from './printable.ts';

it('writes what a terminal would obey as text, and leaves the rest', () => {
  expect(printable('\u001b]0;owned\u0007 \u009b31m \u202eevil \ud800 \r\n')).toBe(
    String.raw`\u{1b}]0;owned\u{7} \u{9b}31m \u{202e}evil ${'\ufffd'} \u{d}\u{a}`,
  );
  expect(printable('Zoë 😀 “quoted” \\ עברית')).toBe('Zoë 😀 “quoted” \\ עברית');
});

it('has no control character left, whatever it is given', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(printable(text)).not.toMatch(/[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u);
      expect(printable(text).isWellFormed()).toBe(true);
    }),
  );
});

it('escapes JSON as JSON does: it means the same', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.string({ unit: 'binary' }), (value, text) => {
      const json = JSON.stringify({ [text]: [text, value] }, null, 2);
      expect(printableJson(json)).not.toMatch(/[^\P{Cc}\n]|[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/u);
      expect(JSON.parse(printableJson(json))).toEqual(JSON.parse(json));
    }),
  );
});
