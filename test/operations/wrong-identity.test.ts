/**
 * Commands that are run as the wrong user of the shipped configuration say which one may, and do not pretend to work.
 */
import { beforeEach, expect, test } from 'vitest';
import { needsOwnServer, startNats, type TestNats } from '../support/nats.ts';
import { until } from '../support/until.ts';
import { serve, waybill } from '../support/waybill.ts';
import { artifactEvent, publishAll } from '../support/traffic.ts';
import { DEFAULT_SETTINGS } from '@waybill/consumer';

beforeEach(needsOwnServer);

type User = 'admin' | 'service' | 'auditor' | 'producer';

function as(server: TestNats, user: User) {
  const { pass = '' } = server.users?.[user] ?? {};
  return { WAYBILL_NATS_URL: server.url, WAYBILL_NATS_USER: user, WAYBILL_NATS_PASSWORD: pass };
}

test('serve as one that may not read waits, says so once, without a stack, and never says that it writes', async () => {
  await using server = await startNats({ config: 'shipped' });
  expect((await waybill(['deploy'], as(server, 'admin'))).stderr).toBe('');
  const admin = await server.connect({ as: 'admin' });
  await publishAll(admin, [artifactEvent(DEFAULT_SETTINGS, { orgid: 'acme', kind: 'upload', bytes: 10 })]);
  await using serving = serve({ ...as(server, 'auditor'), WAYBILL_HTTP_PORT: '0' });
  const tries = new Set<string>();
  await until('it to wait', async () => (await serving.status())?.role === 'waiting');
  const sub = admin.subscribe('$JS.API.STREAM.INFO.AUDIT', { callback: () => void tries.add(String(tries.size)) });
  await until('it to look again, several times', () => tries.size > 6);
  sub.unsubscribe();
  const status = await serving.status();
  expect(status).toMatchObject({
    role: 'waiting',
    lastError: expect.stringContaining('may not publish $JS.API.CONSUMER.CREATE.AUDIT'),
  });
  expect(serving.log).not.toContain('"writing"');
  expect(serving.log).not.toContain('"stack"');
  const said = serving.log.split('\n').filter((line) => line.includes(': waiting'));
  expect(said).toHaveLength(1);
  expect(said[0]).toContain('of the users in deploy/nats-server.conf, service may');
});

test.each([
  ['producer', ['usage', '--org', 'acme'], 'auditor'],
  ['producer', ['verify', '--all'], 'auditor'],
  ['producer', ['replay', '--org', 'acme'], 'auditor'],
  ['producer', ['head', '--all'], 'auditor'],
  ['service', ['deploy'], 'admin'],
] as const)('%s: waybill %s: %s may', async (user, args, may) => {
  await using server = await startNats({ config: 'shipped' });
  const refused = await waybill(args, as(server, user));
  expect(refused).toMatchObject({
    code: 77,
    stderr: expect.stringContaining(`; of the users in deploy/nats-server.conf, ${may} may\n`),
  });
  // And it may: what is missing then are the streams.
  expect((await waybill(args, as(server, may))).code).not.toBe(77);
});
