/** Nothing that verifies or answers a question goes through a fast path of what it looks at. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, test } from 'vitest';

const SOURCE = join(import.meta.dirname, '..');
const TAP = 'nats/delivery-tap.ts';

/** Files that a file imports, and those that they import, types included. */
function reachedFrom(file: string, reached: Set<string> = new Set()): Set<string> {
  if (reached.has(file)) return reached;
  reached.add(file);
  for (const [, path = ''] of readFileSync(join(SOURCE, file), 'utf8').matchAll(/(?:from|import) '(\.[^']+)'/g))
    reachedFrom(relative(SOURCE, join(SOURCE, dirname(file), path)), reached);
  return reached;
}

const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' }).filter((file) =>
  /(?<!\.test)\.ts$/.test(file),
);

test('only the writer names the delivery tap', () => {
  const importers = files.filter((file) => readFileSync(join(SOURCE, file), 'utf8').includes("delivery-tap.ts'"));
  expect(importers).toEqual(['writer/writer-paths.ts']);
});

test.for(['ledger/', 'audit/', 'usage/', 'verify/', 'export/'])('no file of %s reaches it', (room) => {
  const own = files.filter((file) => file.startsWith(room));
  expect(own.length).toBeGreaterThan(0);
  for (const file of own) expect([file, [...reachedFrom(file)].filter((one) => one === TAP)]).toEqual([file, []]);
});
