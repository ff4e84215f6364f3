/** The README's examples run, and print what they say. */
import { mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { expect, it } from 'vitest';
import { fencedBlocks, README } from '../test-support/docs.ts';

it('README.md does what it says', async () => {
  const code = fencedBlocks(README, 'ts').join('\n');
  const said = [...code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map((match) => match[1]);
  expect(said.length).toBeGreaterThan(3);

  using folder = mkdtempDisposableSync(join(import.meta.dirname, '../node_modules/.readme-'));
  const file = join(folder.path, 'example.mjs');
  const collected =
    `const printed = [];\nexport default printed;\n${code.replaceAll('console.log(', 'printed.push([')}`.replaceAll(
      /\); \/\/ .*$/gm,
      '].join(" "));',
    );
  writeFileSync(join(folder.path, 'example.ts'), collected);
  const alias = {
    '@waybill/schema/internal': join(import.meta.dirname, 'internal.ts'),
    '@waybill/schema': join(import.meta.dirname, 'index.ts'),
  };
  await build({
    entryPoints: [join(folder.path, 'example.ts')],
    outfile: file,
    bundle: true,
    format: 'esm',
    platform: 'node',
    alias,
    logLevel: 'silent',
  });
  const { default: printed } = (await import(/* @vite-ignore */ file)) as { default: string[] };
  expect(printed).toEqual(said);
});
