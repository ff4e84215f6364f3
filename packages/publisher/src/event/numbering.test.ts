import { expect, test } from 'vitest';
import { createNumbering } from './numbering.ts';

test('counts from 1 for each organization', () => {
  const numbering = createNumbering('boot');
  expect(['a', 'a', 'b', 'a'].map((orgid) => numbering.take(orgid))).toEqual([1, 2, 1, 3]);
  expect(numbering.producer).toBe('boot');
});

test('stays bounded by starting again under another boot id, never twice with the same pair', () => {
  const numbering = createNumbering('boot', 10);
  const pairs = new Set<string>();
  for (let i = 0; i < 1_000; i++) {
    const sequence = numbering.take(`org-${i % 37}`);
    pairs.add(`${numbering.producer} org-${i % 37} ${sequence}`);
  }
  expect(pairs.size).toBe(1_000);
});
