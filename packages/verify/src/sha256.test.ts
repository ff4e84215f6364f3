import { sha256Hex } from '@waybill/schema/internal';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nodeSha256 } from './sha256.ts';

test('the fast hash is the reference hash, byte for byte', () => {
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme', maxLength: 2000 }), fc.json());
  fc.assert(
    fc.property(text, (t) => {
      expect(nodeSha256(t)).toBe(sha256Hex(t));
    }),
    { numRuns: 1000 },
  );
});
