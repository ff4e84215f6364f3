import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { DEFAULT_SETTINGS } from '@waybill/consumer';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { caughtUp } from '../support/check-ledger.ts';
import { needsOwnServer, startNats, type TestNats } from '../support/nats.ts';
import { artifactEvent, publishAll } from '../support/traffic.ts';
import { until } from '../support/until.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CLI = fileURLToPath(new URL('../../packages/consumer/src/cli.ts', import.meta.url));

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

function start(env: Record<string, string>, args: string[]) {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('WAYBILL_'));
  const child = spawn(process.execPath, ['--conditions=source', CLI, ...args], {
    env: { ...Object.fromEntries(inherited), ...env },
  });
  const ended: Ended = { code: null, stdout: '', stderr: '' };
  child.stdout.on('data', (data: Buffer) => (ended.stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (ended.stderr += data.toString()));
  const done = once(child, 'close').then(([code]) => Object.assign(ended, { code: code as number | null }));
  return { child, ended, done };
}

async function waybill(env: Record<string, string>, args: string[], stdin = ''): Promise<Ended> {
  const { child, done } = start(env, args);
  child.stdin.end(stdin);
  return done;
}

describe('without a server', () => {
  test('help, for all and for each', async () => {
    expect(await waybill({}, ['help'])).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringContaining('Usage: waybill <command>'),
    });
    for (const command of ['serve', 'deploy', 'usage', 'verify', 'head', 'replay']) {
      const ended = await waybill({}, [command, '--help']);
      expect(ended).toMatchObject({
        code: 0,
        stderr: '',
        stdout: expect.stringContaining(`Usage: waybill ${command}`),
      });
    }
  });

  test('--version, of the package', async () => {
    const { version } = JSON.parse(await readFile(new URL('../package.json', pathToFileURL(CLI)), 'utf8')) as {
      version: string;
    };
    expect(await waybill({}, ['--version'])).toEqual({ code: 0, stderr: '', stdout: `waybill ${version}\n` });
  });

  test.each([
    [[], 64, 'waybill needs a command'],
    [['usge'], 64, 'did you mean usage?'],
    [['usage'], 64, 'waybill usage needs either --org ID or --all'],
    [['usage', '--al'], 64, 'did you mean --all?'],
    [['usage', '--all', '--format', 'xml'], 64, '--format is "xml": expected one of table, json, csv'],
    [['verify', '--file', '/does/not/exist'], 66, 'could not read /does/not/exist'],
    [['verify', '--all', '--expect', '12'], 64, '--expect is "12": expected ORG:SEQ:HASH'],
    [['replay', '--org', 'a.b'], 64, '--org is "a.b"'],
    [['replay', '--org', 'a', '--from-seq', 'x'], 64, '--from-seq is "x"'],
    [['replay', '--org', 'a', '--from-seq', '-1'], 64, "Option '--from-seq' argument is ambiguous"],
    [['head', '--org', '*'], 64, '--org is "*"'],
    [['usage', '--org', '_system'], 64, '--org is "_system"'],
    [['verify', '--org', 'a b'], 64, '--org is "a b"'],
    [['verify', '--file', '-', '--org', 'a b'], 64, '--org is "a b"'],
    [['head', '--all'], 69, 'could not connect to NATS at 127.0.0.1:1: nobody listens there'],
  ])('waybill %j exits with %d', async (args, code, message) => {
    const ended = await waybill({ WAYBILL_NATS_URL: 'nats://127.0.0.1:1' }, args);
    expect(ended).toMatchObject({ code, stdout: '', stderr: expect.stringContaining(message) });
    expect(ended.stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  test('paths are relative to where the user is, also through npm', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'waybill-cwd-'));
    await writeFile(join(folder, 'chain.ndjson'), 'no chain\n');
    const child = spawn(
      'npm',
      ['--prefix', ROOT, 'run', '--silent', 'waybill', '--', 'verify', '--file', 'chain.ndjson'],
      {
        cwd: folder,
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    let stdout = '';
    child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
    const [code] = (await once(child, 'close')) as [number | null];
    await rm(folder, { recursive: true });
    expect({ code, stdout }).toEqual({ code: 4, stdout: expect.stringContaining('verdict: unreadable') });
  });

  test('with --json an error is an object', async () => {
    const unreachable = await waybill({ WAYBILL_NATS_URL: 'nats://127.0.0.1:1' }, ['head', '--all', '--json']);
    expect(unreachable).toMatchObject({ code: 69, stdout: '' });
    expect(JSON.parse(unreachable.stderr)).toEqual({
      error: { code: 'CANNOT_CONNECT', message: expect.stringContaining('127.0.0.1:1') },
    });
  });

  test('a wrong variable is named, a secret is not shown', async () => {
    const wrong = await waybill({ WAYBILL_REPLICAS: 'three' }, ['head', '--all']);
    expect(wrong).toMatchObject({
      code: 78,
      stderr: 'waybill: WAYBILL_REPLICAS is "three": expected a whole number from 1 to 5\n',
    });
    const secret = await waybill({ WAYBILL_NATS_URL: 'http://me:hunter2@host' }, ['head', '--all']);
    expect(secret.code).toBe(78);
    expect(secret.stderr).not.toContain('hunter2');
  });
});

describe('with a server of its own', () => {
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
    const missing = await waybill(env, ['deploy', '--check']);
    expect(missing).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('@@ stream AUDIT @@\n-stream: missing\n+stream: exists\n'),
    });
    expect(await waybill(env, ['deploy'])).toMatchObject({
      code: 0,
      stdout: 'stream AUDIT: created\nstream LEDGER: created\n',
    });
    expect(await waybill(env, ['deploy', '--check'])).toMatchObject({ code: 0, stdout: '' });
    const raised = await waybill({ ...env, WAYBILL_AUDIT_MAX_AGE: '400d' }, ['deploy', '--check']);
    expect(raised).toMatchObject({
      code: 1,
      stdout: '--- found\n+++ wanted\n@@ stream AUDIT @@\n-max_age: none\n+max_age: 34560000s\n',
    });

    const serve = start({ ...env, WAYBILL_HTTP_PORT: '0', WAYBILL_PORT: 'tcp://kubernetes' }, ['serve']);
    const nc = await server.connect();
    const events = Array.from({ length: 40 }, (_, i) =>
      artifactEvent(DEFAULT_SETTINGS, { orgid: i % 4 === 0 ? 'acme' : 'bolt', kind: 'upload', bytes: 10 }),
    );
    await publishAll(nc, events);
    await caughtUp(nc, DEFAULT_SETTINGS);
    const url = await until('the health endpoints', () => /"url":"([^"]+)"/.exec(serve.ended.stdout)?.[1]);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    expect(await (await fetch(`${url}/status`)).json()).toMatchObject({
      role: 'writer',
      watermark: 40,
      connected: true,
    });
    expect((await fetch(`${url}/nothing`)).status).toBe(404);

    const table = await waybill(env, ['usage', '--all']);
    expect(table.stdout.split('\n').map((line) => line.split(/\s+/).slice(0, 4))).toEqual(
      expect.arrayContaining([
        ['acme', '10', '10', '100'],
        ['bolt', '30', '30', '300'],
        ['(sum)', '40', '40', '400'],
      ]),
    );
    expect(table.stderr).toContain('not final');
    const to = new Date(Date.now() - 1).toISOString();
    const json = await waybill(env, ['usage', '--org', 'acme', '--to', to, '--json']);
    expect(json).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(json.stdout)).toMatchObject({
      orgid: 'acme',
      to,
      uploads: { count: '10', bytes: '100', unknown: '0' },
      final: true,
    });
    const csv = await waybill(env, ['usage', '--all', '--to', to, '--format', 'csv']);
    expect(csv.stdout.split('\n')[1]).toMatch(/^acme,,[^,]+,10,10,100,0,0,0,0,0,0,0,,,10,[0-9a-f]{64},true,$/);

    const verified = await waybill(env, ['verify', '--all']);
    expect(verified).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(
        /^ok +acme: 10 entries.*\nok +bolt: 30 entries.*\nok +_system: 1 entries.*\nAUDIT: 40 messages compared with the chains\nchecked: entries: .*: 41\nchecked: volumes, .*: 40\nverdict: ok\n$/,
      ),
    });
    const { seq, hash } = JSON.parse((await waybill(env, ['head', '--org', 'bolt', '--json'])).stdout) as {
      seq: number;
      hash: string;
    };
    expect(await waybill(env, ['verify', '--org', 'bolt', '--expect', `${seq}:${hash}`])).toMatchObject({ code: 0 });
    expect(await waybill(env, ['verify', '--all', '--expect', `bolt:${seq}:${'0'.repeat(64)}`])).toMatchObject({
      code: 1,
    });
    expect(await waybill(env, ['verify', '--all', '--expect', `bolt:31:${hash}`])).toMatchObject({ code: 2 });

    const { stdout: replayed } = await waybill(env, ['replay', '--org', 'bolt']);
    const file = join(folder, 'bolt.jsonl');
    await writeFile(file, replayed);
    expect(await waybill({}, ['verify', '--file', file])).toMatchObject({
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
    for (const [text, more, code] of cases) {
      expect(
        await waybill({}, ['verify', '--file', '-', ...more], text),
        `${text.slice(0, 40)} ${more.join(' ')}`,
      ).toMatchObject({ code, stderr: '' });
    }
    const evil = await waybill({}, ['verify', '--file', '-'], '{"core":{"event_hash":"\u001b]0;owned\u0007\u009b2J\n');
    expect(evil).toMatchObject({ code: 1, stderr: '' });
    expect(evil.stdout).not.toMatch(/[^\P{Cc}\n]/u);
    expect(await waybill({}, ['verify', '--file', folder])).toMatchObject({
      code: 66,
      stderr: expect.stringContaining(`could not read ${folder}`),
    });
    const report = JSON.parse((await waybill({}, ['verify', '--file', '-', '--json'], cases[0]?.[0])).stdout) as object;
    expect(report).toMatchObject({
      verdict: 'tampered',
      orgid: 'bolt',
      entries: 11,
      problem: { seq: 12, detail: 'expected seq 12, found 13' },
    });

    serve.child.kill('SIGTERM');
    const stopped = await serve.done;
    expect(stopped).toMatchObject({ code: 0, stderr: '' });
    expect(stopped.stdout).toContain('"msg":"stopped"');
    expect(stopped.stdout).toContain('"name":"WAYBILL_PORT"');
  });

  test('a replay that has nothing to print says why', async () => {
    const nobody = await waybill(env, ['replay', '--org', 'typo']);
    expect(nobody).toEqual({ code: 0, stdout: '', stderr: 'waybill: there is no chain of typo\n' });
    const beyond = await waybill(env, ['replay', '--org', 'bolt', '--from-seq', '1000']);
    expect(beyond).toMatchObject({
      code: 0,
      stdout: '',
      stderr: expect.stringMatching(/the chain of bolt has \d+ entries, none from 1000 on/),
    });
    const { child, ended, done } = start(env, ['replay', '--org', 'typo', '--follow']);
    await until('it to say so', () => ended.stderr.includes('there is no chain of typo'));
    child.kill('SIGTERM');
    expect(await done).toMatchObject({ code: 0, stdout: '' });
  });

  test('a reader that goes away is no error, and the next entry ends what follows a chain', async () => {
    const { child, done } = start(env, ['replay', '--org', 'bolt', '--follow']);
    await once(child.stdout, 'data');
    child.stdout.destroy();
    await once(child.stdout, 'close');
    const serve = start(env, ['serve']);
    const event = artifactEvent(DEFAULT_SETTINGS, { orgid: 'bolt', kind: 'upload', bytes: 10 });
    await publishAll(await server.connect(), [event]);
    expect(await done).toMatchObject({ code: 0, stderr: '' });
    serve.child.kill('SIGTERM');
    expect((await serve.done).code).toBe(0);
  });

  test('serve waits for a server that is not there yet, and ends when it is told to meanwhile', async () => {
    const { child, ended, done } = start({ WAYBILL_NATS_URL: 'nats://127.0.0.1:1' }, ['serve']);
    await until('the second attempt', () => ended.stdout.split('trying again').length > 2);
    child.kill('SIGTERM');
    expect((await done).code).toBe(0);
  });

  test('serve in check mode does not start on drift', async () => {
    const ended = await waybill(
      { ...env, WAYBILL_STREAM_MODE: 'check', WAYBILL_LEDGER_MAX_BYTES: '1GiB', WAYBILL_LEDGER_STREAM: 'LEDGER' },
      ['serve'],
    );
    expect(ended.code).toBe(78);
    expect(ended.stderr).toContain('LEDGER max_bytes is -1, wanted 1073741824');
  });
});

describe('with the shipped configuration', () => {
  beforeEach(needsOwnServer);

  test('the auditor may ask everything, the producer nothing, and a wrong password is refused', async () => {
    await using server = await startNats({ config: 'shipped' });
    const as = (
      user: 'admin' | 'service' | 'auditor' | 'producer',
      pass = server.users?.[user].pass ?? '',
    ): Record<string, string> => ({
      WAYBILL_NATS_URL: server.url,
      WAYBILL_NATS_USER: user,
      WAYBILL_NATS_PASSWORD: pass,
    });
    expect((await waybill(as('admin'), ['deploy'])).code).toBe(0);
    const serve = start(as('service'), ['serve']);
    const producer = await server.connect({ as: 'producer' });
    await publishAll(producer, [artifactEvent(DEFAULT_SETTINGS, { orgid: 'acme', kind: 'upload', bytes: 7 })]);
    await caughtUp(await server.connect({ as: 'admin' }), DEFAULT_SETTINGS);

    for (const args of [
      ['usage', '--all'],
      ['usage', '--org', 'acme', '--from', '2026-01-01'],
      ['verify', '--all'],
      ['verify', '--org', 'acme'],
      ['head', '--all'],
      ['deploy', '--check'],
    ]) {
      expect(await waybill(as('auditor'), args), `waybill ${args.join(' ')}`).toMatchObject({ code: 0 });
    }
    const replayed = await waybill(as('auditor'), ['replay', '--org', 'acme']);
    expect(await waybill({}, ['verify', '--file', '-'], replayed.stdout)).toMatchObject({ code: 0 });
    for (const args of [
      ['usage', '--org', 'acme'],
      ['verify', '--all'],
      ['replay', '--org', 'acme'],
      ['head', '--all'],
      ['deploy'],
    ]) {
      const refused = await waybill(as('producer'), args);
      expect(refused, `waybill ${args.join(' ')}`).toMatchObject({
        code: 77,
        stderr: expect.stringContaining('may not publish $JS.API.'),
      });
    }
    const wrong = await waybill(as('auditor', 'wrong-password'), ['head', '--all']);
    expect(wrong).toMatchObject({ code: 69, stderr: expect.stringContaining('the server refuses this identity') });
    expect(wrong.stderr).not.toContain('wrong-password');
    serve.child.kill('SIGTERM');
    expect((await serve.done).code).toBe(0);
  });
});
