/** Bills over HTTP: the files of `waybill bill`, one or all. */
import type { NatsConnection } from '@nats-io/nats-core';
import { createBillSigner, type Settings } from '@waybill/consumer';
import { verifyBill } from '@waybill/schema';
import { OPERATIONS } from '@waybill/schema/api';
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createLedgerBuilder, type LedgerBuilder } from '../support/ledger-builder.ts';
import { startNats } from '../support/nats.ts';
import { jsonOf, principal, problemOf, testReader } from '../support/reader.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { makeStreams } from '../support/traffic.ts';
import { environmentOf, waybill } from '../support/waybill.ts';

const MONTH = 'period=2025-11&zone=Europe/Berlin';
const secret = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' });
const signer = createBillSigner({ secret });

async function month(nc: NatsConnection): Promise<{ settings: Settings; builder: LedgerBuilder }> {
  const settings = await makeStreams(nc);
  const builder = createLedgerBuilder(nc, settings);
  for (const [orgid, received] of [
    ['acme', '2025-11-10T12:00:00.000Z'],
    ['Acme', '2025-11-11T12:00:00.000Z'],
    ['umbrella', '2025-11-12T12:00:00.000Z'],
    ['late', '2025-12-12T12:00:00.000Z'],
  ] as const)
    builder.append({ orgid, received, bytes: 10 });
  await builder.commit();
  return { settings, builder };
}

test('a bill is the file of waybill bill, signed, and has an ETag', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const { settings } = await month(nc);
  const { get, access } = testReader(nc, settings, { bill: { issuer: 'Example GmbH', signer } });
  using folder = temporaryDirectory();
  const key = join(folder.path, 'key.pem');
  writeFileSync(key, secret);
  const args = ['--period', '2025-11', '--zone', 'Europe/Berlin', '--issuer', 'Example GmbH', '--key-file', key];
  const { stdout } = await waybill(['bill', '--org', 'acme', ...args], environmentOf(server.url, settings));
  const path = `/v1/organizations/acme/bill?${MONTH}`;
  const response = await get(path);
  const etag = response.headers.get('etag') ?? '';
  expect(await response.clone().text()).toBe(stdout);
  await jsonOf('bills.get', response);
  expect((await get(path, { 'if-none-match': etag })).status).toBe(304);
  expect(verifyBill(stdout)).toMatchObject({ verdict: 'ok' });
  expect(access.reads[0]).toMatchObject({ operation: 'bills.get', orgids: ['acme'], items: 1 });

  const zeros = await jsonOf('bills.get', await get(`/v1/organizations/late/bill?${MONTH}`));
  expect(zeros).toMatchObject({ statement: { usage: { events: '0' } } });
  expect(await problemOf(await get(`/v1/organizations/nobody/bill?${MONTH}`))).toMatchObject({ status: 404 });
  const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
  const open = await get(`/v1/organizations/acme/bill?from=2025-11-01&to=${tomorrow}&step=month`);
  expect([open.headers.get('retry-after'), await problemOf(open)]).toMatchObject(['5', { code: 'NOT_FINAL' }]);
});

test('all bills, a line each, and a closing line; those of a token are its own', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const { settings } = await month(nc);
  const { get, app, access, reader } = testReader(nc, settings, {
    principals: [principal('two', ['umbrella', 'acme', 'ghost'])],
  });
  const path = `/v1/bills?${MONTH}`;
  const linesOf = async (response: Response): Promise<Record<string, unknown>[]> => {
    const lines = (await response.text())
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    for (const line of lines) expect(OPERATIONS['bills.all'].output.parse(line)).toEqual(line);
    return lines;
  };
  const namesOf = (lines: Record<string, unknown>[]): unknown[] =>
    lines.map((line) => ('statement' in line ? (line['statement'] as { orgid: string }).orgid : line));
  const all = await get(path);
  expect(all.headers.get('content-type')).toBe('application/x-ndjson; charset=utf-8');
  expect(namesOf(await linesOf(all))).toEqual(['Acme', 'acme', 'umbrella', { end: true, count: '3' }]);
  expect(namesOf(await linesOf(await get(`${path}&after=Acme`)))).toEqual([
    'acme',
    'umbrella',
    { end: true, count: '2' },
  ]);
  access.reads.length = 0;
  const own = await app.request(path, { headers: { authorization: 'Bearer two' } });
  expect(namesOf(await linesOf(own))).toEqual(['acme', 'umbrella', { end: true, count: '2' }]);
  expect(access.reads.map(({ orgids, items }) => [orgids, items])).toEqual([
    [['acme'], 1],
    [['umbrella'], 1],
  ]);
  const named = await app.request(`${path}&organizations=Acme,umbrella`, { headers: { authorization: 'Bearer two' } });
  expect(namesOf(await linesOf(named))).toEqual(['umbrella', { end: true, count: '1' }]);
  expect(await problemOf(await get('/v1/bills?period=2025'.replace('2025', '2999')))).toMatchObject({
    code: 'NOT_FINAL',
  });
  expect(reader.slots.taken('bill')).toBe(0);
});

test('a sequence that fails in the middle says so in its last line', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const { settings, builder } = await month(nc);
  for (let i = 0; i < 70; i++) builder.append({ orgid: `o${i}`, received: '2025-11-12T12:00:00.000Z', bytes: 1 });
  await builder.commit();
  let count = 0;
  const sign = (text: string): string => {
    if (++count > 64) throw new Error('the key is gone');
    return signer.sign(text);
  };
  const { get } = testReader(nc, settings, { bill: { issuer: 'x', signer: { keyid: 'k', sign } } });
  const response = await get(`/v1/bills?${MONTH}`);
  expect(response.status).toBe(200);
  const lines = (await response.text()).trimEnd().split('\n');
  expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ end: false, count: '63', problem: { code: 'INTERNAL' } });
  expect(lines).toHaveLength(64);
});
