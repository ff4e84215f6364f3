/** `waybill serve` with the role `reader` and the shipped configuration: asked over HTTP, and over NATS by the asker. */
import { createClient } from '@waybill/client';
import { DEFAULT_SETTINGS, deployStreams } from '@waybill/consumer';
import { beforeEach, expect, test } from 'vitest';
import { createLedgerBuilder } from '../support/ledger-builder.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { until } from '../support/until.ts';
import { serve } from '../support/waybill.ts';

beforeEach(needsOwnServer);

test('a reader process answers over both, and ends when it is asked to', async () => {
  await using server = await startNats({ config: 'shipped' });
  const admin = await server.connect({ as: 'admin' });
  await deployStreams(admin, DEFAULT_SETTINGS);
  const builder = createLedgerBuilder(admin, DEFAULT_SETTINGS);
  builder.append({ orgid: 'acme', received: '2025-11-03T12:00:00.000Z', bytes: 1000 });
  await builder.commit();
  await using reader = serve({
    WAYBILL_ROLE: 'reader',
    WAYBILL_API_PORT: '0',
    WAYBILL_API_NATS: '1',
    WAYBILL_HTTP_OPEN: '1',
    WAYBILL_NATS_URL: server.url,
    WAYBILL_NATS_USER: 'reader',
    WAYBILL_NATS_PASSWORD: server.users?.reader.pass ?? '',
  });
  const url = await until('the API', () => /"url":"(http:[^"]+)"[^\n]*"API"/.exec(reader.log)?.[1]);
  await until('answers over NATS', () => reader.log.includes('answering over NATS'));
  const http = createClient({ url });
  const nats = createClient({ nats: await server.connect({ as: 'asker' }) });
  const question = { orgid: 'acme', period: '2025-11', step: 'day' } as const;
  const answer = await http.usage.get(question);
  expect(answer.uploads.bytes).toBe('1000');
  expect(await nats.usage.get(question)).toEqual(answer);
  const { report } = await nats.verifications.run({ orgid: 'acme' }, { pollMs: 50 });
  expect(report.chains.map(({ orgid, entries }) => [orgid, entries])).toEqual([['acme', 1]]);
  expect(await reader.terminate()).toBe(0);
  expect(reader.log).not.toMatch(/"level":(40|50|60)/);
});
