/** Heads that were kept in a file: `verify --expect-file`, with a ledger, with one chain of it, and with a file. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DEFAULT_SETTINGS, type LedgerReport, startConsumer } from '@waybill/consumer';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { caughtUp } from '../support/check-ledger.ts';
import { logger } from '../support/logger.ts';
import { needsOwnServer, startNats, type TestNats } from '../support/nats.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { artifactEvent, publishAll } from '../support/traffic.ts';
import { waybill } from '../support/waybill.ts';

interface KeptHead {
  readonly orgid: string;
  readonly seq: number;
  readonly hash: string;
}

beforeEach(needsOwnServer);
let server: TestNats;
let env: Record<string, string>;
let heads: KeptHead[];
const folder = temporaryDirectory();
const path = (name: string): string => join(folder.path, name);

async function keep(name: string, content: unknown): Promise<string> {
  await writeFile(path(name), typeof content === 'string' ? content : JSON.stringify(content));
  return path(name);
}

beforeAll(async () => {
  server = await startNats();
  env = { WAYBILL_NATS_URL: server.url };
  await waybill(['deploy'], env);
  const nc = await server.connect();
  const event = (orgid: string) => artifactEvent(DEFAULT_SETTINGS, { orgid, kind: 'upload', bytes: 10 });
  await publishAll(nc, ['acme', 'bolt', 'acme', 'cask'].map(event));
  await using _consumer = await startConsumer({ nc, logger, ...DEFAULT_SETTINGS });
  await caughtUp(nc, DEFAULT_SETTINGS);
  const printed = await waybill(['head', '--all', '--json'], env);
  heads = JSON.parse(printed.stdout) as KeptHead[];
  await keep('heads', printed.stdout);
  for (const orgid of ['acme', 'bolt']) await keep(orgid, (await waybill(['replay', '--org', orgid], env)).stdout);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

async function verifyAll(name: string): Promise<{ code: number | null; report: LedgerReport }> {
  const { code, stdout } = await waybill(['verify', '--all', '--json', '--expect-file', path(name)], env);
  return { code, report: JSON.parse(stdout) as LedgerReport };
}

const changed = (hash: string): string => hash.replace(/^./, (first) => (first === '0' ? '1' : '0'));

test('every chain in the file has its head', async () => {
  expect(heads.map(({ orgid, seq }) => [orgid, seq])).toEqual([
    ['acme', 2],
    ['bolt', 1],
    ['cask', 1],
  ]);
  const { code, report } = await verifyAll('heads');
  expect(code).toBe(0);
  expect(report.checked).toContainEqual({ what: 'heads that are held elsewhere', count: 3 });
  expect(Object.keys(report).slice(-2)).toEqual(['checked', 'not_checked']);
});

test('a chain that is gone or shorter is truncated, and one with another head is tampered', async () => {
  await keep('gone', [...heads, { ...heads[0], orgid: 'nobody' }]);
  expect(await verifyAll('gone')).toMatchObject({ code: 2, report: { verdict: 'truncated' } });
  await keep(
    'shorter',
    heads.map((head) => (head.orgid === 'bolt' ? { ...head, seq: 2 } : head)),
  );
  expect(await verifyAll('shorter')).toMatchObject({ code: 2, report: { verdict: 'truncated' } });
  await keep(
    'other',
    heads.map((head) => (head.orgid === 'bolt' ? { ...head, hash: changed(head.hash) } : head)),
  );
  const { code, report } = await verifyAll('other');
  expect(code).toBe(1);
  expect(report.chains.map(({ orgid, verdict }) => [orgid, verdict])).toEqual([
    ['acme', 'ok'],
    ['bolt', 'tampered'],
    ['cask', 'ok'],
  ]);
});

test('of one chain, its own head', async () => {
  const one = await waybill(['verify', '--org', 'bolt', '--expect-file', path('heads')], env);
  expect(one).toMatchObject({ code: 0, stdout: expect.stringContaining('heads that are held elsewhere: 1') });
  expect(one.stderr).toContain('--expect-file has heads of 2 other organizations, which are not compared');
  const none = await waybill(['verify', '--org', 'nobody', '--expect-file', path('heads')], env);
  expect(none).toMatchObject({ code: 64, stderr: expect.stringContaining('--expect-file has no head of nobody') });
});

test('of a file, whose chain --org or the only head names', async () => {
  const named = await waybill(['verify', '--file', path('acme'), '--org', 'acme', '--expect-file', path('heads')], {});
  expect(named).toMatchObject({ code: 0, stdout: expect.stringContaining('heads that are held elsewhere: 1') });
  const unnamed = await waybill(['verify', '--file', path('acme'), '--expect-file', path('heads')], {});
  expect(unnamed).toMatchObject({
    code: 64,
    stderr: expect.stringContaining('heads of 3 organizations: --org ID says'),
  });
  await keep('one', heads[1]);
  const only = ['verify', '--expect-file', path('one'), '--file'];
  expect(await waybill([...only, path('bolt')], {})).toMatchObject({ code: 0 });
  const wrong = await waybill([...only, path('acme')], {});
  expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining('this is a chain of acme') });
});

test.each([
  ['nothing', null, 'has what is no head'],
  ['text', 'acme 2:abc', 'is no JSON'],
  ['a head without a hash', [{ orgid: 'acme', seq: 1 }], 'has what is no head'],
  ['a head at 0', [{ orgid: 'acme', seq: 0, hash: '0'.repeat(64) }], 'has what is no head'],
])('%s is no file of heads', async (_, content, said) => {
  const file = await keep('bad', content);
  const { code, stderr } = await waybill(['verify', '--all', '--expect-file', file], env);
  expect({ code, stderr }).toEqual({ code: 64, stderr: expect.stringContaining(said) });
});

test('a file of heads that is not there, and keys that are not given', async () => {
  expect(await waybill(['verify', '--all', '--expect-file', path('none')], env)).toMatchObject({ code: 66 });
  expect(await waybill(['verify', '--all', '--require-signed'], env)).toMatchObject({
    code: 64,
    stderr: expect.stringContaining('--require-signed needs --signer KEYID=PUBLICKEY'),
  });
});

const SIGNER = 'k=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=';

test('with signatures required, events that have none are tampered with', async () => {
  expect(await waybill(['verify', '--all', '--signer', SIGNER], env)).toMatchObject({ code: 0 });
  for (const what of [['--all'], ['--org', 'acme'], ['--file', path('acme')]]) {
    const found = await waybill(['verify', ...what, '--signer', SIGNER, '--require-signed'], env);
    expect(found).toMatchObject({ code: 1, stdout: expect.stringContaining('at 1: the event has no signature') });
  }
});

test('a slice of a chain by number and by time', async () => {
  const lines = (await waybill(['replay', '--org', 'acme'], env)).stdout;
  const first = await waybill(['replay', '--org', 'acme', '--to-seq', '1'], env);
  expect(first).toEqual({ code: 0, stderr: '', stdout: `${lines.split('\n')[0]}\n` });
  expect((await waybill(['replay', '--org', 'acme', '--from', '2026-01-01'], env)).stdout).toBe(lines);
  const none = await waybill(['replay', '--org', 'acme', '--to', '2026-01-01'], env);
  expect(none).toMatchObject({ code: 0, stdout: '', stderr: expect.stringContaining('none of them was asked for') });
  expect(await waybill(['replay', '--org', 'acme', '--from-seq', '3', '--to-seq', '2'], env)).toMatchObject({
    code: 64,
    stderr: expect.stringContaining('--to-seq is 2, which is before --from-seq 3'),
  });
});
