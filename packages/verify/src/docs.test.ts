/** The documents say what the code does: the README's examples run, and the reference is compared with it. */
import { mkdtempDisposableSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { canonicalJson } from '@waybill/schema/verify';
import { afterEach, expect, test } from 'vitest';
import { makeBill, makeEvent, makeReplay, signEvent } from '../test-support/files.ts';
import { HELP } from './cli/command-line.ts';
import { EXIT_CODES, UNFORESEEN } from './cli/exit-codes.ts';
import { VERIFY_ERROR_CODES } from './errors.ts';
import * as verify from './index.ts';

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
const here = process.cwd();
afterEach(() => process.chdir(here));

test('README.md does what it says', async () => {
  const code = [...read('../README.md').matchAll(/^```ts\n(.*?)^```$/gms)].map(([, block = '']) => block).join('\n');
  const said = [...code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, text]) => text);
  expect(said.length).toBeGreaterThan(5);
  using folder = mkdtempDisposableSync(join(import.meta.dirname, '../node_modules/.readme-'));
  const lines = makeReplay([1, 2, 3, 4, 5].map((n) => makeEvent(n)));
  const files = {
    'acme.ndjson': `${lines.join('\n')}\n`,
    'acme.bill.json': makeBill(lines),
    'receipt.json': canonicalJson(signEvent(makeEvent(1))),
  };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder.path, name), content);
  const printed: string[] = [];
  const imported = new Set(
    [...code.matchAll(/^import \{ (.*) \} from '@waybill\/verify';$/gm)].flatMap(([, names = '']) => names.split(', ')),
  );
  const body = code.replaceAll(/^import .*$/gm, '').replaceAll('console.log(', 'print(');
  const program = `return async (print, { ${[...imported].join(', ')} }) => {\n${body}\n};`;
  // oxlint-disable-next-line typescript/no-implied-eval -- the examples of a page
  const run = new Function(program)() as (print: (...values: unknown[]) => void, api: typeof verify) => Promise<void>;
  process.chdir(folder.path);
  await run((...values) => printed.push(values.map(String).join(' ')), verify);
  expect(printed).toEqual(said);
});

test('docs/reference/errors.md lists exactly the codes of this package', () => {
  const section = read('../../../docs/reference/errors.md').split('## `@waybill/verify`')[1]?.split('\n## ')[0] ?? '';
  expect([...section.matchAll(/^### `(\w+)`$/gm)].map(([, code]) => code)).toEqual(VERIFY_ERROR_CODES);
});

test('docs/reference/cli.md quotes the help, and the help has every exit code', () => {
  expect(read('../../../docs/reference/cli.md')).toContain(`\`\`\`\n${HELP}\n\`\`\``);
  for (const code of [...Object.values(EXIT_CODES), UNFORESEEN, 78]) expect(HELP).toContain(`; ${code} `);
});
