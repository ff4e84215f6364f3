import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
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

test('the base32 of the RFC', () => {
  // `printf 'token' | sha256sum`, and Python's base64.b32encode, computed elsewhere: the hash is that of the whole text.
  const token = { id: 'a'.repeat(16), text: `wb_${'a'.repeat(16)}_${'a'.repeat(52)}` };
  expect(hashOfToken(token)).toBe(createHash('sha256').update(Buffer.from(token.text)).digest('hex'));
  expect(hasHash(token, hashOfToken(token))).toBe(true);
  expect(hasHash(token, null)).toBe(false);
  expect(hasHash(token, '0'.repeat(64))).toBe(false);
});

test('a token has one text: nothing else is read', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.nat(71), (text, at) => {
      const { text: token } = makeToken();
      expect(parseToken(text)).toBeNull();
      expect(parseToken(`${token}${text.length === 0 ? '\n' : text}`)).toBeNull();
      expect(parseToken(`${token.slice(0, at)}A${token.slice(at + 1)}`)).toBeNull();
    }),
  );
});
