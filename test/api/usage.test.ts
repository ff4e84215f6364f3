/** Usage over HTTP: the bytes of the CLI, cached exactly when they are final. */
import type { NatsConnection } from '@nats-io/nats-core';
import type { Settings, Usage, UsageReport } from '@waybill/consumer';
import { sumTotals } from '@waybill/schema/internal';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createLedgerBuilder, type LedgerBuilder } from '../support/ledger-builder.ts';
import { startNats } from '../support/nats.ts';
import { jsonOf, problemOf, testReader } from '../support/reader.ts';
import { makeStreams } from '../support/traffic.ts';
import { environmentOf, waybill } from '../support/waybill.ts';

interface Months {
  readonly settings: Settings;
  readonly builder: LedgerBuilder;
}

async function months(nc: NatsConnection): Promise<Months> {
  const settings = await makeStreams(nc);
  const builder = createLedgerBuilder(nc, settings);
  for (const [orgid, received, bytes] of [
    ['acme', '2025-10-31T22:59:59.999Z', 1],
    ['acme', '2025-10-31T23:00:00.000Z', 10],
    ['acme', '2025-11-10T12:00:00.000Z', 100],
    ['umbrella', '2025-11-10T12:00:00.000Z', 7],
    ['acme', '2025-11-30T22:59:59.999Z', 1000],
    ['late', '2025-12-01T00:00:00.000Z', 5],
  ] as const)
    builder.append({ orgid, received, bytes });
  await builder.commit();
  return { settings, builder };
}

const NOVEMBER = 'period=2025-11&zone=Europe/Berlin';

test('an answer has the bytes of waybill usage --json, and of --format csv', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const { settings } = await months(nc);
  const { get } = testReader(nc, settings);
  const env = environmentOf(server.url, settings);
  const month = ['--period', '2025-11', '--zone', 'Europe/Berlin'];
  for (const [path, args] of [
    [`/v1/organizations/acme/usage?${NOVEMBER}&step=week`, ['--org', 'acme', ...month, '--step', 'week']],
    ['/v1/organizations/acme/usage', ['--org', 'acme']],
    ['/v1/organizations/late/usage?to=2025-12-01', ['--org', 'late', '--to', '2025-12-01']],
    [`/v1/usage?${NOVEMBER}&step=day`, ['--all', ...month, '--step', 'day']],
    [`/v1/usage?${NOVEMBER}&organizations=umbrella,acme`, ['--org', 'umbrella,acme', ...month]],
  ] as const) {
    const { stdout } = await waybill(['usage', ...args, '--json'], env);
    const response = await get(path);
    expect(await response.clone().text(), path).toBe(stdout);
    expect(response.headers.get('content-type')).toBe('application/json');
    await jsonOf(path.startsWith('/v1/usage') ? 'usage.all' : 'usage.get', response);
  }
  const csv = await get(`/v1/usage?${NOVEMBER}&step=week`, { accept: 'text/csv' });
  const args = ['--all', ...month, '--step', 'week', '--format', 'csv'];
  expect(await csv.text()).toBe((await waybill(['usage', ...args], env)).stdout);
  expect(csv.headers.get('content-type')).toBe('text/csv; charset=utf-8');
});

test('pages name the next one, and are the whole', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const { settings } = await months(nc);
  const { get } = testReader(nc, settings);
  const first = await get('/v1/usage?limit=2');
  const page = (await jsonOf('usage.all', first)) as UsageReport;
  expect([page.organizations.map(({ orgid }) => orgid), page.next]).toEqual([['acme', 'late'], 'late']);
  expect(first.headers.get('waybill-next')).toBe('late');
  const rest = (await jsonOf('usage.all', await get('/v1/usage?limit=2&after=late'))) as UsageReport;
  expect([rest.organizations.map(({ orgid }) => orgid), rest.next]).toEqual([['umbrella'], undefined]);
});

describe('a final answer', () => {
  test('has an ETag that changes exactly when its bytes do, and is not sent again', async () => {
    await using server = await startNats();
    const nc = await server.connect();
    const { settings, builder } = await months(nc);
    const { get } = testReader(nc, settings);
    const path = `/v1/organizations/acme/usage?${NOVEMBER}`;
    const etags = new Map<string, string>();
    for (const query of ['', '&step=day', '&step=week', '&zone=UTC'.replace('&zone', '&step=month&as')]) {
      const response = await get(query.includes('as=') ? '/v1/organizations/acme/usage?period=2025-11' : path + query);
      const etag = response.headers.get('etag') ?? '';
      expect(etag).toMatch(/^"[\w-]{43}"$/);
      expect(response.headers.get('cache-control')).toBe('private, no-cache');
      expect(response.headers.get('vary')).toMatch(/\bAuthorization\b/);
      etags.set(etag, await response.text());
    }
    expect(new Set(etags.values()).size).toBe(etags.size);
    expect(etags.size).toBe(4);

    builder.append({ orgid: 'acme', received: '2025-12-02T00:00:00.000Z', bytes: 5 });
    await builder.commit();
    const [[etag, text] = ['', '']] = etags;
    const again = await get(path);
    expect([again.headers.get('etag'), await again.text()]).toEqual([etag, text]);
    for (const header of [etag, `"x", W/${etag}`, '*']) {
      const same = await get(path, { 'if-none-match': header });
      expect([same.status, await same.text(), same.headers.get('etag')]).toEqual([304, '', etag]);
      expect(same.headers.get('cache-control')).toBe('private, no-cache');
    }
    expect((await get(path, { 'if-none-match': '"other"' })).status).toBe(200);
    // CSV of the same question is another representation.
    expect((await get(path, { accept: 'text/csv', 'if-none-match': etag })).status).toBe(200);
  });

  test('is not confirmed to somebody who may not ask', async () => {
    await using server = await startNats();
    const nc = await server.connect();
    const { settings } = await months(nc);
    const { app } = testReader(nc, settings);
    const path = `/v1/organizations/acme/usage?${NOVEMBER}`;
    const response = await app.request(path, { headers: { 'if-none-match': '*' } });
    expect((await problemOf(response)).code).toBe('UNAUTHENTICATED');
    expect([response.status, response.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
  });
});

test('an answer that may change is not kept by anybody, or refused', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const { settings } = await months(nc);
  const { get } = testReader(nc, settings);
  const open = await get('/v1/organizations/acme/usage');
  expect([open.headers.get('etag'), open.headers.get('cache-control')]).toEqual([null, 'no-store']);
  const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
  const refused = await get(`/v1/organizations/acme/usage?to=${tomorrow}&require_final=true&wait=0`);
  expect(refused.headers.get('retry-after')).toBe('5');
  expect(await problemOf(refused)).toMatchObject({ code: 'NOT_FINAL', status: 409, retry_after: 5 });
  const { as_of } = (await jsonOf('usage.get', open)) as Usage;
  expect(((await jsonOf('usage.get', await get(`/v1/organizations/acme/usage?as_of=${as_of}`))) as Usage).as_of).toBe(
    as_of,
  );
  expect((await problemOf(await get('/v1/organizations/acme/usage?as_of=99999'))).detail).toMatch(/^as_of is 99999: /);
});

test('whatever the zone and the step, the windows add up to the whole', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const { settings } = await months(nc);
  const { get } = testReader(nc, settings);
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('UTC', 'Europe/Berlin', 'Asia/Kolkata', 'Pacific/Apia', 'America/Sao_Paulo'),
      fc.constantFrom('hour', 'day', 'week', 'month'),
      fc.integer({ min: 0, max: 1400 }),
      fc.integer({ min: 0, max: 900 }),
      async (zone, step, offset, hours) => {
        const from = Date.parse('2025-10-20T00:30:00.000Z') + offset * 3_600_000;
        const to = new Date(from + hours * 3_600_000).toISOString();
        const query = new URLSearchParams({ zone, step, from: new Date(from).toISOString(), to });
        const found = (await jsonOf(
          'usage.get',
          await get(`/v1/organizations/acme/usage?${query.toString()}`),
        )) as Usage;
        const { events, uploads, downloads, deduplicated } = found;
        expect(sumTotals(found.windows ?? [])).toEqual({ events, uploads, downloads, deduplicated });
      },
    ),
    { numRuns: 40 },
  );
});
