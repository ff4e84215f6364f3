/** Packs each package as it would be published and checks what a user gets: publint, and the types under ESM. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const BIN = join(ROOT, 'node_modules/.bin');

await run(join(BIN, 'tsc'), ['--build', 'tsconfig.build.json'], { cwd: ROOT }).catch(reportAndExit);
const results = await Promise.all((await readdir(join(ROOT, 'packages'))).map(check));
process.exitCode = results.every(Boolean) ? 0 : 1;

async function check(name: string): Promise<boolean> {
  const folder = join(ROOT, 'packages', name);
  const packed = await mkdtemp(join(tmpdir(), 'waybill-pack-'));
  try {
    // npm packs what `files` and `exports` say. It leaves `workspace:` and `catalog:` in the manifest, which pnpm
    // replaces when it publishes; neither check looks at dependencies.
    await run('npm', ['pack', '--silent', '--pack-destination', packed], { cwd: folder });
    const [archive = ''] = await readdir(packed);
    const tarball = join(packed, archive);
    await run(join(BIN, 'publint'), ['run', tarball, '--strict'], { cwd: folder });
    await run(join(BIN, 'attw'), [tarball, '--profile', 'esm-only', '--no-color'], { cwd: folder });
    console.log(`${name}: ${archive} is fit to publish`);
    return true;
  } catch (error) {
    console.error(`${name}: ${outputOf(error)}`);
    return false;
  } finally {
    await rm(packed, { recursive: true });
  }
}

function reportAndExit(error: unknown): never {
  console.error(outputOf(error));
  process.exit(1);
}

function outputOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { stdout = '', stderr = '' } = error as Error & { stdout?: string; stderr?: string };
  return `${error.message}\n${stdout}${stderr}`;
}
