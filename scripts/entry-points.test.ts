/** Every way into a package looks first whether Node is new enough, and asks for what the manifest says. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { requireNode } from '../packages/schema/src/node-version.ts';

const PACKAGES = join(import.meta.dirname, '../packages');

interface Manifest {
  readonly engines: { readonly node: string };
  readonly exports: Readonly<Record<string, { readonly source?: string }>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly sideEffects: readonly string[];
}

const read = (name: string, file: string): string => readFileSync(join(PACKAGES, name, file), 'utf8');

test.for(['schema', 'publisher', 'verify', 'consumer', 'client'])('%s', (name) => {
  const manifest = JSON.parse(read(name, 'package.json')) as Manifest;
  const needed = manifest.engines.node.replace('>=', '');
  const exported = Object.values(manifest.exports).flatMap(({ source }) => source ?? []);
  const commands = Object.values(manifest.bin ?? {}).map((file) => file.replace('dist', 'src').replace(/js$/, 'ts'));
  for (const file of [...exported, ...commands]) {
    // This one is the check, and imports nothing.
    // The second one imports nothing: it is data.
    if (file === './src/node-version.ts' || file === './src/api/routes.ts') continue;
    const [, first = ''] = /^import (?:.*? from )?'(.*?)';$/m.exec(read(name, file)) ?? [];
    expect(first, file).toMatch(/^\.{1,2}\/.*check-node/);
    const check = join(dirname(file), first);
    expect(read(name, check), file).toMatch(new RegExp(`requireNode\\('[^']+', '${needed}'\\)`));
    // A bundler drops an import that is only there for what it does, unless the manifest names it.
    expect(manifest.sideEffects).toContain(`./${check}`);
    expect(manifest.sideEffects).toContain(`./${check.replace('src', 'dist').replace(/ts$/, 'js')}`);
  }
});

test('an older Node is an error with both versions, a newer one and no Node at all are fine', () => {
  const { process: real } = globalThis;
  const on = (node: string | undefined, oldest: string) => () => {
    const process = node === undefined ? undefined : { versions: { node } };
    Object.defineProperty(globalThis, 'process', { value: process, configurable: true });
    try {
      requireNode('@waybill/x', oldest);
    } finally {
      Object.defineProperty(globalThis, 'process', { value: real, configurable: true });
    }
  };
  for (const old of ['22.11.9', '20.19.0', '9.12.0']) {
    expect(on(old, '22.12')).toThrow(`@waybill/x needs Node 22.12 or newer; this is Node ${old}`);
  }
  expect(on('25.9.0', '26')).toThrow('needs Node 26');
  for (const fine of ['22.12.0', '22.100.0', '24.0.0', '100.0.0', undefined]) expect(on(fine, '22.12')).not.toThrow();
  expect(on('26.0.0', '26')).not.toThrow();
});
