import { expect, test } from 'vitest';
import { formatTable } from './table.ts';

test('columns are as wide as their widest cell, the first to the left', () => {
  expect(
    formatTable([
      ['name', 'n'],
      ['a', '1'],
      ['bcdef', '1000'],
    ]),
  ).toEqual(['name      n', 'a         1', 'bcdef  1000']);
  expect(formatTable([])).toEqual([]);
});

test('more rows than arguments fit on the stack', () => {
  const rows = Array.from({ length: 200_000 }, (_, i) => [`org-${i}`, String(i)]);
  expect(formatTable(rows)[0]).toBe('org-0            0');
});
