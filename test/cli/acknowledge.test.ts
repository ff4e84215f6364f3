/** `waybill acknowledge`: what it takes, what it refuses, and what `verify` then says. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NatsConnection } from '@nats-io/nats-core';
import { DEFAULT_SETTINGS, type LedgerReport, type Settings } from '@waybill/consumer';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createStreams } from '../support/shipped-streams.ts';
import { jetstreamManager } from '@nats-io/jetstream';
import { chainAll, send } from '../support/known-losses.ts';
import { needsOwnServer, startNats, type TestNats } from '../support/nats.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { makeStreams } from '../support/traffic.ts';
import { environmentOf, serve, waybill, type WaybillEnvironment, waybillProcess } from '../support/waybill.ts';

let server: TestNats;
let nc: NatsConnection;
let settings: Settings;
let env: WaybillEnvironment;
const folder = temporaryDirectory();
beforeAll(async () => {
  server = await startNats();
  nc = await server.connect();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});
/** 3 and 4 of `boot` never came, nor did 1 of `late`. Neither has closed. */
beforeEach(async () => {
  settings = await makeStreams(nc);
  env = environmentOf(server.url, settings);
  await send(nc, settings, 'boot', [1, 2, 5]);
  await send(nc, settings, 'late', [2]);
  await chainAll(nc, settings);
});

const WHY = ['--by', 'ops', '--reason', 'a disk failed, ticket 7'];
const acknowledge = (...args: string[]) =>
  waybill(['acknowledge', '--org', 'acme', ...args, ...WHY, '--wait', '0'], env);

async function verdict(): Promise<{ code: number | null; lines: string[] }> {
  const { code, stdout } = await waybill(['verify', '--all', '--wait', '0'], env);
  return { code, lines: stdout.trimEnd().split('\n') };
}

test('what verify lists is acknowledged, and then verify says ok and why', async () => {
  expect(await verdict()).toMatchObject({ code: 3 });
  const done = await acknowledge('--missing', 'boot:3-4', '--missing', 'late:1', '--end', 'late:2');
  expect(done).toEqual({
    code: 0,
    stdout:
      'acknowledged  acme: boot 3-4, message 5\nacknowledged  acme: late 1, message 6\n' +
      'acknowledged  acme: the end of late after 2, message 7\n',
    stderr: '',
  });
  await chainAll(nc, settings);
  const { code, lines } = await verdict();
  expect(code).toBe(0);
  expect(lines.at(-1)).toBe('verdict: ok, 4 acknowledged losses');
  const of = (seq: number): string => `(ops: a disk failed, ticket 7; entry ${seq} of _system)`;
  expect(lines.filter((line) => line.startsWith('known'))).toEqual([
    `known      acme: boot 3-4 never arrived ${of(1)}`,
    `known      acme: late 1-1 never arrived ${of(2)}`,
    `known      acme: late ended after 2 without closing ${of(3)}`,
  ]);
  expect(lines.join('\n')).toContain('3 events never arrived (all are known)');
  expect(lines.join('\n')).toContain('1 publishers have not closed (boot, last 5');
  // Twice is once.
  expect(await acknowledge('--missing', 'boot:3-4')).toMatchObject({
    code: 0,
    stdout: 'known         acme: boot 3-4: entry 1 of _system says so (ops: a disk failed, ticket 7)\n',
  });
});

test('a file of a chain is judged with the replay of _system beside it', async () => {
  await acknowledge('--missing', 'boot:3-4', '--missing', 'late:1');
  await chainAll(nc, settings);
  const [chain, system] = [join(folder.path, 'chain'), join(folder.path, 'system')];
  for (const [file, orgid] of [
    [chain, 'acme'],
    [system, '_system'],
  ] as const)
    await writeFile(file, (await waybill(['replay', '--org', orgid], env)).stdout);
  expect(await waybill(['verify', '--file', chain])).toMatchObject({ code: 3 });
  const known = await waybill(['verify', '--file', chain, '--system', system]);
  expect(known).toMatchObject({ code: 0, stdout: expect.stringMatching(/\nverdict: ok, 3 acknowledged losses\n$/) });
  expect(known.stdout).toContain('not checked: acknowledgements, against the messages of the AUDIT stream: 3\n');
  // With NATS they are compared.
  expect((await waybill(['verify', '--all', '--wait', '0'], env)).stdout).not.toContain(
    'not checked: acknowledgements',
  );
  expect(await waybill(['verify', '--all', '--system', system], env)).toMatchObject({ code: 64 });
});

test('a report of verify says what is missing, and leaves out what is known', async () => {
  const report = (await waybill(['verify', '--org', 'acme', '--json', '--wait', '0'], env)).stdout;
  const path = join(folder.path, 'report.json');
  await writeFile(path, report);
  expect(await acknowledge('--missing', 'late:1')).toMatchObject({ code: 0 });
  await chainAll(nc, settings);
  const dry = await acknowledge('--report', path, '--dry-run');
  expect(dry).toMatchObject({ code: 0 });
  expect(dry.stdout.split('\n')).toEqual([
    'would say     acme: boot 3-4',
    'known         acme: late 1: entry 1 of _system says so (ops: a disk failed, ticket 7)',
    '',
  ]);
  const partly = await verdict();
  expect(partly.code).toBe(3);
  expect(partly.lines.join('\n')).toContain('3 events never arrived (boot 3-4; the others are known)');
  const args = ['acknowledge', '--org', 'acme', '--report', '-', ...WHY, '--wait', '0', '--json'];
  const { stdout } = await waybillProcess(args, env, report);
  expect(JSON.parse(stdout)).toEqual([
    { producer: 'boot', first: 3, last: 4, known: null, message: 6 },
    {
      producer: 'late',
      first: 1,
      last: 1,
      known: { seq: 1, by: 'ops', reason: 'a disk failed, ticket 7' },
      message: null,
    },
  ]);
  await chainAll(nc, settings);
  const after = await waybill(['verify', '--org', 'acme', '--json', '--wait', '0'], env);
  expect(after.code).toBe(0);
  expect(JSON.parse(after.stdout) as LedgerReport).toMatchObject({ verdict: 'ok', acknowledged: '3' });
});

test('it waits until a writer has chained it, and says when none did', async () => {
  const args = ['acknowledge', '--org', 'acme', '--missing', 'boot:3-4', ...WHY];
  const alone = await waybill([...args, '--wait', '1'], env);
  expect(alone).toMatchObject({ code: 75, stdout: '' });
  expect(alone.stderr).toContain(`it is stored as message 5 of ${settings.auditStream}, and was not chained within`);
  await using _serving = serve(env);
  expect(await waybill([...args, '--wait', '60'], env)).toMatchObject({ code: 0 });
  expect((await verdict()).lines.at(-1)).toBe('verdict: incomplete, 2 acknowledged losses');
});

test('what is not lost is refused, with what verify says, and nothing is acknowledged', async () => {
  const refused = await acknowledge('--missing', 'late:1', '--missing', 'boot:3-5');
  expect(refused).toMatchObject({ code: 65, stdout: '' });
  expect(refused.stderr).toBe(
    'waybill: boot 3-5 is not missing in the chain of acme: the chain has the event 5; verify lists boot 3-4\n',
  );
  expect((await acknowledge('--end', 'boot:4')).stderr).toContain('its last number there is 5');
  await chainAll(nc, settings);
  expect((await verdict()).lines.at(-1)).toBe('verdict: incomplete');
});

describe('a call that cannot be meant', () => {
  test.each<[string[], RegExp]>([
    [['--org', 'acme', ...WHY], /needs --missing PRODUCER:FIRST\[-LAST\], --end PRODUCER:LAST or --report FILE/],
    [['--org', 'acme', '--missing', 'boot:3-4', '--by', 'ops'], /needs --reason TEXT/],
    [['--org', 'acme', '--missing', 'boot:3-4', '--by', ' ', '--reason', 'x'], /needs --by WHO/],
    [['--missing', 'boot:3-4', ...WHY], /needs --org ID/],
    [['--org', '_system', '--missing', 'boot:3-4', ...WHY], /orgid is "_system"/],
    [['--org', 'acme', '--missing', 'boot:4-3', ...WHY], /--missing is "boot:4-3": expected PRODUCER:FIRST-LAST/],
    [['--org', 'acme', '--missing', 'boot', ...WHY], /--missing is "boot"/],
    [['--org', 'acme', '--end', 'boot:3-4', ...WHY], /--end is "boot:3-4": expected PRODUCER:LAST/],
    [['--org', 'acme', '--missing', 'boot:3', '--by', 'x'.repeat(257), '--reason', 'x'], /expected a text of 1 to 256/],
  ])('%j', async (args, message) => {
    const { code, stderr } = await waybill(['acknowledge', ...args], env);
    expect(code).toBe(64);
    expect(stderr).toMatch(message);
  });

  test.each<[string, string, RegExp]>([
    ['no JSON', 'x', /is no JSON: expected what `waybill verify --json` prints/],
    ['of another organization', '{"orgid":"bolt","holes":[]}', /is about no chain of acme/],
    ['with nothing missing', '{"orgid":"acme","holes":[]}', /lists nothing that is missing in the chain of acme/],
    ['of something else', '{"orgid":"acme","holes":[{"first":1}]}', /is no report/],
    ['of nothing', 'null', /is about no chain of acme/],
  ])('a report that is %s', async (_name, content, message) => {
    const path = join(folder.path, 'bad.json');
    await writeFile(path, content);
    const { code, stderr } = await acknowledge('--report', path);
    expect(code).toBe(64);
    expect(stderr).toMatch(message);
  });
});

describe('with the shipped configuration', () => {
  beforeEach(needsOwnServer);

  test('only the admin may, and the others are told so', async () => {
    await using shipped = await startNats({ config: 'shipped' });
    const as = (user: 'admin' | 'service' | 'auditor'): WaybillEnvironment => ({
      WAYBILL_NATS_URL: shipped.url,
      WAYBILL_NATS_USER: user,
      WAYBILL_NATS_PASSWORD: shipped.users?.[user].pass ?? '',
    });
    const admin = await shipped.connect({ as: 'admin' });
    await createStreams(await jetstreamManager(admin));
    await send(admin, DEFAULT_SETTINGS, 'boot', [1, 3]);
    await chainAll(await shipped.connect({ as: 'service' }), DEFAULT_SETTINGS);
    const args = ['acknowledge', '--org', 'acme', '--missing', 'boot:2', ...WHY, '--wait', '0'];
    for (const user of ['service', 'auditor'] as const) {
      expect(await waybill(args, as(user)), user).toMatchObject({
        code: 77,
        stderr:
          'waybill: could not acknowledge boot 2 of acme: the NATS identity may not publish ' +
          'waybill.control.acknowledge.acme; of the users in deploy/nats-server.conf, admin may\n',
      });
    }
    expect(await waybill(args, as('admin'))).toMatchObject({ code: 0 });
    await chainAll(await shipped.connect({ as: 'service' }), DEFAULT_SETTINGS);
    const verified = await waybill(['verify', '--all'], as('auditor'));
    expect(verified.stdout).toContain('verdict: ok, 1 acknowledged loss\n');
  });
});
