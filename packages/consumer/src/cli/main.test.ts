import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { runWaybill } from './main.ts';
import { createOutput } from './output.ts';

/** What the command writes beside its results. */
async function errorOf(...args: string[]): Promise<string> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const output = createOutput(stdout as never, stderr as never);
  expect(await runWaybill(args, { env: {}, output })).toBe(64);
  return String(stderr.read());
}

test('an error is a line that a terminal only shows; with --json one that a program reads', async () => {
  const orgid = 'a\u202e\u009b😀';
  const message = `--org is ${JSON.stringify(orgid)}: expected `;
  expect(await errorOf('verify', '--org', orgid)).toMatch(/^waybill: --org is "a\\u\{202e\}\\u\{9b\}😀": expected /);
  const line = await errorOf('verify', '--org', orgid, '--json');
  expect(line).toMatch(/^[ -~]+\n$/);
  expect(JSON.parse(line)).toEqual({
    error: { code: 'BAD_ARGUMENT', message: expect.stringMatching(new RegExp(`^${message}`)) as string },
  });
});

test('an option with one value that is given twice is an error: the first organization would be on no bill', async () => {
  for (const command of ['usage', 'bill', 'head'])
    expect(await errorOf(command, '--org', 'acme', '--org=bolt')).toBe(
      `waybill: waybill ${command}: --org is given twice; see --help\n`,
    );
  expect(await errorOf('usage', '--all', '--from', '2026-07-01', '--from', '2026-08-01')).toContain('--from is given');
  // Of these there may be several, and what is wrong is said of their values.
  expect(await errorOf('verify', '--all', '--expect', '1', '--expect', '2')).toContain('--expect is "1"');
});
