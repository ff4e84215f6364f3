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
