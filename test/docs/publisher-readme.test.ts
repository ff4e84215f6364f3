import { mkdtempDisposableSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { artifactUploaded, DROP_REASONS } from '@waybill/publisher';
import { EventAttributes } from '@waybill/schema';
import { beforeEach, expect, test } from 'vitest';
import { expectChained } from '../support/expect-chained.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { programText, runProgram } from '../support/program.ts';
import { waybill } from '../support/waybill.ts';
import { createAudit, readDelivered } from '../support/audit-stream.ts';

beforeEach(needsOwnServer);

const README = readFileSync(new URL('../../packages/publisher/README.md', import.meta.url), 'utf8');
const [emitter, confirming, receipts, dispatching, deciding, serving, sinks, serverless] = [
  ...README.matchAll(/^```ts\n(.*?)^```$/gms),
].map(([, code]) => code as string);

async function run(
  program: string,
  url: string,
  env: NodeJS.ProcessEnv = {},
): Promise<{ code: number | null; output: string }> {
  const { code, stdout, stderr } = await runProgram(programText(program), { env: { NATS_URL: url, ...env } });
  return { code, output: stdout + stderr };
}

test('the emitter of the README runs, and has at most 15 lines', async () => {
  expect(emitter?.trimEnd().split('\n').length).toBeLessThanOrEqual(15);
  await using server = await startNats();
  const nc = await server.connect();
  await createAudit(nc);
  const used = `${emitter}\nstored('acme', 'sha256:' + '1'.repeat(64), 42);\nawait shutdown();`;
  expect(await run(used, server.url)).toEqual({
    code: 0,
    output: 'audit: 1 events acknowledged, 0 lost\n',
  });
  expect((await readDelivered(nc)).map(({ event }) => event.data)).toEqual([
    { digest: `sha256:${'1'.repeat(64)}`, size_bytes: 42, skipped: false },
  ]);
});

test('the confirming example of the README runs, with a server and without', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  await createAudit(nc);
  expect(await run(confirming ?? '', server.url)).toEqual({ code: 0, output: 'stored as AUDIT 1\n' });
  await expectChained(nc, 1);
  expect((await run(confirming ?? '', '')).output).toContain('not confirmed: DISABLED');
});

test('the example of runs and receipts runs, and what it prints verifies', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  await createAudit(nc);
  // The key of the example in docs/reference/format.md.
  const WAYBILL_SIGNING_KEY = 'nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=';
  const { code, output } = await run(receipts ?? '', server.url, { WAYBILL_SIGNING_KEY });
  const signer = '21fe31dfa154a261=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=';
  expect({ code, output }).toEqual({
    code: 0,
    output: `2026-07-01.csv\nwaybill verify --org acme --signer ${signer}\n`,
  });
  const stored = await readDelivered(nc);
  expect(stored.map(({ event }) => [event.type, event.keyid])).toEqual([
    ['run.started', '21fe31dfa154a261'],
    ['run.finished', '21fe31dfa154a261'],
  ]);
});

test('the example of a dispatcher runs', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  await createAudit(nc);
  const { code, output } = await run(dispatching ?? '', server.url);
  expect({ code, output }).toEqual({ code: 0, output: "{ 'casartifact.downloaded': 1 }\n" });
  expect((await readDelivered(nc)).map(({ event }) => event)).toMatchObject([
    { orgid: 'acme', actortype: 'USER', actorid: 'u-7', actorname: 'Zoë', data: { size_bytes: 1_048_576 } },
  ]);
});

test('the example of a decision runs, and its events are linked', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  await createAudit(nc);
  expect(await run(deciding ?? '', server.url)).toEqual({ code: 0, output: '5000 1\n' });
  const stored = await readDelivered(nc);
  expect(stored.map(({ event }) => event.type)).toEqual([
    'decision.started',
    'run.started',
    'decision.recorded',
    'decision.reviewed',
    'decision.ended',
  ]);
  expect(new Set(stored.map(({ event }) => event.decisionid)).size).toBe(1);
});

test('the example of a framework runs', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  await createAudit(nc);
  expect(await run(serving ?? '', server.url)).toEqual({ code: 0, output: '200\n' });
  expect((await readDelivered(nc)).map(({ event }) => event)).toMatchObject([
    { orgid: 'acme', actorid: 'u-7', subject: 'sha256:1', data: { route: '/artifacts/:digest', status: 200 } },
  ]);
});

test('the example of sinks runs, again and again, and `waybill verify --file` accepts its file', async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'waybill-readme-'));
  // Each run ends with an entry that says so.
  for (const seq of [1, 3]) {
    const { code, output } = await run(sinks ?? '', '', { AUDIT_DIRECTORY: folder.path });
    expect({ code, output }).toEqual({ code: 0, output: expect.stringMatching(new RegExp(`^FILE ${seq}\n`)) });
    expect(output).toContain('size_bytes: 1024');
  }
  const verified = await waybill(['verify', '--org', 'acme', '--file', join(folder.path, 'acme.ndjson')]);
  expect(verified).toMatchObject({ code: 0, stdout: expect.stringContaining('acme: 4 entries, 1 to 4') });
});

test('the example of a serverless handler runs: its event is stored when it has answered', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  await createAudit(nc);
  const digest = `sha256:${'1'.repeat(64)}`;
  const called = `${serverless}\nconsole.log(await handler({ digest: '${digest}' }));\nprocess.exit();`;
  expect(await run(called, server.url)).toEqual({ code: 0, output: '{ status: 200 }\n' });
  expect((await readDelivered(nc)).map(({ event }) => event.data)).toEqual([{ digest }]);
});

test('the README lists exactly the reasons of drops', () => {
  expect(namesIn('dropped as')).toEqual([...DROP_REASONS]);
});

test('the README lists exactly the fields of artifact events, and every attribute', () => {
  expect(namesIn('field').toSorted()).toEqual(Object.keys(artifactUploaded.data.shape).toSorted());
  const attributes = README.split('Every event has')[1]?.split('\n\n')[0] ?? '';
  // Beside an organization that is not known only: the dispatcher's.
  const wanted = Object.keys(EventAttributes.shape).filter((name) => name !== 'claimedorg');
  for (const name of wanted) expect(attributes).toContain(`\`${name}\``);
});

/** The code in the first cells of the table that begins with this heading. */
function namesIn(heading: string): string[] {
  const table = README.split(`\n| ${heading} |`)[1]?.split('\n\n')[0] ?? '';
  const cells = [...table.matchAll(/^\| (`[^|]*`) \|/gm)].map(([, cell = '']) => cell);
  return cells.flatMap((cell) => [...cell.matchAll(/`(\w+)`/g)].map(([, name = '']) => name));
}
