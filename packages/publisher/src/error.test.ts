import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { PUBLISHER_ERROR_CODES } from './error.ts';

test('docs/reference/errors.md lists exactly the codes of the publisher', () => {
  const page = readFileSync(new URL('../../../docs/reference/errors.md', import.meta.url), 'utf8');
  const section = page.split('## `@waybill/publisher`')[1]?.split('\n## ')[0] ?? '';
  expect([...section.matchAll(/^### `([A-Z_]+)`$/gm)].map(([, code]) => code)).toEqual([...PUBLISHER_ERROR_CODES]);
});
