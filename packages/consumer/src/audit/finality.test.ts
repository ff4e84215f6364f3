import { expect, test } from 'vitest';
import { endOf } from './finality.ts';

test('in a cluster a message stored right after a moment does not show that none comes with a time before it', () => {
  const before = '2026-12-01T00:00:00.000Z';
  expect(new Date(endOf(before, 1)).toISOString()).toBe(before);
  expect(new Date(endOf(before, 3)).toISOString()).toBe('2026-12-01T00:00:05.000Z');
});
