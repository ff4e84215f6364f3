/** Somebody changes a stream, or takes a right away, while `waybill serve` runs. */
import { DiscardPolicy, jetstreamManager } from '@nats-io/jetstream';
import { DEFAULT_SETTINGS } from '@waybill/consumer';
import { beforeEach, expect, test } from 'vitest';
import { caughtUp, checkLedger } from '../support/check-ledger.ts';
import { httpOf, samplesOf, statusOf } from '../support/http.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { artifactEvent, publishAll } from '../support/traffic.ts';
import { until } from '../support/until.ts';
import { serve } from '../support/waybill.ts';

beforeEach(needsOwnServer);

const someEvents = (count: number) =>
  Array.from({ length: count }, (_, i) =>
    artifactEvent(DEFAULT_SETTINGS, { orgid: `org-${i % 3}`, kind: 'upload', bytes: i }),
  );

test('a limit on AUDIT is reported at once, and does not stop the writer', async () => {
  await using server = await startNats();
  // Only JetStream's announcement can be what tells it.
  await using serving = serve({ WAYBILL_NATS_URL: server.url, WAYBILL_HTTP_PORT: '0', WAYBILL_CHECK_SECONDS: '0' });
  const url = await httpOf(serving);
  const nc = await server.connect();
  const { streams } = await jetstreamManager(nc);
  const { config } = await streams.info('AUDIT');
  await streams.update('AUDIT', { ...config, max_msgs: 1_000_000 });
  const { drift } = await until('the drift to be seen', async () => {
    const status = (await statusOf(url)) as { drift: object[] };
    return status.drift.length > 0 && status;
  });
  expect(drift).toEqual([{ stream: 'AUDIT', field: 'max_msgs', wanted: -1, found: 1_000_000 }]);
  expect((await samplesOf(url)).get('waybill_stream_drift{stream="AUDIT",field="max_msgs"}')).toBe(1);
  expect(serving.log).toContain('a stream was changed: AUDIT max_msgs is 1000000, wanted -1');
  await publishAll(nc, someEvents(10));
  await caughtUp(nc, DEFAULT_SETTINGS);
  expect((await fetch(`${url}/readyz`)).status).toBe(200);

  await streams.update('AUDIT', config);
  await until('the drift to be gone', async () => ((await statusOf(url))['drift'] as object[]).length === 0);
  expect(await serving.terminate()).toBe(0);
});

test('a LEDGER that would erase blocks is not written to any more', async () => {
  await using server = await startNats();
  await using serving = serve({ WAYBILL_NATS_URL: server.url, WAYBILL_HTTP_PORT: '0', WAYBILL_CHECK_SECONDS: '0' });
  await httpOf(serving);
  const { streams } = await jetstreamManager(await server.connect());
  const { config } = await streams.info('LEDGER');
  await streams.update('LEDGER', { ...config, discard: DiscardPolicy.Old, max_msgs: 1 });
  expect(await serving.ended).toBe(78);
  expect(serving.log).toContain(
    'stream LEDGER was changed while running (LEDGER discard is "old", wanted "new"; LEDGER max_msgs is 1, wanted -1)',
  );
});

test('a LEDGER that is deleted is reported, and neither made anew nor a reason to end', async () => {
  await using server = await startNats();
  await using serving = serve({ WAYBILL_NATS_URL: server.url, WAYBILL_HTTP_PORT: '0', WAYBILL_CHECK_SECONDS: '0' });
  const url = await httpOf(serving);
  const { streams } = await jetstreamManager(await server.connect());
  await streams.delete('LEDGER');
  await until('it to be not ready', async () => (await fetch(`${url}/readyz`)).status === 503);
  expect((await (await fetch(`${url}/readyz`)).json()) as object).toMatchObject({
    why: expect.arrayContaining(['LEDGER is missing']),
  });
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  expect(await serving.terminate()).toBe(0);
  await expect(streams.info('LEDGER')).rejects.toThrow('stream not found');
});

const users = (service: string) => `authorization { users: [
  { user: admin, password: a }
  { user: service, password: s, permissions { ${service} } }
] }`;
const ENVIRONMENT = { WAYBILL_NATS_USER: 'service', WAYBILL_NATS_PASSWORD: 's', WAYBILL_HTTP_PORT: '0' } as const;

test('without the right to be found and to hear of changes it says so, goes on, and sees a change a little later', async () => {
  await using server = await startNats({ extraConfig: users('subscribe: ["_INBOX.>"]') });
  await using serving = serve({ ...ENVIRONMENT, WAYBILL_NATS_URL: server.url, WAYBILL_CHECK_SECONDS: '1' });
  const url = await httpOf(serving);
  const { refused } = (await until('the refusals', async () => {
    const status = await statusOf(url);
    return (status['refused'] as object[]).length === 11 && status;
  })) as { refused: { subject: string; optional: boolean }[] };
  expect(refused.every(({ optional }) => optional)).toBe(true);
  expect(refused.map(({ subject }) => subject)).toContain('$JS.EVENT.ADVISORY.STREAM.*.AUDIT');
  expect(serving.log).toContain('the NATS identity may not subscribe to $SRV.PING: going on without it');

  const { streams } = await jetstreamManager(await server.connect({ user: 'admin', pass: 'a' }));
  const { config } = await streams.info('AUDIT');
  await streams.update('AUDIT', { ...config, max_msgs: 1_000_000 });
  await until('the drift to be seen', async () => ((await statusOf(url))['drift'] as object[]).length === 1);
});

test('a right that is taken away is named until it is given back, and nothing is lost meanwhile', async () => {
  const all = 'publish: ">"';
  await using server = await startNats({ extraConfig: users(all) });
  await using serving = serve({ ...ENVIRONMENT, WAYBILL_NATS_URL: server.url });
  const url = await httpOf(serving);
  const nc = await server.connect({ user: 'admin', pass: 'a' });
  await publishAll(nc, someEvents(10));
  await caughtUp(nc, DEFAULT_SETTINGS);

  await server.configure(users('publish: { deny: ["ledger.>"] }'));
  await server.reload();
  const status = await until('the refusal', async () => {
    // Each event is an attempt: until the server has taken the new configuration, they succeed.
    await publishAll(nc, someEvents(1));
    const now = await statusOf(url);
    return (now['refused'] as object[]).length > 0 && String(now['lastError']).includes('ledger') && now;
  });
  expect(status).toMatchObject({
    refused: [{ operation: 'publish', subject: 'ledger.*', optional: false }],
    lastError: expect.stringMatching(
      /^could not append to stream LEDGER: the NATS identity may not publish ledger\.(org-\d|_system)$/,
    ),
  });
  expect((await fetch(`${url}/readyz`)).status).toBe(503);
  expect((await (await fetch(`${url}/readyz`)).json()) as object).toMatchObject({
    why: expect.arrayContaining(['the NATS identity may not publish ledger.*']),
  });
  expect((await samplesOf(url)).get('waybill_refused{operation="publish",subject="ledger.*"}')).toBe(1);
  expect(serving.log).toContain('"the NATS identity may not publish ledger.*"');

  // The writer itself cannot tell how far it is behind: it is looked at from outside.
  await until('the lag', async () => ((await samplesOf(url)).get('waybill_lag_seconds') ?? 0) > 0);
  expect((await samplesOf(url)).get('waybill_lag_events')).toBeGreaterThan(0);

  await server.configure(users(all));
  await server.reload();
  await caughtUp(nc, DEFAULT_SETTINGS);
  expect(await serving.terminate()).toBe(0);
  await checkLedger(nc, DEFAULT_SETTINGS);
});
