/** Tokens from end to end: made by the command line, asked with over HTTP, with the shipped identities of each. */
import { DEFAULT_SETTINGS } from '@waybill/consumer';
import { beforeEach, expect, test } from 'vitest';
import { caughtUp, checkLedger } from '../support/check-ledger.ts';
import { needsOwnServer, startNats, type TestNats } from '../support/nats.ts';
import { artifactEvent, publishAll } from '../support/traffic.ts';
import { until } from '../support/until.ts';
import { serve, type Serving, waybill, type WaybillEnvironment } from '../support/waybill.ts';

beforeEach(needsOwnServer);

const API = { WAYBILL_API_PORT: '0', WAYBILL_HTTP_PORT: '0' };

function as(
  server: TestNats,
  user: 'admin' | 'service' | 'reader',
  access: 'access-admin' | 'access-reader',
): WaybillEnvironment {
  const pass = (name: keyof NonNullable<TestNats['users']>): string => server.users?.[name].pass ?? '';
  return {
    WAYBILL_NATS_URL: server.url,
    WAYBILL_NATS_USER: user,
    WAYBILL_NATS_PASSWORD: pass(user),
    WAYBILL_ACCESS_NATS_USER: access,
    WAYBILL_ACCESS_NATS_PASSWORD: pass(access),
  };
}

async function makeToken(server: TestNats, ...args: string[]): Promise<{ id: string; token: string }> {
  const made = await waybill(
    ['token', 'create', '--name', 'a test', '--json', ...args],
    as(server, 'admin', 'access-admin'),
  );
  return JSON.parse(made.stdout) as { id: string; token: string };
}

async function asker(serving: Serving): Promise<(path: string, token?: string) => Promise<Response>> {
  const api = await until('the API', () => /"url":"([^"]+)","msg":"API"/.exec(serving.log)?.[1]);
  return (path, token) => fetch(`${api}/v1${path}`, token === undefined ? {} : { headers: bearer(token) });
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

test.for(['reader', 'service'] as const)(
  'as %s: a token opens its organizations, and no longer when it is revoked; the reads are in the chain',
  async (user) => {
    await using server = await startNats({ config: 'shipped' });
    expect(await waybill(['deploy'], as(server, 'admin', 'access-admin'))).toMatchObject({ code: 0 });
    await using writer = serve({ ...as(server, 'service', 'access-reader'), ...(user === 'service' && API) });
    await using reader =
      user === 'reader' ? serve({ ...as(server, user, 'access-reader'), ...API, WAYBILL_ROLE: user }) : writer;
    const admin = await server.connect({ as: 'admin' });
    const upload = (orgid: string) => artifactEvent(DEFAULT_SETTINGS, { orgid, kind: 'upload', bytes: 10 });
    await publishAll(admin, [upload('acme'), upload('globex')]);
    await caughtUp(admin, DEFAULT_SETTINGS);
    const ask = await asker(reader);

    expect((await ask('/organizations')).status).toBe(401);
    expect((await ask('/organizations', `wb_${'a'.repeat(16)}_${'a'.repeat(52)}`)).status).toBe(401);
    const { id, token } = await makeToken(server, '--org', 'acme', '--scope', 'usage:read,entries:read');
    const listed = (await (await ask('/organizations', token)).json()) as { organizations: { orgid: string }[] };
    expect(listed.organizations.map(({ orgid }) => orgid)).toEqual(['acme']);
    expect((await ask('/organizations/acme/entries', token)).status).toBe(200);
    expect((await ask('/organizations/globex/entries', token)).status).toBe(404);
    expect((await ask('/organizations/globex/usage', token)).status).toBe(404);
    const usageOnly = await makeToken(server, '--all-organizations', '--scope', 'usage:read');
    expect((await ask('/organizations/globex/usage', usageOnly.token)).status).toBe(200);
    expect(await (await ask('/organizations/globex/entries', usageOnly.token)).json()).toMatchObject({
      status: 403,
      code: 'FORBIDDEN',
    });

    expect(await waybill(['token', 'revoke', id], as(server, 'admin', 'access-admin'))).toMatchObject({ code: 0 });
    await until('the token to be refused', async () => (await ask('/organizations/acme/usage', token)).status === 401);
    expect((await ask('/organizations/globex/usage', usageOnly.token)).status).toBe(200);

    // What was read is sent at the end, and chained by whoever writes then.
    await reader.terminate();
    await using _successor = user === 'service' ? serve(as(server, user, 'access-reader')) : null;
    const operations = await until('the reads', async () => {
      await caughtUp(admin, DEFAULT_SETTINGS);
      const ledger = await checkLedger(admin, DEFAULT_SETTINGS);
      const reads = ledger.entries('acme').filter(({ event }) => event?.['type'] === 'audit.read');
      return reads.length > 0 && reads.map(({ event }) => event?.['data']);
    });
    expect(operations).toEqual([expect.objectContaining({ operation: 'entries.list', requests: 1, token: id })]);
    expect(`${reader.log}${writer.log}`).not.toContain(token.slice(20));
  },
);

test('what cannot be checked lets nobody in: there is no stream of tokens', async () => {
  await using server = await startNats();
  await using both = serve({ WAYBILL_NATS_URL: server.url, ...API });
  const ask = await asker(both);
  const answer = await ask('/status', `wb_${'a'.repeat(16)}_${'a'.repeat(52)}`);
  expect(await answer.json()).toMatchObject({ status: 503, code: 'UNAVAILABLE' });
  expect(await (await ask('/status')).json()).toMatchObject({ status: 401, code: 'UNAUTHENTICATED' });
});
