/** The code in README.md is the code of the examples, and does what the text around it says. */
import { startConsumer } from '@waybill/consumer';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { UserName } from '../../scripts/nats-server/config.ts';
import { caughtUp, checkLedger } from '../support/check-ledger.ts';
import { logger } from '../support/logger.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { runProgram } from '../support/program.ts';
import { ROOT } from '../support/repository.ts';
import { DEFAULT_SETTINGS, deployStreams } from '@waybill/consumer';

const README = readFileSync(join(ROOT, 'README.md'), 'utf8');
const quoted = [...README.matchAll(/^<!-- (\S+) -->\n```ts\n(.*?)^```$/gms)].map(([, file = '', code = '']) => ({
  file,
  code,
}));
const codeOf = (file: string) => quoted.find((quote) => quote.file === file)?.code ?? '';

test('every TypeScript block of the README is part of a file', () => {
  expect(README.match(/^```ts$/gm)).toHaveLength(quoted.length);
  for (const { file, code } of quoted) expect(readFileSync(join(ROOT, file), 'utf8')).toContain(code);
});

test('the quick start is shown whole: an emitter of 15 lines at most, a billing query of 10 at most', () => {
  const lines = (file: string) => codeOf(file).trimEnd().split('\n').length;
  for (const file of ['examples/quickstart/emit.ts', 'examples/quickstart/bill.ts']) {
    expect(codeOf(file)).toBe(readFileSync(join(ROOT, file), 'utf8'));
  }
  expect(lines('examples/quickstart/emit.ts')).toBeLessThanOrEqual(15);
  expect(lines('examples/quickstart/bill.ts')).toBeLessThanOrEqual(10);
});

test('the quick start emits, is chained, and is billed, with the server as it is shipped', async (context) => {
  needsOwnServer(context);
  await using server = await startNats({ config: 'shipped' });
  const nc = await server.connect({ as: 'admin' });
  await deployStreams(nc, DEFAULT_SETTINGS);
  await using _consumer = await startConsumer({ nc, logger, ...DEFAULT_SETTINGS });

  const urlOf = (user: UserName) => server.url.replace('//', `//${user}:${server.users?.[user].pass}@`);
  expect(await run('emit.ts', { NATS_URL: urlOf('producer') })).toBe('2 stored, 0 lost\n');
  await caughtUp(nc, DEFAULT_SETTINGS);
  const head = (await checkLedger(nc, DEFAULT_SETTINGS)).entries('acme').at(-1)?.hash;
  const env = { WAYBILL_NATS_URL: urlOf('auditor') };
  const soFar = `1048576 bytes up, 1048576 saved so far\nproof: entry 3, ${head}\n`;
  expect(await run('bill.ts', env)).toBe(soFar);
  expect(await run('bill.ts', env, ['acme', '2020-01-01', '2020-02-01'])).toBe(
    '0 bytes up, 0 saved\nproof: entry undefined, undefined\n',
  );
});

async function run(example: string, env: Record<string, string>, args: string[] = []): Promise<string> {
  const file = join(ROOT, 'examples/quickstart', example);
  const { code, stdout } = await runProgram([file, ...args], { env });
  expect(code).toBe(0);
  return stdout;
}
