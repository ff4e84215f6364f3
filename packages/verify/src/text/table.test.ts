import { expect, test } from 'vitest';
import { formatTable } from './table.ts';

test('columns are as wide as their widest cell', () => {
  expect(
    formatTable([
      ['name', 'n'],
      ['a', '10'],
      ['long name', '1'],
    ]),
  ).toEqual(['name        n', 'a          10', 'long name   1']);
  expect(formatTable([])).toEqual([]);
});

test('a table of very many rows', () => {
  const rows = Array.from({ length: 300_000 }, (_, i) => [`org-${i}`, String(i)]);
  const lines = formatTable(rows);
  expect(lines).toHaveLength(rows.length);
  expect(lines.at(-1)).toBe('org-299999  299999');
});
