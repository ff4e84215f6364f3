import { expect, test } from 'vitest';
import { createAuditIndex } from './audit-index.ts';

const claim = (n: number) => ({ contentHash: n.toString(16).padStart(64, '0'), received: '2026-07-01T00:00:00.000Z' });

test('a message belongs to the first chain that claims it, with what that one said', () => {
  const index = createAuditIndex();
  for (const seq of [1, 65_535, 65_536, 65_537, 9_000_000_000]) {
    expect(index.chainOf(seq)).toBeNull();
    expect(index.claim(seq, `org${seq}`, claim(seq))).toBeNull();
    expect(index.claim(seq, 'other', claim(0))).toBe(`org${seq}`);
    expect(index.chainOf(seq)).toBe(`org${seq}`);
    expect(index.matches(seq, claim(seq))).toBe(true);
    expect(index.matches(seq, claim(0))).toBe(false);
    expect(index.matches(seq, { ...claim(seq), received: '2026-07-01T00:00:00.001Z' })).toBe(false);
  }
  expect(index.chainOf(2)).toBeNull();
});
