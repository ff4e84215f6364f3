/**
 * Builds the packages and packs each as it is published:
 *
 *     npm run pack -- FOLDER        (default: tarballs/)
 *
 * Beside them it writes `waybill-verify.mjs`, which needs no installation, and prints its SHA-256.
 */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { writeVerifyBundle } from './bundle-verify.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const BIN = join(ROOT, 'node_modules/.bin');
const NAMES = ['schema', 'publisher', 'verify', 'consumer', 'client'];

/** The command `waybill-verify` as one file. The tarball of `verify` has it, too. */
const BUNDLE = 'waybill-verify.mjs';

/** What `npm pack` needs besides a package's own folder. */
const SHARED = ['LICENSE', 'pnpm-workspace.yaml', 'scripts/pack-manifest.mjs'];

export interface Tarball {
  /** Of the package's folder. */
  readonly name: string;
  readonly file: string;
}

/** In `destination`. `npm pack` changes the manifest for a moment, so it does that in a copy of the packages. */
export async function packAll(destination: string): Promise<Tarball[]> {
  // Anew, because tsc leaves what was built from files that are gone.
  for (const name of NAMES) await rm(join(ROOT, 'packages', name, 'dist'), { recursive: true, force: true });
  await run(join(BIN, 'tsc'), ['--build', 'tsconfig.build.json'], { cwd: ROOT });
  await writeVerifyBundle();
  await mkdir(destination, { recursive: true });
  const copy = await mkdtemp(join(tmpdir(), 'waybill-pack-'));
  try {
    for (const file of SHARED) await cp(join(ROOT, file), join(copy, file));
    const isCopied = (source: string): boolean => !source.slice(ROOT.length).includes('node_modules');
    await cp(join(ROOT, 'packages'), join(copy, 'packages'), { recursive: true, filter: isCopied });
    return await Promise.all(NAMES.map((name) => pack(name, copy, destination)));
  } finally {
    await rm(copy, { recursive: true });
  }
}

async function pack(name: string, copy: string, destination: string): Promise<Tarball> {
  const folder = await mkdtemp(join(copy, 'packed-'));
  await run('npm', ['pack', '--pack-destination', folder], {
    cwd: join(copy, 'packages', name),
    env: { ...process.env, PATH: `${BIN}${delimiter}${process.env['PATH'] ?? ''}` },
  });
  const [archive = ''] = await readdir(folder);
  const file = join(destination, archive);
  await cp(join(folder, archive), file);
  return { name, file };
}

if (import.meta.main) {
  const destination = resolve(process.argv[2] ?? 'tarballs');
  for (const { file } of await packAll(destination)) console.log(file);
  const { sha256 } = await writeVerifyBundle(join(destination, BUNDLE));
  console.log(`${join(destination, BUNDLE)}, SHA-256 ${sha256}`);
}
