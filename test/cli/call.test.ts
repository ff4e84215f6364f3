/** How the command is called, right and wrong, where no server is needed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { programEnvironment } from '../support/program.ts';
import { ROOT, WAYBILL } from '../support/repository.ts';
import { waybill, waybillProcess } from '../support/waybill.ts';

test('help, for all and for each', async () => {
  expect(await waybill(['help'])).toMatchObject({
    code: 0,
    stderr: '',
    stdout: expect.stringContaining('Usage: waybill <command>'),
  });
  for (const command of ['serve', 'deploy', 'usage', 'push', 'verify', 'head', 'replay']) {
    const ended = await waybill([command, '--help']);
    expect(ended).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringContaining(`Usage: waybill ${command}`),
    });
  }
});

test('--version, of the package', async () => {
  const { version } = JSON.parse(await readFile(join(WAYBILL, '../../package.json'), 'utf8')) as {
    version: string;
  };
  expect(await waybill(['--version'])).toEqual({ code: 0, stderr: '', stdout: `waybill ${version}\n` });
});

test('as a process of its own: the answer on one stream, what is wrong on the other, and the exit code', async () => {
  expect(await waybillProcess(['help', 'usage'])).toMatchObject({
    code: 0,
    stderr: '',
    stdout: expect.stringContaining('Usage: waybill usage'),
  });
  expect(await waybillProcess(['usge'])).toMatchObject({
    code: 64,
    stdout: '',
    stderr: expect.stringMatching(/^waybill: .*did you mean usage\?\n$/),
  });
});

test.each([
  [[], 64, 'waybill needs a command'],
  [['usge'], 64, 'did you mean usage?'],
  [['usage'], 64, 'waybill usage needs either --org ID or --all'],
  [['usage', '--al'], 64, 'did you mean --all?'],
  [['usage', '--all', '--format', 'xml'], 64, '--format is "xml": expected one of table, json, csv'],
  [['verify', '--bill', 'x', '--require-signed'], 64, '--require-signed is for chains'],
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
  const ended = await waybill(args, { WAYBILL_NATS_URL: 'nats://127.0.0.1:1' });
  expect(ended).toMatchObject({ code, stdout: '', stderr: expect.stringContaining(message) });
  expect(ended.stderr.trimEnd().split('\n')).toHaveLength(1);
});

test('paths are relative to where the user is, also through npm', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'waybill-cwd-'));
  await writeFile(join(folder, 'chain.ndjson'), 'no chain\n');
  const child = spawn(
    'npm',
    ['--prefix', ROOT, 'run', '--silent', 'waybill', '--', 'verify', '--file', 'chain.ndjson'],
    { cwd: folder, env: programEnvironment(), stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const [stdout, [code]] = await Promise.all([text(child.stdout), once(child, 'close') as Promise<[number | null]>]);
  await rm(folder, { recursive: true });
  expect({ code, stdout }).toEqual({ code: 4, stdout: expect.stringContaining('verdict: unreadable') });
});

test('with --json an error is an object', async () => {
  const unreachable = await waybill(['head', '--all', '--json'], { WAYBILL_NATS_URL: 'nats://127.0.0.1:1' });
  expect(unreachable).toMatchObject({ code: 69, stdout: '' });
  expect(JSON.parse(unreachable.stderr)).toEqual({
    error: { code: 'CANNOT_CONNECT', message: expect.stringContaining('127.0.0.1:1') },
  });
});

test('a wrong variable is named, a secret is not shown', async () => {
  const wrong = await waybill(['head', '--all'], { WAYBILL_REPLICAS: 'three' });
  expect(wrong).toMatchObject({
    code: 78,
    stderr: 'waybill: WAYBILL_REPLICAS is "three": expected a whole number from 1 to 5\n',
  });
  const secret = await waybill(['head', '--all'], { WAYBILL_NATS_URL: 'http://me:hunter2@host' });
  expect(secret.code).toBe(78);
  expect(secret.stderr).not.toContain('hunter2');
});
