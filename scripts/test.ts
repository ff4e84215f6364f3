/**
 * `npm test`: the nats-server, then lint, format, unused code, types and packages, then all tests; ends at the first
 * failure.
 *
 * The last line is `N passed, N failed[, N skipped]`, counted by vitest itself.
 */
import { type ChildProcess, spawn } from 'node:child_process';
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

/** The tests that run; `plain` are those of the schema once more, without its fast paths. */
const PROJECTS = ['unit', 'plain', 'server', 'server-alone'];

/** Ended with this program. */
const running = new Set<ChildProcess>();
process.on('SIGTERM', () => {
  if (running.size === 0) process.exit(143);
  for (const child of running) child.kill('SIGTERM');
});

/** What is checked before the tests run. Two lines of them go on at a time, since most of them use one core. */
const CHECKS: readonly (readonly Check[])[] = [
  [
    { name: 'lint', command: ['oxlint', '--deny-warnings'] },
    { name: 'format', command: ['oxfmt', '--check'] },
    { name: 'unused files, exports and dependencies', command: ['knip'] },
  ],
  [
    { name: 'types', command: ['tsc'] },
    { name: 'packages', command: ['node', '--conditions=source', 'scripts/check-packages.ts'] },
  ],
];

interface Check {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
}

await chooseServer();
await Promise.all(
  CHECKS.map(async (line) => {
    for (const check of line) await pass(check);
  }),
);
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

/** Runs a check and prints what it says in one piece. Ends the program when it fails. */
async function pass({ name, command: [command, ...args] }: Check): Promise<void> {
  const started = Date.now();
  const child = spawn(command, args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (said += text));
  const code = await endOf(child, 'close');
  console.log(`\n== ${name}\n${said.trimEnd()}`);
  if (code !== 0) {
    console.error(`${name} failed: ${[command, ...args].join(' ')} ended with exit code ${code}`);
    for (const other of running) other.kill();
    process.exit(code);
  }
  console.log(`${name}: ok, ${seconds(started)}`);
}

/**
 * Arguments of `npm test -- …` are vitest's: a file name or `--project unit` runs less. The projects `faults` and
 * `long` take minutes and have commands of their own.
 */
async function tests(given: string[]): Promise<void> {
  console.log('\n== tests');
  const folder = await mkdtemp(join(tmpdir(), 'waybill-vitest-'));
  const report = join(folder, 'report.json');
  const started = Date.now();
  const args = [
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile=${report}`,
    ...(given.includes('--project') ? [] : PROJECTS.flatMap((name) => ['--project', name])),
    ...given,
  ];
  const code = await endOf(spawn('vitest', args, { cwd: ROOT, env, stdio: 'inherit' }), 'exit');
  const counts = await readFile(report, 'utf8').then(parseReport, () => undefined);
  await rm(folder, { recursive: true });
  if (!counts) {
    console.error('vitest ended without a report');
    process.exit(code || 1);
  }
  const { passed, failed, skipped } = counts;
  console.log(`tests: ${seconds(started)}`);
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

function seconds(since: number): string {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`;
}

/** @returns the exit code; 1 when a signal ended it */
async function endOf(child: ChildProcess, event: 'exit' | 'close'): Promise<number> {
  running.add(child);
  const [code, signal] = (await once(child, event)) as [number | null, NodeJS.Signals | null];
  running.delete(child);
  if (signal) console.error(`${child.spawnargs.join(' ')} was ended by ${signal}`);
  return code ?? 1;
}
