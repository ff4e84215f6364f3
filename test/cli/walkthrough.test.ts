/** The commands one after the other on one server: deployed, chained, billed, verified, exported. */
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { DEFAULT_SETTINGS } from '@waybill/consumer';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { caughtUp } from '../support/check-ledger.ts';
import { needsOwnServer, startNats, type TestNats } from '../support/nats.ts';
import { artifactEvent, publishAll } from '../support/traffic.ts';
import { until } from '../support/until.ts';
import { startWaybill, waybill, waybillProcess } from '../support/waybill.ts';

beforeEach(needsOwnServer);
let server: TestNats;
let env: Record<string, string>;
let folder: string;

beforeAll(async () => {
  server = await startNats();
  env = { WAYBILL_NATS_URL: server.url };
  folder = await mkdtemp(join(tmpdir(), 'waybill-cli-'));
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

test('from deploy to an offline verification', async () => {
  const missing = await waybill(['deploy', '--check'], env);
  expect(missing).toMatchObject({
    code: 1,
    stdout: expect.stringContaining('@@ stream AUDIT @@\n-stream: missing\n+stream: exists\n'),
  });
  expect(await waybill(['deploy'], env)).toMatchObject({
    code: 0,
    stdout: 'stream AUDIT: created\nstream LEDGER: created\n',
  });
  expect(await waybill(['deploy', '--check'], env)).toMatchObject({ code: 0, stdout: '' });
  const raised = await waybill(['deploy', '--check'], { ...env, WAYBILL_AUDIT_MAX_AGE: '400d' });
  expect(raised).toMatchObject({
    code: 1,
    stdout: '--- found\n+++ wanted\n@@ stream AUDIT @@\n-max_age: none\n+max_age: 34560000s\n',
  });

  await using serving = startWaybill(['serve'], { ...env, WAYBILL_HTTP_PORT: '0', WAYBILL_PORT: 'tcp://kubernetes' });
  const nc = await server.connect();
  const events = Array.from({ length: 40 }, (_, i) =>
    artifactEvent(DEFAULT_SETTINGS, { orgid: i % 4 === 0 ? 'acme' : 'bolt', kind: 'upload', bytes: 10 }),
  );
  await publishAll(nc, events);
  await caughtUp(nc, DEFAULT_SETTINGS);
  const url = await until('the health endpoints', () => /"url":"([^"]+)"/.exec(serving.stdout)?.[1]);
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  expect(await (await fetch(`${url}/status`)).json()).toMatchObject({
    role: 'writer',
    watermark: 40,
    connected: true,
  });
  expect((await fetch(`${url}/nothing`)).status).toBe(404);

  const table = await waybill(['usage', '--all'], env);
  expect(table.stdout.split('\n').map((line) => line.split(/\s+/).slice(0, 4))).toEqual(
    expect.arrayContaining([
      ['acme', '10', '10', '100'],
      ['bolt', '30', '30', '300'],
      ['(sum)', '40', '40', '400'],
    ]),
  );
  expect(table.stderr).toContain('not final');
  const to = new Date(Date.now() - 1).toISOString();
  const json = await waybill(['usage', '--org', 'acme', '--to', to, '--json'], env);
  expect(json).toMatchObject({ code: 0, stderr: '' });
  expect(JSON.parse(json.stdout)).toMatchObject({
    orgid: 'acme',
    to,
    uploads: { count: '10', bytes: '100', unknown: '0' },
    final: true,
  });
  const csv = await waybill(['usage', '--all', '--to', to, '--format', 'csv'], env);
  expect(csv.stdout.split('\n')[1]).toMatch(/^acme,,[^,]+,UTC,false,100,10,0,0,0,0,0,0,0,true,10,[0-9a-f]{64}$/);

  const verified = await waybill(['verify', '--all'], env);
  expect(verified).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(
      /^ok +acme: 10 entries.*\nok +bolt: 30 entries.*\nok +_system: 1 entries.*\nAUDIT: 40 messages compared with the chains\nchecked: entries: .*: 41\nchecked: volumes, .*: 40\nnot checked: nothing\nverdict: ok\n$/,
    ),
  });
  const { seq, hash } = JSON.parse((await waybill(['head', '--org', 'bolt', '--json'], env)).stdout) as {
    seq: number;
    hash: string;
  };
  expect(await waybill(['verify', '--org', 'bolt', '--expect', `${seq}:${hash}`], env)).toMatchObject({ code: 0 });
  expect(await waybill(['verify', '--all', '--expect', `bolt:${seq}:${'0'.repeat(64)}`], env)).toMatchObject({
    code: 1,
  });
  expect(await waybill(['verify', '--all', '--expect', `bolt:31:${hash}`], env)).toMatchObject({ code: 2 });

  const { stdout: replayed } = await waybill(['replay', '--org', 'bolt'], env);
  const file = join(folder, 'bolt.jsonl');
  await writeFile(file, replayed);
  expect(await waybill(['verify', '--file', file])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('bolt: 30 entries'),
  });
  const lines = replayed.trimEnd().split('\n');
  const cases: [string, string[], number][] = [
    [[...lines.slice(0, 11), ...lines.slice(12)].join('\n'), [], 1],
    [replayed.replace('"size_bytes":10', '"size_bytes":11'), [], 1],
    [`${lines.slice(0, 20).join('\n')}\n`, [], 0],
    [`${lines.slice(0, 20).join('\n')}\n`, ['--expect', `${seq}:${hash}`], 2],
    [`${lines.slice(9).join('\n')}\n`, ['--from-seq', '10'], 0],
    ['hello\n', [], 4],
    ['', [], 4],
  ];
  for (const [i, [text, more, code]] of cases.entries()) {
    await writeFile(file, text);
    const what = `${text.slice(0, 40)} ${more.join(' ')}`;
    const answer = await waybill(['verify', '--file', file, ...more]);
    expect(answer, what).toMatchObject({ code });
    expect(answer.stderr, what).toMatch(i === 0 ? /entry 12 is not in the file/ : /^$/);
  }
  // From the standard input it is the same.
  for (const [text, more, code] of [cases[3], cases[6]] as typeof cases) {
    expect(await waybillProcess(['verify', '--file', '-', ...more], {}, text)).toMatchObject({ code, stderr: '' });
  }
  const evil = await waybillProcess(
    ['verify', '--file', '-'],
    {},
    '{"core":{"event_hash":"\u001b]0;owned\u0007\u009b2J\n',
  );
  expect(evil).toMatchObject({ code: 1, stderr: '' });
  expect(evil.stdout).not.toMatch(/[^\P{Cc}\n]/u);
  expect(await waybill(['verify', '--file', folder])).toMatchObject({
    code: 66,
    stderr: expect.stringContaining(`could not read ${folder}`),
  });
  await writeFile(file, cases[0]?.[0] ?? '');
  const report = await waybill(['verify', '--file', file, '--json']);
  expect(JSON.parse(report.stdout)).toMatchObject({
    verdict: 'tampered',
    orgid: 'bolt',
    entries: 11,
    problem: { seq: 12, detail: 'expected seq 12, found 13' },
  });

  const stopped = await serving.end('SIGTERM');
  expect(stopped).toMatchObject({ code: 0, stderr: '' });
  expect(stopped.stdout).toContain('"msg":"stopped"');
  expect(stopped.stdout).toContain('"name":"WAYBILL_PORT"');
});

test('a replay that has nothing to print says why', async () => {
  const nobody = await waybill(['replay', '--org', 'typo'], env);
  expect(nobody).toEqual({ code: 0, stdout: '', stderr: 'waybill: there is no chain of typo\n' });
  const beyond = await waybill(['replay', '--org', 'bolt', '--from-seq', '1000'], env);
  expect(beyond).toMatchObject({
    code: 0,
    stdout: '',
    stderr: expect.stringMatching(/the chain of bolt has \d+ entries, none from 1000 on/),
  });
  await using following = startWaybill(['replay', '--org', 'typo', '--follow'], env);
  await until('it to say so', () => following.stderr.includes('there is no chain of typo'));
  expect(await following.end('SIGTERM')).toMatchObject({ code: 0, stdout: '' });
});

test('a reader that goes away is no error, and the next entry ends what follows a chain', async () => {
  const { child, ended } = startWaybill(['replay', '--org', 'bolt', '--follow'], env);
  const stdout = child.stdout as Readable;
  await once(stdout, 'data');
  stdout.destroy();
  await once(stdout, 'close');
  await using serving = startWaybill(['serve'], env);
  const event = artifactEvent(DEFAULT_SETTINGS, { orgid: 'bolt', kind: 'upload', bytes: 10 });
  await publishAll(await server.connect(), [event]);
  expect(await ended).toMatchObject({ code: 0, stderr: '' });
  expect((await serving.end('SIGTERM')).code).toBe(0);
});

test('serve waits for a server that is not there yet, and ends when it is told to meanwhile', async () => {
  await using serving = startWaybill(['serve'], { WAYBILL_NATS_URL: 'nats://127.0.0.1:1' });
  await until('the second attempt', () => serving.stdout.split('trying again').length > 2);
  expect((await serving.end('SIGTERM')).code).toBe(0);
});

test('serve in check mode does not start on drift', async () => {
  const limited = { WAYBILL_LEDGER_MAX_BYTES: '1GiB', WAYBILL_LEDGER_STREAM: 'LEDGER' };
  const ended = await waybillProcess(['serve'], { ...env, WAYBILL_STREAM_MODE: 'check', ...limited });
  expect(ended.code).toBe(78);
  expect(ended.stderr).toContain('LEDGER max_bytes is -1, wanted 1073741824');
});
