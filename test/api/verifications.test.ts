/** Verifications as jobs: of a real ledger, in a thread of their own. */
import { readConfig } from '../../packages/consumer/src/config/config.ts';
import type { Job } from '../../packages/consumer/src/api/verification-jobs.ts';
import { verifyInThread } from '../../packages/consumer/src/api/verify-in-thread.ts';
import { verifyLedger } from '@waybill/consumer';
import { expect, test } from 'vitest';
import { createLedgerBuilder } from '../support/ledger-builder.ts';
import { startNats } from '../support/nats.ts';
import { jsonOf, problemOf, testReader } from '../support/reader.ts';
import { makeStreams } from '../support/traffic.ts';
import { until } from '../support/until.ts';
import { environmentOf } from '../support/waybill.ts';

test('a job in a thread has the report of verifyLedger, and its progress', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const builder = createLedgerBuilder(nc, settings);
  for (let i = 0; i < 50; i++) builder.append({ orgid: 'acme', received: '2025-11-01T00:00:00.000Z', bytes: i });
  await builder.commit();
  const { nats } = readConfig(environmentOf(server.url, settings));
  const phases = new Set<string>();
  const signal = new AbortController().signal;
  const onProgress = ({ phase }: Job['progress']): void => void phases.add(phase);
  const report = await verifyInThread({ nats, settings, bind: false }, { orgid: 'acme', onProgress, signal });
  expect(report).toEqual(await verifyLedger(nc, settings, { orgid: 'acme', waitMs: 0 }));
  expect(phases).toContain('ledger');

  const gone = new AbortController();
  const run = verifyInThread({ nats, settings, bind: false }, { orgid: 'acme', onProgress, signal: gone.signal });
  gone.abort();
  await expect(run).rejects.toThrow(/ended without a report/);
  const wrong = verifyInThread(
    { nats, settings: { ...settings, ledgerStream: 'NO' }, bind: false },
    { orgid: 'acme', onProgress, signal },
  );
  await expect(wrong).rejects.toMatchObject({ name: 'ConsumerError', code: 'NO_STREAM' });
});

test('it is started, watched, and its report is read', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const builder = createLedgerBuilder(nc, settings);
  builder.append({ orgid: 'acme', received: '2025-11-01T00:00:00.000Z', bytes: 1 });
  await builder.commit();
  const { app, get } = testReader(nc, settings);
  const path = '/v1/organizations/acme/verifications';
  const response = await app.request(path, { method: 'POST', headers: { authorization: 'Bearer root' } });
  const location = response.headers.get('location') ?? '';
  const job = (await jsonOf('verifications.start', response)) as Job;
  expect([job.state, location]).toEqual(['running', `${path}/${job.id}`]);
  const done = await until('the report', async () => {
    const now = (await jsonOf('verifications.get', await get(location))) as Job;
    return now.state === 'done' ? now : null;
  });
  expect(done.report?.chains.map(({ orgid }) => orgid)).toEqual(['acme']);
  expect(await problemOf(await get(`${path}/other`))).toMatchObject({ status: 404 });
  expect(await problemOf(await get(location.replace('acme', 'other')))).toMatchObject({ status: 404 });
  const nobody = await app.request('/v1/organizations/nobody/verifications', {
    method: 'POST',
    headers: { authorization: 'Bearer root' },
  });
  expect(await problemOf(nobody)).toMatchObject({ status: 404 });
});
