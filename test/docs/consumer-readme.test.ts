import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DEFAULT_SETTINGS, deployStreams, startConsumer } from '@waybill/consumer';
import { beforeEach, expect, test } from 'vitest';
import { caughtUp } from '../support/check-ledger.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { programText, runProgram } from '../support/program.ts';
import { artifactEvent, publishAll } from '../support/traffic.ts';

beforeEach(needsOwnServer);

const README = new URL('../../packages/consumer/README.md', import.meta.url);
const [bill, embedded, audit] = [...readFileSync(README, 'utf8').matchAll(/^```ts\n(.*?)^```$/gms)].map(
  ([, code]) => code as string,
);

async function run(program: string | undefined, url: string): Promise<{ code: number | null; output: string }> {
  // In the package's folder, which has its dependencies.
  const options = { cwd: fileURLToPath(new URL('.', README)), env: { WAYBILL_NATS_URL: url } };
  const { code, stdout, stderr } = await runProgram(programText(program ?? ''), options);
  return { code, output: stdout + stderr };
}

test('the examples of the README run, and print what they say', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  expect(await run(embedded, server.url)).toEqual({
    code: 0,
    output: 'AUDIT: created\nLEDGER: created\nok, 0 chains, 0 messages were no events\n',
  });
  await deployStreams(nc, DEFAULT_SETTINGS);
  const kinds = ['upload', 'download', 'deduplicated'] as const;
  await publishAll(
    nc,
    kinds.map((kind) => artifactEvent(DEFAULT_SETTINGS, { orgid: 'acme', kind, bytes: 1_048_576 })),
  );
  await using consumer = await startConsumer({
    nc,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    ...DEFAULT_SETTINGS,
  });
  await caughtUp(nc, DEFAULT_SETTINGS);
  await consumer.close();

  const now = `${new Date().toISOString().slice(0, 10)}T00:00:00Z`;
  const later = new Date(Date.parse(now) + 2 * 86_400_000).toISOString();
  const current = bill?.replace('2026-07-01', now).replace('2026-08-01', later);
  const { code, output } = await run(current, server.url);
  expect(code).toBe(0);
  expect(output).toMatch(
    /^not yet: at position 1 the ledger is not known to have all .*\n1048576 bytes up, 1048576 down, 1048576 saved\n$/,
  );
  expect(await run(audit, server.url)).toEqual({ code: 0, output: 'ok, 3 entries\n' });
});
