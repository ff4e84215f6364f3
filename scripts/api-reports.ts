/**
 * `npm run api`: writes the public types of each package's entry points to packages/NAME/api/, by API Extractor.
 *
 * The reports are committed, so that a change of the public surface shows in review. `npm test` fails when they differ
 * from what the packages export. `./internal` is for the packages of this repository: its report lists names only.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CompilerState, Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const NAMES = ['schema', 'publisher', 'verify', 'consumer', 'client'];
const NAMES_ONLY = ['./internal'];

interface EntryPoint {
  /** As the manifest's `exports` names it: `.`, `./sinks`. */
  readonly path: string;
  /** The report's path in the repository. */
  readonly report: string;
  readonly config: ExtractorConfig;
}

/** The difference between the committed reports and what `dist` exports, as lines to print; none if they are equal. */
export async function differencesOfReports(): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'waybill-api-'));
  try {
    const reports = await extractAll(folder);
    const committed = await committedReports();
    const differences: string[] = [];
    for (const file of new Set([...reports.keys(), ...committed])) {
      const difference = await differenceOf(file, reports.get(file), folder);
      if (difference) differences.push(`${file} differs from what the package exports:\n${difference}`);
    }
    if (differences.length > 0) differences.push('If the change is meant, run `npm run api` and commit the reports.');
    return differences;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Replaces the committed reports. Returns their paths. */
async function writeReports(): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'waybill-api-'));
  try {
    const reports = await extractAll(folder);
    for (const file of await committedReports()) await rm(join(ROOT, file));
    for (const [file, text] of reports) {
      await mkdir(dirname(join(ROOT, file)), { recursive: true });
      await writeFile(join(ROOT, file), text);
    }
    return [...reports.keys()];
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function extractAll(folder: string): Promise<Map<string, string>> {
  const reports = new Map<string, string>();
  for (const name of NAMES) {
    const manifestFile = join(ROOT, 'packages', name, 'package.json');
    const manifest = JSON.parse(await readFile(manifestFile, 'utf8')) as {
      name: string;
      exports: Record<string, { types?: string }>;
    };
    const entryPoints = Object.entries(manifest.exports).flatMap(([path, { types }]) =>
      types ? { path, report: reportOf(name, path), config: configOf(manifestFile, types, folder) } : [],
    );
    for (const [file, text] of await extract(manifest.name, entryPoints)) reports.set(file, text);
  }
  return reports;
}

function reportOf(name: string, path: string): string {
  return `packages/${name}/api/${path === '.' ? 'index' : basename(path)}.api.md`;
}

function configOf(packageJsonFullPath: string, types: string, folder: string): ExtractorConfig {
  const silent = { default: { logLevel: ExtractorLogLevel.None } };
  return ExtractorConfig.prepare({
    configObjectFullPath: undefined,
    packageJsonFullPath,
    configObject: {
      newlineKind: 'lf',
      projectFolder: dirname(packageJsonFullPath),
      mainEntryPointFilePath: join(dirname(packageJsonFullPath), types),
      compiler: { overrideTsconfig: { compilerOptions: COMPILER_OPTIONS, files: [types] } },
      apiReport: {
        enabled: true,
        reportFolder: folder,
        reportTempFolder: join(folder, 'temporary'),
        reportFileName: 'report.api.md',
        // What an exported signature mentions is part of the surface, whether it is exported or not.
        includeForgottenExports: true,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: {
        compilerMessageReporting: { default: { logLevel: ExtractorLogLevel.Error } },
        extractorMessageReporting: silent,
        tsdocMessageReporting: silent,
      },
    },
  });
}

/** API Extractor brings its own TypeScript, which reads the declarations that ours emits. */
const COMPILER_OPTIONS = {
  target: 'es2024',
  module: 'nodenext',
  moduleResolution: 'nodenext',
  lib: ['es2024', 'esnext.disposable', 'dom'],
  types: ['node'],
  strict: true,
  skipLibCheck: true,
};

async function extract(name: string, entryPoints: readonly EntryPoint[]): Promise<Map<string, string>> {
  const [first, ...others] = entryPoints;
  if (!first) return new Map();
  const additionalEntryPoints = others.map(({ config }) => config.mainEntryPointFilePath);
  const compilerState = CompilerState.create(first.config, { additionalEntryPoints });
  const reports = new Map<string, string>();
  for (const { path, report, config } of entryPoints) {
    const errors: string[] = [];
    await mkdir(config.reportTempFolder, { recursive: true });
    Extractor.invoke(config, {
      compilerState,
      localBuild: true,
      messageCallback: (message) => {
        if (message.logLevel === ExtractorLogLevel.Error) errors.push(message.text);
        message.handled = true;
      },
    });
    if (errors.length > 0) throw new Error(`the API of ${name}, ${path}: ${errors.join('\n')}`);
    const text = await readFile(config.reportFilePath, 'utf8');
    reports.set(
      report,
      NAMES_ONLY.includes(path) ? namesOf(`${name}${path.slice(1)}`, text) : plain(name + path.slice(1), text),
    );
  }
  return reports;
}

/** Without what is the same for everything here: all of it is public, and not every member has a comment. */
function plain(name: string, text: string): string {
  return text
    .replace(/^## .*/, `## The API of ${name}`)
    .replaceAll(/^ *\/\/ (@public.*|\(undocumented\)|\(No @packageDocumentation .*)\n/gm, '')
    .replace(/\n+```\n*$/, '\n```\n');
}

function namesOf(name: string, text: string): string {
  const exported =
    /^export (?:(?:abstract |declare )*(?:const|let|function|class|interface|type|enum) (\w+)|\{ (?:\w+ as )?(\w+) \})/gm;
  const names = new Set([...text.matchAll(exported)].map(([, declared, listed]) => declared ?? listed));
  return `## The names of ${name}\n\n${[...names].map((each) => `- ${each}`).join('\n')}\n`;
}

async function committedReports(): Promise<string[]> {
  const lists = NAMES.map(async (name) => {
    const files = await readdir(join(ROOT, 'packages', name, 'api')).catch(() => []);
    return files.map((file) => `packages/${name}/api/${file}`);
  });
  return (await Promise.all(lists)).flat();
}

async function differenceOf(file: string, text: string | undefined, folder: string): Promise<string> {
  const current = join(folder, 'current.md');
  await writeFile(current, text ?? '');
  const committed =
    (await readFile(join(ROOT, file), 'utf8').catch(() => null)) === null ? '/dev/null' : join(ROOT, file);
  const command = ['diff', '--no-index', '--no-color', '--unified=1', committed, current];
  const { stdout } = await run('git', command).catch((error: { stdout: string }) => error);
  return stdout.split('\n').slice(4, 44).join('\n');
}

if (import.meta.main) {
  await run(join(ROOT, 'node_modules/.bin/tsc'), ['--build', 'tsconfig.build.json'], { cwd: ROOT });
  for (const file of await writeReports()) console.log(file);
}
