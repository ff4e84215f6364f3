// Makes sure that the dependencies are installed, so that `npm start`, `npm test` and `npm run waybill` work in a fresh
// clone. Plain JavaScript without a dependency: it is what runs before there are any, on whichever Node 20+ is there.
// Everything it says goes to stderr: the stdout of `npm run --silent waybill -- usage --json` is JSON and nothing else.
//
// It only installs. The package.json script then replaces its shell by the pinned Node (`&& exec …`), so no process
// stands between a signal and the program that it is meant for.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PNPM = 'pnpm@12.21.0';
const root = fileURLToPath(new URL('..', import.meta.url));
const marker = join(root, 'node_modules/.waybill-installed');

const wanted = fingerprint();
if (!existsSync(marker) || readFileSync(marker, 'utf8') !== wanted) install();

function install() {
  const started = Date.now();
  console.error('waybill: installing dependencies (the first time takes about a minute)');
  const args = ['--yes', PNPM, 'install', '--frozen-lockfile', '--reporter=append-only'];
  // pnpm's progress is on its stdout; here it belongs with everything else that is not the command's answer.
  const { status, error } = spawnSync('npx', args, {
    cwd: root,
    stdio: ['ignore', 2, 2],
    // Without a terminal pnpm would refuse to replace a node_modules of another layout, and it would be right to ask.
    env: { ...process.env, CI: process.env.CI ?? 'true' },
  });
  if (error || status !== 0) {
    console.error(`waybill: \`npx ${args.join(' ')}\` failed: ${error ? error.message : `exit code ${status}`}`);
    console.error('waybill: is the npm registry reachable? After a change of dependencies, run the same without');
    console.error('waybill: --frozen-lockfile once, and commit pnpm-lock.yaml');
    process.exit(1);
  }
  // Last, so that an install that was interrupted is done again.
  writeFileSync(marker, wanted);
  console.error(`waybill: dependencies installed in ${Math.round((Date.now() - started) / 1000)} s`);
}

/** Changes whenever an install could have another result. */
function fingerprint() {
  const hash = createHash('sha256').update(`${PNPM} ${process.platform} ${process.arch}\n`);
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml', ...manifests()]) {
    hash.update(`${file}\n`).update(readFileSync(join(root, file)));
  }
  return hash.digest('hex');
}

function manifests() {
  const folders = ['.', 'test', 'bench'];
  for (const parent of ['packages', 'examples']) {
    if (!existsSync(join(root, parent))) continue;
    for (const name of readdirSync(join(root, parent)).toSorted()) folders.push(`${parent}/${name}`);
  }
  return folders.map((folder) => `${folder}/package.json`).filter((file) => existsSync(join(root, file)));
}
