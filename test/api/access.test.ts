/**
 * A token of one organization, tried against every operation: by id, by cursor, by filter, by header. It sees its own, and
 * cannot tell what it may not see from what is not there.
 */
import { type OperationName, OPERATIONS, ROUTES, SCOPES } from '@waybill/schema/api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLedgerBuilder } from '../support/ledger-builder.ts';
import { startNats, type TestNats } from '../support/nats.ts';
import { principal, testReader, type TestReader } from '../support/reader.ts';
import { makeStreams } from '../support/traffic.ts';
import { until } from '../support/until.ts';

/** Whose entries are never anybody else's to see: its name and what its events say. */
const OTHER = 'umbrella';
const SECRETS = [OTHER, 'acmf', 'zeta', '_system', '987654321', 'secret of umbrella'];
/** Has no chain. As long as the other name, so that an answer about it can have the same bytes. */
const NOBODY = 'nobodyxx';

interface Attempt {
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: 200. */
  readonly status?: number;
}

/** A new operation needs a row: what its own organization gets, and how the other one is asked for. */
const ATTEMPTS: Readonly<
  Record<OperationName, { readonly own: readonly Attempt[]; readonly other: (orgid: string) => Attempt[] }>
> = {
  'organizations.list': {
    own: [{ path: '/v1/organizations' }],
    other: (orgid) => [
      { path: `/v1/organizations?after=${orgid.slice(0, -1)}` },
      { path: '/v1/organizations?after=0&limit=1' },
      { path: '/v1/organizations?after=acme&limit=1000' },
      { path: '/v1/organizations?after=_system' },
    ],
  },
  'organizations.get': {
    own: [{ path: '/v1/organizations/acme' }],
    other: (orgid) => [{ path: `/v1/organizations/${orgid}`, status: 404 }],
  },
  'usage.get': {
    own: [{ path: '/v1/organizations/acme/usage?period=2025-11&step=day' }],
    other: (orgid) => [
      { path: `/v1/organizations/${orgid}/usage`, status: 404 },
      { path: `/v1/organizations/${orgid}/usage?period=2025-11`, status: 404, headers: { 'if-none-match': '*' } },
      { path: `/v1/organizations/${orgid}/usage?as_of=1`, status: 404, headers: { accept: 'text/csv' } },
      { path: `/v1/organizations/${orgid}/usage?require_final=true&wait=1`, status: 404 },
      { path: '/v1/organizations/acme/usage', headers: { 'x-organization': orgid, 'x-forwarded-user': orgid } },
    ],
  },
  'usage.all': {
    own: [{ path: '/v1/usage?period=2025-11' }],
    other: (orgid) => [
      { path: `/v1/usage?organizations=${orgid}` },
      { path: `/v1/usage?organizations=acme,${orgid}&period=2025-11` },
      { path: `/v1/usage?after=acme` },
      { path: '/v1/usage?after=acme&limit=1', headers: { accept: 'text/csv' } },
      { path: '/v1/usage?after=0&limit=1' },
    ],
  },
  'bills.get': {
    own: [{ path: '/v1/organizations/acme/bill?period=2025-11' }],
    other: (orgid) => [{ path: `/v1/organizations/${orgid}/bill?period=2025-11`, status: 404 }],
  },
  'bills.all': {
    own: [{ path: '/v1/bills?period=2025-11' }],
    other: (orgid) => [
      { path: `/v1/bills?period=2025-11&organizations=${orgid}` },
      { path: '/v1/bills?period=2025-11&after=acme' },
      { path: `/v1/bills?period=2025-11&organizations=acme,${orgid}&after=0` },
    ],
  },
  'entries.list': {
    own: [
      { path: '/v1/organizations/acme/entries' },
      { path: '/v1/organizations/acme/entries', headers: { accept: 'application/x-ndjson' } },
    ],
    other: (orgid) => [
      { path: `/v1/organizations/${orgid}/entries`, status: 404 },
      { path: `/v1/organizations/${orgid}/entries?after=1&order=desc`, status: 404 },
      { path: `/v1/organizations/${orgid}/entries`, status: 404, headers: { accept: 'application/x-ndjson' } },
      {
        path: `/v1/organizations/${orgid}/entries`,
        status: 404,
        headers: { accept: 'text/event-stream', 'last-event-id': '1' },
      },
      { path: '/v1/organizations/_system/entries', status: 404 },
      { path: '/v1/organizations/_unattributed/entries', status: 404 },
    ],
  },
  'entries.get': {
    own: [{ path: '/v1/organizations/acme/entries/1' }],
    other: (orgid) => [
      { path: `/v1/organizations/${orgid}/entries/1`, status: 404 },
      { path: `/v1/organizations/${orgid}/entries/1`, status: 404, headers: { 'if-none-match': '*' } },
      { path: '/v1/organizations/_system/entries/1', status: 404 },
    ],
  },
  'verifications.start': {
    own: [{ path: '/v1/organizations/acme/verifications', status: 202 }],
    other: (orgid) => [
      { path: `/v1/organizations/${orgid}/verifications`, status: 404 },
      { path: '/v1/organizations/_system/verifications', status: 404 },
    ],
  },
  'verifications.get': {
    own: [{ path: '/v1/organizations/acme/verifications/{own}' }],
    other: (orgid) => [
      { path: `/v1/organizations/${orgid}/verifications/{other}`, status: 404 },
      { path: '/v1/organizations/acme/verifications/{other}', status: 404 },
    ],
  },
  'status.get': { own: [{ path: '/v1/status' }], other: () => [{ path: '/v1/status' }] },
};

let server: TestNats;
let made: TestReader;
const jobs = { own: '', other: '' };

beforeAll(async () => {
  server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const builder = createLedgerBuilder(nc, settings);
  for (const orgid of [OTHER, 'acmf', 'zeta', 'acme'])
    builder.append({
      orgid,
      received: '2025-11-01T00:00:00.000Z',
      bytes: orgid === 'acme' ? 1 : 987_654_321,
      ...(orgid !== 'acme' && { attributes: { subject: 'secret of umbrella' } }),
    });
  builder.record('2025-11-01T00:00:00.000Z', { kind: 'duplicate', orgid: OTHER });
  await builder.commit();
  // An end later than the month, so that it is final for everybody.
  builder.append({ orgid: 'acme', received: '2025-12-02T00:00:00.000Z', bytes: 1 });
  await builder.commit();
  made = testReader(nc, settings, {
    principals: [
      principal('acme-token', ['acme']),
      ...SCOPES.map((scope) =>
        principal(
          `without-${scope}`,
          ['acme'],
          SCOPES.filter((one) => one !== scope),
        ),
      ),
    ],
  });
  jobs.own = await verified('acme');
  jobs.other = await verified(OTHER);
});
afterAll(() => server[Symbol.asyncDispose]());

async function verified(orgid: string): Promise<string> {
  const headers = { authorization: 'Bearer root' };
  const path = `/v1/organizations/${orgid}/verifications`;
  const { id } = (await (await made.app.request(path, { method: 'POST', headers })).json()) as { id: string };
  await until('the verification', async () => {
    const job = (await (await made.get(`${path}/${id}`)).json()) as { state: string };
    return job.state === 'done';
  });
  return id;
}

async function ask(operation: OperationName, { path, headers }: Attempt, token = 'acme-token'): Promise<Response> {
  const at = path.replace('{own}', jobs.own).replace('{other}', jobs.other);
  const { method } = ROUTES[operation];
  return made.app.request(at, { method, headers: { authorization: `Bearer ${token}`, ...headers } });
}

describe.for(Object.keys(OPERATIONS) as OperationName[])('%s', (operation) => {
  test('has a row here', () => {
    expect(ATTEMPTS[operation].own.length).toBeGreaterThan(0);
    expect(ATTEMPTS[operation].other(OTHER).length).toBeGreaterThan(0);
  });

  test('shows an organization its own, and nothing of others', async () => {
    for (const attempt of [...ATTEMPTS[operation].own, ...ATTEMPTS[operation].other(OTHER)]) {
      const response = await ask(operation, attempt);
      const text = await response.text();
      expect([response.status, attempt.path]).toEqual([attempt.status ?? 200, attempt.path]);
      // An answer that there is none repeats the name that was asked for.
      const shown = response.status === 404 ? text.replaceAll(/"detail":"[^"]*"/g, '') : text;
      for (const secret of SECRETS) expect(shown, `${attempt.path}: ${text}`).not.toContain(secret);
      for (const [name, value] of response.headers)
        for (const secret of SECRETS) expect(value, name).not.toContain(secret);
    }
    for (const attempt of ATTEMPTS[operation].own) {
      const text = await (await ask(operation, attempt)).text();
      // It is about nobody's data.
      expect(text).toContain(operation === 'status.get' ? '"position"' : '"acme"');
    }
  });

  test('answers about what may not be seen as about what is not there', async () => {
    const [seen, absent] = [ATTEMPTS[operation].other(OTHER), ATTEMPTS[operation].other(NOBODY)];
    for (const [i, attempt] of seen.entries()) {
      const [a, b] = [await ask(operation, attempt), await ask(operation, absent[i] as Attempt)];
      expect(a.status, attempt.path).toBe(b.status);
      const plain = (text: string): string => text.replaceAll(NOBODY, OTHER);
      expect(await a.text(), attempt.path).toBe(plain(await b.text()));
      expect([...a.headers]).toEqual([...b.headers]);
    }
  });

  test('needs its scope', async () => {
    const { scope } = OPERATIONS[operation];
    for (const attempt of [...ATTEMPTS[operation].own, ...ATTEMPTS[operation].other(OTHER)]) {
      const response = await ask(operation, attempt, `without-${scope}`);
      expect(response.status, attempt.path).toBe(403);
      expect(await response.text()).toContain(`needs the scope ${scope}`);
    }
  });
});

test('whoever sees all organizations sees the chains that belong to none', async () => {
  for (const path of ['', '/entries', '/entries/1']) {
    const response = await made.get(`/v1/organizations/_system${path}`);
    expect([response.status, await response.text()]).toEqual([200, expect.stringContaining('_system')]);
  }
  expect((await made.get('/v1/organizations/_unattributed')).status).toBe(404);
});

test('nothing is read for what may not be seen', async () => {
  const nc = await server.connect();
  const lost = testReader(
    nc,
    { auditStream: 'no', ledgerStream: 'no', auditPrefix: 'no', ledgerPrefix: 'no' },
    {
      principals: [principal('acme-token', ['acme'])],
    },
  );
  for (const operation of Object.keys(OPERATIONS) as OperationName[]) {
    for (const attempt of ATTEMPTS[operation].other(OTHER)) {
      if (attempt.status !== 404) continue;
      const { method } = ROUTES[operation];
      const headers = { authorization: 'Bearer acme-token', ...attempt.headers };
      const response = await lost.app.request(attempt.path.replace('{other}', 'x'), { method, headers });
      expect(response.status, attempt.path).toBe(404);
    }
  }
});
