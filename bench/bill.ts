/**
 * What it takes to check a bill of 31 lines, a month by day, beside `openssl dgst -sha256` of the same file: nobody can
 * do with less than to read it and hash it once.
 *
 *     npm run bench -- bill              BENCH_ROUNDS=21
 *
 * All of them are processes, from start to end, and rounds alternate: a busy machine is busy for all. `node` alone runs
 * an empty file. The last row is what happens within a process: it loads the pure function, calls it once with Node's
 * SHA-256 and time zones, as `waybill verify --bill` does, and has not warmed up.
 */
import { verifyBill } from '@waybill/schema/verify';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { makeBill, makeEvent, makeReplay, PUBLIC_KEY, signEvent } from '../packages/verify/test-support/files.ts';
import { writeVerifyBundle } from '../scripts/bundle-verify.ts';
import { median } from './median.ts';

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 21);
/** `verify --bill`: the pure function with its start-up. */
const GOAL_MS = 50;

/** Loads the pure function and calls it once, and prints the milliseconds of both. */
const PURE = `
const begin = performance.now();
const { readFileSync } = await import('node:fs');
const { hash } = await import('node:crypto');
const { verifyBill } = await import('./schema-verify.mjs');
const { summary } = verifyBill(readFileSync('bill.json'), { tz: process.versions.tz, sha256: (text) => hash('sha256', text, 'hex') });
console.log(performance.now() - begin, summary);
`;

const folder = mkdtempSync(join(tmpdir(), 'waybill-bench-'));
try {
  const lines = makeReplay(Array.from({ length: 40 }, (_, i) => signEvent(makeEvent(i + 1))));
  const bill = makeBill(lines, { days: 31 });
  const { summary, statement } = verifyBill(bill);
  if (summary !== 'ok, unanchored' || statement?.lines.length !== 31) throw new Error(`the bill is ${summary}`);
  writeFileSync(join(folder, 'bill.json'), bill);
  writeFileSync(join(folder, 'nothing.mjs'), '');
  writeFileSync(join(folder, 'pure.mjs'), PURE);
  await writeVerifyBundle(join(folder, 'waybill-verify.mjs'));
  await build({
    entryPoints: [join(import.meta.dirname, '../packages/schema/src/verify.ts')],
    outfile: join(folder, 'schema-verify.mjs'),
    bundle: true,
    minify: true,
    format: 'esm',
    conditions: ['source'],
    logLevel: 'silent',
  });
  const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
  const rounds = { openssl: [] as number[], node: [] as number[], bundle: [] as number[], pure: [] as number[] };
  const signature: number[] = [];
  for (let round = -1; round < ROUNDS; round++) {
    const openssl = hasOpenssl ? timed('openssl', ['dgst', '-sha256', 'bill.json']).ms : Number.NaN;
    const node = timed(process.execPath, ['nothing.mjs']).ms;
    const bundle = timed(process.execPath, ['waybill-verify.mjs', 'bill.json'], 'verdict: ok, unanchored').ms;
    const signed = timed(process.execPath, ['waybill-verify.mjs', 'bill.json', '--key', PUBLIC_KEY], 'verdict: ok').ms;
    const pure = Number.parseFloat(timed(process.execPath, ['pure.mjs'], 'ok, unanchored').stdout);
    // The first one fills the caches of files.
    if (round < 0) continue;
    rounds.openssl.push(openssl);
    rounds.node.push(node);
    rounds.bundle.push(bundle);
    signature.push(signed);
    rounds.pure.push(pure);
  }
  report(bill, { ...rounds, signature });
  if (!hasOpenssl) console.log('SKIPPED: the floor: there is no openssl on PATH');
} finally {
  rmSync(folder, { recursive: true });
}

/** A process from its start to its end. */
function timed(command: string, args: readonly string[], says = ''): { ms: number; stdout: string } {
  const begin = performance.now();
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, encoding: 'utf8' });
  const ms = performance.now() - begin;
  if (status !== 0 || !stdout.includes(says)) throw new Error(`${command} ended with ${status}: ${stdout}${stderr}`);
  return { ms, stdout };
}

function report(bill: string, times: Record<'openssl' | 'node' | 'bundle' | 'signature' | 'pure', number[]>): void {
  const floor = median(times.openssl);
  const row = (values: readonly number[]) => ({
    'median ms': Number(median(values).toFixed(1)),
    'fastest ms': Number(Math.min(...values).toFixed(1)),
    'beside the floor': Number((median(values) / floor).toFixed(1)),
  });
  const load = `load ${loadavg()[0]?.toFixed(1)} on ${availableParallelism()} cores`;
  console.log(`node ${process.version}; ${ROUNDS} rounds; a bill of ${bill.length} bytes; ${load}`);
  console.table({
    'openssl dgst -sha256 (floor)': row(times.openssl),
    'node, an empty file': row(times.node),
    'node waybill-verify.mjs bill.json': row(times.bundle),
    'the same with --key': row(times.signature),
    'load and call verifyBill, in a process': row(times.pure),
  });
  const ours = median(times.pure);
  console.log(
    `loading and calling verifyBill: ${ours.toFixed(1)} ms, goal ${GOAL_MS} ms: ${ours <= GOAL_MS ? 'met' : 'MISSED'}`,
  );
}
