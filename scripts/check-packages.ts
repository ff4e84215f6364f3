/**
 * Packs each package as it is published and checks what a user gets: the manifest, the files, publint, the types under
 * ESM. Then compares what the entry points export with the committed reports (api-reports.ts).
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { differencesOfReports } from './api-reports.ts';
import { packAll, type Tarball } from './pack.ts';

const run = promisify(execFile);
const BIN = fileURLToPath(new URL('../node_modules/.bin', import.meta.url));

const folder = await mkdtemp(join(tmpdir(), 'waybill-tarballs-'));
try {
  const results = await Promise.all((await packAll(folder)).map(check));
  const differences = await differencesOfReports();
  console.log(differences.length > 0 ? differences.join('\n') : 'public types: as packages/*/api says');
  process.exitCode = results.every(Boolean) && differences.length === 0 ? 0 : 1;
} catch (error) {
  console.error(outputOf(error));
  process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true });
}

async function check({ name, file }: Tarball): Promise<boolean> {
  try {
    const { stdout: list } = await run('tar', ['-tzf', file]);
    const { stdout: manifest } = await run('tar', ['-xzOf', file, 'package/package.json']);
    const faults = [...faultsOfFiles(list.trim().split('\n')), ...faultsOfManifest(manifest)];
    if (faults.length > 0) throw new Error(faults.join('\n'));
    await run(join(BIN, 'publint'), ['run', file, '--strict'], { cwd: folder });
    await run(join(BIN, 'attw'), [file, '--profile', 'esm-only', '--no-color'], { cwd: folder });
    console.log(`${name}: fit to publish`);
    return true;
  } catch (error) {
    console.error(`${name}: ${outputOf(error)}`);
    return false;
  }
}

function faultsOfFiles(files: readonly string[]): string[] {
  const missing = ['LICENSE', 'README.md', 'dist/index.js', 'dist/index.d.ts', 'src/index.ts']
    .filter((file) => !files.includes(`package/${file}`))
    .map((file) => `${file} is missing`);
  const allowed =
    /^package\/(LICENSE|README\.md|package\.json|dist\/.+\.(js|js\.map|d\.ts)|dist\/waybill-verify\.mjs|src\/.+\.ts)$/;
  const surplus = files.filter((file) => !allowed.test(file) || /\.test\./.test(file)).map((file) => `${file}: why?`);
  return [...missing, ...surplus];
}

function faultsOfManifest(text: string): string[] {
  const manifest = JSON.parse(text) as Record<string, unknown>;
  const missing = ['description', 'keywords', 'license', 'engines', 'exports', 'files', 'sideEffects', 'type']
    .filter((field) => manifest[field] === undefined)
    .map((field) => `package.json has no ${field}`);
  const left = [...text.matchAll(/"(?:catalog|workspace|link|file):[^"]*"|"source":|"scripts":/g)];
  return [...missing, ...left.map(([what]) => `package.json has ${what}`)];
}

function outputOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { stdout = '', stderr = '' } = error as Error & { stdout?: string; stderr?: string };
  return `${error.message}\n${stdout}${stderr}`;
}
