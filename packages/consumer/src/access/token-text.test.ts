import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hashOfToken, hasHash, makeToken, parseToken } from './token-text.ts';

test('a token is read as it was made, and no two are alike', () => {
  const made = Array.from({ length: 500 }, makeToken);
  for (const token of made) {
    expect(parseToken(token.text)).toEqual(token);
    expect(token.text).toMatch(/^wb_[a-z2-7]{16}_[a-z2-7]{52}$/);
  }
  expect(new Set(made.map(({ id }) => id)).size).toBe(500);
  // 256 bits: each of the 51 whole letters takes all 32 values, and the last one two.
  const letters = Array.from({ length: 52 }, (_, i) => new Set(made.map(({ text }) => text[20 + i])).size);
  expect(letters).toEqual([...Array.from({ length: 51 }, () => 32), 2]);
});

test('the hash is the SHA-256 of the whole text', () => {
  const token = { id: 'a'.repeat(16), text: `wb_${'a'.repeat(16)}_${'a'.repeat(52)}` };
  // As sha256sum computes it.
  expect(hashOfToken(token)).toBe('f23b2cdaf704d1ea713b7eeaf7eadc9230663e9282db76c18396fae0d5b7c7a6');
  expect(hasHash(token, hashOfToken(token))).toBe(true);
  expect(hasHash(token, null)).toBe(false);
  expect(hasHash(token, '0'.repeat(64))).toBe(false);
});

/** Any UTF-16 units. `fc.string({ unit: 'binary' })` takes seconds to begin. */
const units = fc.array(fc.nat(0xffff)).map((codes) => String.fromCharCode(...codes));

test('a token has one text: nothing else is read', () => {
  fc.assert(
    fc.property(units, fc.nat(71), (text, at) => {
      const { text: token } = makeToken();
      expect(parseToken(text)).toBeNull();
      expect(parseToken(`${token}${text.length === 0 ? '\n' : text}`)).toBeNull();
      expect(parseToken(`${token.slice(0, at)}A${token.slice(at + 1)}`)).toBeNull();
    }),
  );
});
