/** The verifier in Python, which shares no code with this one. */
import { spawnSync } from 'node:child_process';
import { mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { DOCS } from './docs.ts';
import { runFile } from './verdicts.ts';

const program = join(DOCS, 'format-example.py');

export const hasPython = spawnSync('python3', ['--version']).status === 0;

/** The exit code and the output of the verifier in `docs/reference/format-example.py`. */
export function verifyInPython(content: string | Uint8Array): { status: number | null; out: string } {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'waybill-format-'));
  const file = join(folder.path, 'chain.ndjson');
  writeFileSync(file, content);
  const { status, stdout, stderr } = spawnSync('python3', [program, 'verify', file], { encoding: 'utf8' });
  expect(stderr).toBe('');
  return { status, out: stdout };
}

/**
 * Compares the two verdicts on each file. All files go to one process, because starting python takes longer than most
 * of them.
 *
 * @returns the number of files with each verdict
 */
export function compareAll(files: readonly Uint8Array[]): Map<string, number> {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'waybill-format-'));
  const names = files.map((bytes, i) => {
    const file = join(folder.path, `${i}.ndjson`);
    writeFileSync(file, bytes);
    return file;
  });
  const run = spawnSync('python3', [program, 'verify-all', folder.path, String(files.length)], { encoding: 'utf8' });
  expect(run.stderr).toBe('');
  const said = run.stdout.trimEnd().split('\n');
  expect(said).toHaveLength(names.length);
  const verdicts = new Map<string, number>();
  for (const [i, bytes] of files.entries()) {
    const { verdict, problem } = runFile(bytes);
    expect(said[i], Buffer.from(bytes).toString()).toBe(problem ? `${verdict} at seq ${problem.seq}` : verdict);
    verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
  }
  return verdicts;
}

/** What the verifier in Python says of chains, each with the chain `_system` that has acknowledgements. */
export function judgeKnownInPython(
  cases: readonly { chain: readonly string[]; system: readonly string[] }[],
): string[] {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'waybill-format-'));
  for (const [i, { chain, system }] of cases.entries()) {
    writeFileSync(join(folder.path, `${i}.ndjson`), `${chain.join('\n')}\n`);
    writeFileSync(join(folder.path, `${i}.system`), `${system.join('\n')}\n`);
  }
  const run = spawnSync('python3', [program, 'verify-known', folder.path, String(cases.length)], { encoding: 'utf8' });
  expect(run.stderr).toBe('');
  return run.stdout.trimEnd().split('\n');
}
