/**
 * `npm test`: the nats-server, then lint, types, packages, and all tests; stops at the first stage that fails.
 *
 * The last line is `N passed, N failed[, N skipped]`, counted by vitest itself.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeSource, findNatsServer } from './nats-server/find.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const BIN = join(ROOT, 'node_modules/.bin');
// The pinned Node and the project's own tools come first, for whatever the stages start.
const env: NodeJS.ProcessEnv = { ...process.env, PATH: `${BIN}${delimiter}${process.env['PATH'] ?? ''}` };

await chooseServer();
await stage('lint', ['oxlint', '--deny-warnings']);
await stage('format', ['oxfmt', '--check']);
await stage('unused files, exports and dependencies', ['knip']);
await stage('types', ['tsc']);
await stage('packages', ['node', '--conditions=source', 'scripts/check-packages.ts']);
await tests(process.argv.slice(2));

/** First, because it is what a new machine is most likely to lack; the tests are handed the choice. */
async function chooseServer(): Promise<void> {
  if (env['NATS_URL']) {
    console.log('nats-server: the running one of NATS_URL');
    return;
  }
  try {
    const source = await findNatsServer((line) => console.log(`nats-server: ${line}`));
    console.log(describeSource(source));
    if (source.kind === 'binary') env['NATS_SERVER_BIN'] = source.path;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
}

async function stage(name: string, [command = '', ...args]: string[]): Promise<void> {
  const started = Date.now();
  console.log(`\n== ${name}`);
  const code = await exitCode(command, args);
  if (code !== 0) {
    console.error(`${name} failed: ${[command, ...args].join(' ')} ended with exit code ${code}`);
    process.exit(code);
  }
  console.log(`${name}: ok, ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

/**
 * Arguments of `npm test -- …` are vitest's: a file name or `--project unit` runs less. The project `faults` takes
 * minutes and has a command of its own (`npm run test:faults`).
 */
async function tests(args: string[]): Promise<void> {
  console.log('\n== tests');
  const folder = await mkdtemp(join(tmpdir(), 'waybill-vitest-'));
  const report = join(folder, 'report.json');
  const code = await exitCode('vitest', [
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile=${report}`,
    ...(args.includes('--project') ? [] : ['--project', 'unit', '--project', 'server']),
    ...args,
  ]);
  const counts = await readFile(report, 'utf8').then(parseReport, () => undefined);
  await rm(folder, { recursive: true });
  if (!counts) {
    console.error('vitest ended without a report');
    process.exit(code || 1);
  }
  const { passed, failed, skipped } = counts;
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  process.exit(code);
}

/** Test files that fail to load have no test that failed, so each counts as one. */
function parseReport(text: string): { passed: number; failed: number; skipped: number } {
  const report = JSON.parse(text) as {
    numPassedTests: number;
    numFailedTests: number;
    numPendingTests: number;
    numTodoTests: number;
    testResults: { status: string; assertionResults: { status: string }[] }[];
  };
  const unloadable = report.testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
  );
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + unloadable.length,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

async function exitCode(command: string, args: string[]): Promise<number> {
  const child = spawn(command, args, { cwd: ROOT, env, stdio: 'inherit' });
  const stop = (signal: NodeJS.Signals): void => void child.kill(signal);
  process.on('SIGTERM', stop);
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  process.off('SIGTERM', stop);
  if (signal) console.error(`${command} was ended by ${signal}`);
  return code ?? 1;
}
