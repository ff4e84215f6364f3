// `prepack` and `postpack` of each package: what is published has no `workspace:` and no `catalog:`, which npm does not
// know, no condition that leads to TypeScript, which Node refuses below node_modules, and the license. So `npm pack`,
// `npm publish` and `pnpm publish` make the same package.
//
// Plain JavaScript on any Node 20, as bootstrap.mjs: npm runs it with whichever Node is there.
//
// prepack keeps the manifest as it was beside the new one; postpack puts it back. If packing is ended in between, the
// next prepack begins from what was kept.
import { copyFileSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const folder = process.cwd();
const manifest = join(folder, 'package.json');
const kept = join(folder, '.package.json.kept');
const license = join(folder, 'LICENSE');

if (process.argv[2] === 'resolve') resolve();
else restore();

function resolve() {
  checkBuild();
  if (!existsSync(kept)) copyFileSync(manifest, kept);
  const published = publishedManifest(readJson(kept));
  copyFileSync(join(ROOT, 'LICENSE'), license);
  writeFileSync(manifest, `${JSON.stringify(published, null, 2)}\n`);
}

function restore() {
  rmSync(license, { force: true });
  if (existsSync(kept)) renameSync(kept, manifest);
}

function publishedManifest(source) {
  const published = structuredClone(source);
  const versions = catalog();
  for (const [name, range] of Object.entries(published.dependencies)) {
    published.dependencies[name] = resolved(name, range, versions);
  }
  for (const target of Object.values(published.exports)) delete target.source;
  // Only Waybill's own repository has these.
  delete published.scripts;
  delete published.devDependencies;
  const url = repositoryUrl();
  if (url === undefined) delete published.repository;
  else published.repository.url = url;
  return published;
}

/**
 * Our own packages belong together. Others may be newer, so that a service that uses zod or the client has one copy.
 */
function resolved(name, range, versions) {
  if (range.startsWith('workspace:')) return readJson(join(folder, '..', name.split('/')[1], 'package.json')).version;
  if (!range.startsWith('catalog:')) return range;
  const version = versions.get(name);
  if (version === undefined) throw new Error(`${name} is not in the catalog of pnpm-workspace.yaml`);
  return `^${version}`;
}

/** The lines `  name: version` below `catalog:`. */
function catalog() {
  const text = readFileSync(join(ROOT, 'pnpm-workspace.yaml'), 'utf8');
  const block = /^catalog:\n((?: +\S.*\n)+)/m.exec(text)?.[1] ?? '';
  const line = /^ +'?([^':]+)'?: (\S+)$/gm;
  return new Map([...block.matchAll(line)].map(([, name, version]) => [name, version]));
}

/** That of `origin`, if there is one, without a user or token that may be in it. */
function repositoryUrl() {
  try {
    const origin = execFileSync('git', ['remote', 'get-url', 'origin'], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const url = new URL(
      origin
        .toString()
        .trim()
        .replace(/^git@([^:]+):/, 'https://$1/'),
    );
    return url.protocol === 'https:' ? `git+https://${url.host}${url.pathname}` : undefined;
  } catch {
    return undefined;
  }
}

/** A file that is built from nothing any more would be published too. */
function checkBuild() {
  const built = existsSync(join(folder, 'dist')) ? readdirSync(join(folder, 'dist'), { recursive: true }) : [];
  const scripts = built.filter((file) => file.endsWith('.js'));
  if (scripts.length === 0) throw new Error(`nothing is built in ${folder}: npm run build`);
  const orphan = scripts.find((file) => !existsSync(join(folder, 'src', file.replace(/js$/, 'ts'))));
  if (orphan !== undefined) throw new Error(`dist/${orphan} has no source any more: npm run build makes dist anew`);
}

function readJson(file) {
  return JSON.parse(readFileSync(file, 'utf8'));
}
