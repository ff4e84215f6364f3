/** The identity of `serve` while it runs: files that are rotated, and a server that refuses it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as jwt from '@nats-io/jwt';
import { ConsumerError, readConfig, serve as serveHere } from '@waybill/consumer';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createCertificateAuthority } from '../support/certificates.ts';
import { httpOf, statusOf } from '../support/http.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { createOperator } from '../support/operator.ts';
import { type ProxiedLink, startTcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';
import { serve, waybill, type WaybillEnvironment, waybillProcess } from '../support/waybill.ts';

beforeEach(needsOwnServer);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waybill-identity-'));
});
afterAll(() => rm(folder, { recursive: true }));

const newSeed = (): { seed: string; publicKey: string } => {
  const pair = jwt.createUser();
  return { seed: Buffer.from(pair.getSeed()).toString(), publicKey: pair.getPublicKey() };
};

interface Rotation {
  readonly config: string;
  /** What the server is told when the first identity goes. */
  readonly later: string;
  readonly environment: WaybillEnvironment;
  readonly file: string;
  readonly next: string;
}

const ROTATIONS: Record<string, () => Promise<Rotation>> = {
  'a password file': async () => {
    const file = join(folder, 'password');
    const config = (password: string) => `authorization { users: [{ user: s, password: ${password} }] }`;
    writeFileSync(file, 'first-password\n');
    const environment = { WAYBILL_NATS_USER: 's', WAYBILL_NATS_PASSWORD_FILE: file };
    return {
      config: config('first-password'),
      later: config('next-password'),
      environment,
      file,
      next: 'next-password',
    };
  },
  'an nkey seed file': async () => {
    const file = join(folder, 'nkey');
    const [first, next] = [newSeed(), newSeed()];
    const config = (publicKey: string) => `authorization { users: [{ nkey: ${publicKey} }] }`;
    writeFileSync(file, `${first.seed}\r\n`);
    const environment = { WAYBILL_NATS_NKEY_SEED_FILE: file };
    return { config: config(first.publicKey), later: config(next.publicKey), environment, file, next: next.seed };
  },
  'a creds file with CRLF': async () => {
    const file = join(folder, 'creds');
    const operator = await createOperator();
    writeFileSync(file, (await operator.creds()).replaceAll('\n', '\r\n'));
    const later = await operator.revoking();
    const next = (await operator.creds()).replaceAll('\n', '\r\n');
    return { config: operator.config, later, environment: { WAYBILL_NATS_CREDS_FILE: file }, file, next };
  },
};

test.for(Object.keys(ROTATIONS))('%s that is rotated while serve runs', async (name) => {
  const { config, later, environment, file, next } = await (ROTATIONS[name] as () => Promise<Rotation>)();
  await using server = await startNats({ extraConfig: config });
  const attempts = new Set<ProxiedLink>();
  await using proxy = await startTcpProxy({ target: () => server.port, onOpening: (link) => void attempts.add(link) });
  await using serving = serve({ ...environment, WAYBILL_NATS_URL: proxy.url, WAYBILL_HTTP_PORT: '0' });
  const url = await httpOf(serving);
  await server.configure(later);
  await server.reload();
  const unready = async (): Promise<string> => (await fetch(`${url}/readyz`)).text();
  await until('the refusal to be said', async () => (await unready()).includes('NATS refuses this identity since'));
  expect(await statusOf(url)).toMatchObject({ connected: false, reconnects: 0 });
  // Half written, as a file may be found: what it said last is offered again, and nothing ends.
  writeFileSync(file, '');
  const before = attempts.size;
  await until('it to be refused again and again', () => attempts.size >= before + 4);
  writeFileSync(file, next);
  await until('serve to be ready again', async () => (await fetch(`${url}/readyz`)).ok);
  expect(await statusOf(url)).toMatchObject({ connected: true, reconnects: 1, identityRefusedSince: null });
  const lines = serving.log.split('\n');
  expect(lines.filter((line) => /NATS refuses this identity .*: trying again/.test(line))).toHaveLength(1);
  // Where the socket broke before the server said why, that is all that was known then.
  const refused = lines.findIndex((line) => line.includes('NATS refuses this identity'));
  expect(lines.findLastIndex((line) => line.includes('"msg":"disconnected from NATS'))).toBeLessThan(refused);
  expect(lines.filter((line) => line.includes('"msg":"connected to NATS again'))).toHaveLength(1);
  expect(serving.log).not.toContain(readFileSync(file, 'utf8').trim());
  expect(await serving.terminate()).toBe(0);
});

test('an identity that stays refused ends serve as one that is refused at the start', async () => {
  const config = (password: string) => `authorization { users: [{ user: s, password: ${password} }] }`;
  await using server = await startNats({ extraConfig: config('first') });
  const logged: string[] = [];
  const log = (_: object, message: string): void => void logged.push(message);
  const stop = new AbortController();
  const served = serveHere({
    config: readConfig({ WAYBILL_NATS_URL: server.url, WAYBILL_NATS_USER: 's', WAYBILL_NATS_PASSWORD: 'first' }),
    logger: { debug: () => undefined, info: log, warn: log, error: log },
    stop: stop.signal,
    refusedMs: 1,
  });
  const ended = served.catch((error: unknown) => error);
  await until('the writer', () => logged.includes('writing'));
  await server.configure(config('next'));
  await server.reload();
  const error = await ended;
  expect(error).toBeInstanceOf(ConsumerError);
  expect(error).toMatchObject({
    code: 'CANNOT_CONNECT',
    message: expect.stringMatching(/has refused this identity for \d+ s: Authorization Violation/i),
  });
  expect(logged.filter((line) => line.includes('refuses this identity'))).toHaveLength(1);

  const again = await waybillProcess(['serve'], {
    WAYBILL_NATS_URL: server.url,
    WAYBILL_NATS_USER: 's',
    WAYBILL_NATS_PASSWORD: 'first',
  });
  expect(again.code).toBe(69);
  expect(again.stderr).toContain('the server refuses this identity');
});

test.for([
  ['WAYBILL_NATS_CREDS_FILE', 'a JWT and an nkey seed'],
  ['WAYBILL_NATS_NKEY_SEED_FILE', 'nkey seed'],
  ['WAYBILL_NATS_PASSWORD_FILE', 'a password on one line'],
] as const)('garbage in %s is a wrong configuration, and is not shown', async ([variable, expected]) => {
  const file = join(folder, variable);
  writeFileSync(file, 'hunter2\nhunter3\n');
  const user = variable === 'WAYBILL_NATS_PASSWORD_FILE' ? { WAYBILL_NATS_USER: 's' } : {};
  const environment = { ...user, [variable]: file, WAYBILL_NATS_URL: 'nats://127.0.0.1:1' } as WaybillEnvironment;
  for (const args of [['serve'], ['head', '--all']]) {
    const ended = await waybill(args, environment);
    expect(ended).toMatchObject({
      code: 78,
      stderr: expect.stringContaining(`${variable} is ${JSON.stringify(file)}`),
    });
    expect(ended.stderr).toContain(expected);
    expect(ended.stderr + ended.stdout).not.toContain('hunter');
  }
});

test.for([
  ['WAYBILL_NATS_CREDS_FILE', 'hunter2\nhunter3'],
  ['WAYBILL_NATS_NKEY_SEED_FILE', 'SUhunter'],
  ['WAYBILL_NATS_PASSWORD_FILE', '/hunter2'],
  ['WAYBILL_NATS_TLS_CA_FILE', 'hunter2/=='],
] as const)('a secret in %s, where its file belongs, is not shown', async ([variable, secret]) => {
  const user = variable === 'WAYBILL_NATS_PASSWORD_FILE' ? { WAYBILL_NATS_USER: 's' } : {};
  const environment = { ...user, [variable]: secret, WAYBILL_NATS_URL: 'nats://127.0.0.1:1' } as WaybillEnvironment;
  for (const args of [['serve'], ['head', '--all', '--json']]) {
    const ended = await waybill(args, environment);
    expect(ended).toMatchObject({ code: 78, stderr: expect.stringContaining(`${variable} is no path of a file`) });
    expect(ended.stderr + ended.stdout).not.toContain('hunter');
  }
});

test('a password file of a Windows editor begins with a byte order mark', async () => {
  await using server = await startNats({ extraConfig: 'authorization { users: [{ user: s, password: first }] }' });
  const file = join(folder, 'password-bom');
  writeFileSync(file, '\uFEFFfirst\r\n');
  const environment = { WAYBILL_NATS_USER: 's', WAYBILL_NATS_PASSWORD_FILE: file, WAYBILL_NATS_URL: server.url };
  expect((await waybill(['deploy'], environment)).code).toBe(0);
});

test('TLS files that cannot be used are a wrong configuration, also of serve, which waits for everything else', async () => {
  const authority = createCertificateAuthority('authority');
  const [own, other] = [authority.issue('client'), authority.issue('other')];
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const good = {
    WAYBILL_NATS_URL: 'nats://127.0.0.1:1',
    WAYBILL_NATS_TLS_CA_FILE: write('ca.pem', authority.cert),
    WAYBILL_NATS_TLS_CERT_FILE: write('cert.pem', own.cert),
    WAYBILL_NATS_TLS_KEY_FILE: write('key.pem', own.key),
  };
  const [garbage, foreign] = [write('garbage.pem', 'hunter2'), write('foreign.pem', other.key)];
  for (const [variable, file] of [
    ['WAYBILL_NATS_TLS_CA_FILE', join(folder, 'missing.pem')],
    ['WAYBILL_NATS_TLS_CA_FILE', garbage],
    ['WAYBILL_NATS_TLS_CERT_FILE', garbage],
    ['WAYBILL_NATS_TLS_KEY_FILE', garbage],
    ['WAYBILL_NATS_TLS_KEY_FILE', foreign],
  ] as const) {
    const ended = await waybillProcess(['serve'], { ...good, [variable]: file });
    expect(ended, file).toMatchObject({
      code: 78,
      stderr: expect.stringContaining(`${variable} is ${JSON.stringify(file)}`),
    });
    expect(ended.stderr + ended.stdout).not.toContain('hunter');
  }
  expect(await waybill(['head', '--all'], good)).toMatchObject({ code: 69 });
});

test('a client certificate is used without a CA file, and never over a connection in the clear', async () => {
  const authority = createCertificateAuthority('authority');
  const own = authority.issue('client');
  writeFileSync(join(folder, 'own.pem'), own.cert);
  writeFileSync(join(folder, 'own-key.pem'), own.key);
  const environment = {
    WAYBILL_NATS_TLS_CERT_FILE: join(folder, 'own.pem'),
    WAYBILL_NATS_TLS_KEY_FILE: join(folder, 'own-key.pem'),
  };
  expect(readConfig(environment).nats.tls).toBe(true);
  await using server = await startNats();
  const ended = await waybill(['head', '--all'], { ...environment, WAYBILL_NATS_URL: server.url });
  expect(ended).toMatchObject({ code: 69, stderr: expect.stringContaining("does not support 'tls'") });
});
