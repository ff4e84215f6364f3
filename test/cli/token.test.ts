/** `waybill token`: what it prints, what it stores, and what becomes of it in the ledger. */
import { DEFAULT_SETTINGS, readConfig, startAccess } from '@waybill/consumer';
import { beforeEach, expect, test } from 'vitest';
import { caughtUp, checkLedger } from '../support/check-ledger.ts';
import { logger } from '../support/logger.ts';
import { needsOwnServer, startNats, type TestNats } from '../support/nats.ts';
import { serve, waybill } from '../support/waybill.ts';

beforeEach(needsOwnServer);

function as(server: TestNats, user: 'admin' | 'service', access?: 'access-admin' | 'access-reader') {
  const pass = (name: keyof NonNullable<TestNats['users']>): string => server.users?.[name].pass ?? '';
  return {
    WAYBILL_NATS_URL: server.url,
    WAYBILL_NATS_USER: user,
    WAYBILL_NATS_PASSWORD: pass(user),
    ...(access && { WAYBILL_ACCESS_NATS_USER: access, WAYBILL_ACCESS_NATS_PASSWORD: pass(access) }),
  };
}

const CREATE = ['token', 'create', '--name', 'billing job'];

test('with the shipped users: made, used, listed and revoked, and in the chains of its organizations', async () => {
  await using server = await startNats({ config: 'shipped' });
  const env = as(server, 'admin', 'access-admin');
  const deployed = await waybill(['deploy'], env);
  expect(deployed).toMatchObject({
    code: 0,
    stdout: 'stream AUDIT: created\nstream LEDGER: created\nstream ACCESS: created\n',
  });
  expect(await waybill(['deploy', '--check'], env)).toMatchObject({ code: 0, stdout: '' });
  const made = await waybill(
    [...CREATE, '--org', 'acme,bolt', '--scope', 'usage:read,verify', '--expires', '12h'],
    env,
  );
  expect(made.code).toBe(0);
  expect(made.stdout).toMatch(/^wb_[a-z2-7]{16}_[a-z2-7]{52}\n$/);
  const token = made.stdout.trim();
  const id = token.slice(3, 19);
  expect(made.stderr).toMatch(new RegExp(`^waybill: token ${id} is valid until .*Z\\. It is shown this once\\.\n$`));

  const config = readConfig(as(server, 'service', 'access-reader'));
  const nc = await server.connect({ as: 'reader' });
  await using access = await startAccess({ config, open: false, nc, logger });
  expect(await access.authenticate(`Bearer ${token}`, '192.0.2.1')).toMatchObject({
    id,
    organizations: new Set(['acme', 'bolt']),
  });

  const listed = await waybill(['token', 'list', '--json'], env);
  expect(JSON.parse(listed.stdout)).toEqual([
    {
      id,
      name: 'billing job',
      scopes: ['usage:read', 'verify'],
      organizations: ['acme', 'bolt'],
      created_at: expect.any(String),
      created_by: 'access-admin',
      expires_at: expect.any(String),
      state: 'valid',
    },
  ]);
  // In an emergency the token itself is at hand. It is not repeated.
  const revoked = await waybill(['token', 'revoke', token], env);
  expect(revoked).toMatchObject({ code: 0, stdout: `token ${id} is revoked: within 10 s nobody is let in with it\n` });
  expect((await waybill(['token', 'revoke', id], env)).stdout).toContain('was revoked before');
  expect((await waybill(['token', 'list'], env)).stdout).toMatch(new RegExp(`^${id} +revoked `, 'm'));
  await using fresh = await startAccess({ config, open: false, nc, logger });
  await expect(fresh.authenticate(`Bearer ${token}`, '192.0.2.1')).rejects.toThrow(`the token ${id} is revoked`);
  expect(revoked.stdout + revoked.stderr + made.stderr + listed.stdout).not.toContain(token.slice(20, 40));

  const all = [...CREATE, '--all-organizations', '--scope', 'entries:read', '--json'];
  const auditor = JSON.parse((await waybill(all, { ...env, WAYBILL_OPERATOR_ORG: 'operator' })).stdout);
  expect(auditor).toMatchObject({ organizations: 'all', state: 'valid', token: expect.stringMatching(/^wb_/) });
  expect(Object.keys(auditor)).not.toContain('sha256');

  await using serving = serve(as(server, 'service'));
  const admin = await server.connect({ as: 'admin' });
  await caughtUp(admin, DEFAULT_SETTINGS);
  const { entries } = await checkLedger(admin, DEFAULT_SETTINGS);
  const about = (orgid: string) =>
    entries(orgid).map(({ event }) => [event?.['type'], event?.['actorid'], event?.['data']]);
  const expires = expect.any(String);
  for (const orgid of ['acme', 'bolt']) {
    expect(about(orgid)).toEqual([
      ['audit.token', 'access-admin', { operation: 'create', token: id, expires }],
      ['audit.token', 'access-admin', { operation: 'revoke', token: id, expires }],
    ]);
  }
  expect(about('operator')).toEqual([
    ['audit.token', 'access-admin', { operation: 'create', token: auditor.id, expires }],
  ]);
  expect(await serving.terminate()).toBe(0);
});

test('with one identity for everything, the first token makes the stream, and says where', async () => {
  await using server = await startNats();
  const env = { WAYBILL_NATS_URL: server.url };
  expect(await waybill(['token', 'list'], env)).toMatchObject({ code: 69, stderr: expect.stringContaining('ACCESS') });
  await waybill(['deploy'], env);
  const made = await waybill([...CREATE, '--all-organizations', '--scope', 'usage:read'], env);
  expect(made.stderr).toContain('made stream ACCESS, where everything else is: WAYBILL_ACCESS_NATS_USER is not set');
  expect(made.stdout).toMatch(/^wb_/);
  expect((await waybill([...CREATE, '--org', 'a', '--scope', 'usage:read'], env)).stderr).not.toContain('made stream');
});

test('a token is made also where its event cannot be stored, and a note says so', async () => {
  await using server = await startNats({ config: 'shipped' });
  const env = as(server, 'service', 'access-admin');
  const made = await waybill([...CREATE, '--org', 'acme', '--scope', 'usage:read'], env);
  expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/^wb_/) });
  expect(made.stderr).toContain('the event about this token is in no chain: could not store it');
});

test('who may not write makes no token, and is told who may', async () => {
  await using server = await startNats({ config: 'shipped' });
  const refused = await waybill(
    [...CREATE, '--org', 'acme', '--scope', 'usage:read'],
    as(server, 'admin', 'access-reader'),
  );
  expect(refused).toMatchObject({
    code: 77,
    stdout: '',
    stderr: expect.stringContaining('; of the users in deploy/nats-server.conf, access-admin may\n'),
  });
});

test.each([
  [['token'], 'waybill token needs create, list, or revoke and an ID'],
  [['token', 'make'], 'waybill token needs create, list, or revoke and an ID'],
  [['token', 'list', 'x'], 'waybill token needs create, list, or revoke and an ID'],
  [['token', 'revoke'], 'waybill token needs create, list, or revoke and an ID'],
  [['token', 'revoke', 'a', 'b'], 'too many words'],
  [['token', 'revoke', 'A'.repeat(72)], 'the id of a token is the part between wb_ and the second _'],
  [['token', 'create', '--org', 'a', '--scope', 'verify'], 'waybill token create needs --name and --scope'],
  [[...CREATE, '--scope', 'verify'], 'needs either --org ID or --all-organizations'],
  [
    [...CREATE, '--scope', 'verify', '--org', 'a', '--all-organizations'],
    'needs either --org ID or --all-organizations',
  ],
  [[...CREATE, '--scope', 'verify', '--all'], '--all-organizations'],
  [[...CREATE, '--scope', 'everything', '--org', 'a'], 'scopes are everything: expected some of usage:read'],
  [[...CREATE, '--scope', 'verify', '--org', 'a,,b'], 'organization ""'],
  [[...CREATE, '--scope', 'verify', '--org', 'a', '--expires', 'soon'], '--expires is "soon": expected a duration'],
  [[...CREATE, '--scope', 'verify', '--org', 'a', '--expires', '5y'], '--expires is "5y": expected a duration'],
  [[...CREATE, '--scope', 'export', '--org', 'a', '--expires', '91d'], 'it lives 1 second to 90 days'],
])('waybill %j', async (args, said) => {
  await using server = await startNats();
  const ended = await waybill(args, { WAYBILL_NATS_URL: server.url });
  expect(ended).toMatchObject({ code: 64, stdout: '', stderr: expect.stringContaining(said) });
});
