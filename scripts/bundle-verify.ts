/**
 * `waybill-verify` as one file that any Node from 22.12 on runs, without an installation:
 *
 *     node --conditions=source scripts/bundle-verify.ts [FILE]      (default: packages/verify/dist/waybill-verify.mjs)
 *
 * The same sources give the same bytes on any machine: nothing in it depends on a path or on the time. It is made of
 * sources, so that nothing has to be built before.
 */
import { hash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Metafile, type Plugin } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PACKAGE = join(ROOT, 'packages/verify');
const BUNDLE_FILE = join(PACKAGE, 'dist/waybill-verify.mjs');

export interface VerifyBundle {
  readonly bytes: Uint8Array;
  readonly sha256: string;
  /** The files that it is made of, by their paths in the repository, and what is imported at run time. */
  readonly inputs: readonly string[];
  readonly imports: readonly string[];
}

export async function bundleVerify(): Promise<VerifyBundle> {
  const { version } = JSON.parse(await readFile(join(PACKAGE, 'package.json'), 'utf8')) as { version: string };
  const { outputFiles, metafile } = await build({
    entryPoints: [join(PACKAGE, 'src/cli.ts')],
    absWorkingDir: ROOT,
    outfile: BUNDLE_FILE,
    bundle: true,
    write: false,
    minify: true,
    metafile: true,
    platform: 'node',
    format: 'esm',
    // Older than what it needs, so that an old Node reads it and gets to say what is needed.
    target: 'node18',
    conditions: ['source'],
    // The format's texts are UTF-8 anyway.
    charset: 'utf8',
    legalComments: 'none',
    tsconfigRaw: {},
    banner: {
      js: `// waybill-verify ${version}. Apache-2.0. Contains @noble/hashes, MIT, (c) Paul Miller.`,
    },
    plugins: [versionPlugin(version)],
    logLevel: 'silent',
  });
  const bytes = outputFiles[0]?.contents ?? new Uint8Array();
  return { bytes, sha256: hash('sha256', bytes, 'hex'), ...contentsOf(metafile) };
}

/** @returns the bundle that was written */
export async function writeVerifyBundle(file = BUNDLE_FILE): Promise<VerifyBundle> {
  const bundle = await bundleVerify();
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, bundle.bytes, { mode: 0o755 });
  return bundle;
}

/** One file has no manifest beside it that it could read its version from. */
function versionPlugin(version: string): Plugin {
  return {
    name: 'version',
    setup({ onLoad }) {
      onLoad({ filter: /packages[\\/]verify[\\/]src[\\/]version\.ts$/ }, () => ({
        contents: `export const VERSION = ${JSON.stringify(version)};`,
        loader: 'ts',
      }));
    },
  };
}

function contentsOf({ inputs, outputs }: Metafile): Pick<VerifyBundle, 'inputs' | 'imports'> {
  const imports = Object.values(outputs).flatMap((output) => output.imports.map(({ path }) => path));
  return { inputs: Object.keys(inputs).toSorted(), imports: [...new Set(imports)].toSorted() };
}

if (import.meta.main) {
  const file = resolve(process.argv[2] ?? BUNDLE_FILE);
  const { bytes, sha256 } = await writeVerifyBundle(file);
  console.log(`${sha256}  ${file} (${bytes.length} bytes)`);
}
