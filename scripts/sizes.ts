/**
 * `npm run sizes`: how long the files and functions of the packages' sources are, and which are the longest.
 *
 * Lint limits both (oxlint.config.ts), and counts here too: every line counts, comments and blank ones included.
 */
import { execFile } from 'node:child_process';
import { globSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const LISTED = 10;

interface Size {
  readonly name: string;
  readonly lines: number;
}

const all = globSync('packages/*/src/**/*.ts', { cwd: ROOT });
const sources = all.filter((file) => !file.endsWith('.test.ts'));
const tests = all.filter((file) => file.endsWith('.test.ts'));
show('source files', await sizesOfFiles(sources));
show('unit tests', await sizesOfFiles(tests));
show('functions', await sizesOfFunctions(sources));

function show(what: string, sizes: readonly Size[]): void {
  const sorted = sizes.toSorted((a, b) => a.lines - b.lines);
  const quantile = (share: number): number => sorted[Math.ceil(sorted.length * share) - 1]?.lines ?? 0;
  const sum = sorted.reduce((lines, size) => lines + size.lines, 0);
  const figures = `median ${quantile(0.5)}, 90th percentile ${quantile(0.9)}, maximum ${quantile(1)} lines`;
  console.log(`${what}: ${sorted.length}, ${figures}; ${sum} in all`);
  for (const { name, lines } of sorted.slice(-LISTED).toReversed())
    console.log(`  ${String(lines).padStart(4)}  ${name}`);
}

async function sizesOfFiles(files: readonly string[]): Promise<Size[]> {
  return Promise.all(
    files.map(async (name) => {
      const text = await readFile(join(ROOT, name), 'utf8');
      return { name, lines: text.split('\n').length - 1 };
    }),
  );
}

/** With a limit of no line, lint reports every function with its number of lines. */
async function sizesOfFunctions(files: readonly string[]): Promise<Size[]> {
  const folder = await mkdtemp(join(tmpdir(), 'waybill-sizes-'));
  try {
    const config = join(folder, 'oxlint.json');
    await writeFile(
      config,
      JSON.stringify({ rules: { 'max-lines-per-function': ['error', { max: 0, IIFEs: true }] } }),
    );
    const command = ['--config', config, '--format=json', '--allow=correctness', '--deny=max-lines-per-function'];
    const lints = run(join(ROOT, 'node_modules/.bin/oxlint'), [...command, ...files], {
      cwd: ROOT,
      maxBuffer: 2 ** 28,
    });
    const { stdout } = await lints.catch((error: { stdout: string }) => error);
    const { diagnostics } = JSON.parse(stdout) as {
      diagnostics: { filename: string; message: string; labels: { span: { line: number } }[] }[];
    };
    return diagnostics.map(({ filename, message, labels }) => {
      const [, name = 'anonymous'] = /`(.*)`/.exec(message) ?? [];
      const [, lines = '0'] = /too many lines \((\d+)\)/.exec(message) ?? [];
      return { name: `${name} (${filename}:${labels[0]?.span.line})`, lines: Number(lines) };
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}
