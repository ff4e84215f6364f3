/** What an operator sees of a running `waybill serve`: status, metrics, the answers to `nats micro`. */
import { jetstreamManager } from '@nats-io/jetstream';
import { DEFAULT_SETTINGS } from '@waybill/consumer';
import { beforeEach, expect, test } from 'vitest';
import { METRICS } from '../../packages/consumer/src/service/metrics.ts';
import { caughtUp } from '../support/check-ledger.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { artifactEvent, publishAll, uuid } from '../support/traffic.ts';
import { WAIT_MS } from '../support/time.ts';
import { until } from '../support/until.ts';
import { serve, waybill } from '../support/waybill.ts';
import { httpOf, samplesOf, statusOf } from '../support/http.ts';

beforeEach(needsOwnServer);

test('metrics, status and $SRV say the same', async () => {
  await using server = await startNats();
  const env = { WAYBILL_NATS_URL: server.url, WAYBILL_HTTP_PORT: '0' };
  await using serving = serve(env);
  const nc = await server.connect();
  const url = await httpOf(serving);
  const numbered = { producer: 'p', producerseq: '1' };
  const event = artifactEvent(DEFAULT_SETTINGS, { orgid: 'acme', kind: 'upload', bytes: 10, attributes: numbered });
  const end = { ...JSON.parse(event.payload), id: uuid(), type: 'producer.closed', producerseq: '2', data: {} };
  const other = { ...JSON.parse(event.payload), id: uuid(), producer: 'q' };
  await publishAll(nc, [
    event,
    { ...event, id: 'no-event', payload: 'x' },
    { id: end.id, subject: 'audit.producer.closed.acme', payload: JSON.stringify(end) },
    { ...event, id: other.id, payload: JSON.stringify(other) },
  ]);
  await caughtUp(nc, DEFAULT_SETTINGS);

  const samples = await until('the scrape to have them', async () => {
    const now = await samplesOf(url);
    return now.get('waybill_watermark') === 4 ? now : null;
  });
  const names = new Set([...samples.keys()].map((name) => name.replace(/\{.*/, '')));
  for (const [name, { type }] of Object.entries(METRICS)) {
    if (['waybill_stream_drift', 'waybill_refused', 'waybill_stream_max_bytes'].includes(name)) continue;
    expect(names, name).toContain(type === 'histogram' ? `${name}_count` : name);
  }
  expect(Object.fromEntries(samples)).toMatchObject({
    'waybill_role{role="writer"}': 1,
    'waybill_role{role="standby"}': 0,
    waybill_connected: 1,
    waybill_lag_events: 0,
    waybill_lag_seconds: 0,
    // Four messages, and the record of how the streams are.
    waybill_entries_total: 5,
    waybill_rejected_total: 1,
    waybill_producers_opened_total: 2,
    waybill_producers_closed_total: 1,
    waybill_conflicts_total: 0,
    waybill_failures_total: 0,
  });
  expect(samples.get('waybill_commit_duration_seconds_count')).toBe(samples.get('waybill_commits_total'));

  const status = await statusOf(url);
  expect(status).toMatchObject({ role: 'writer', watermark: 4, rejected: 1, drift: [], refused: [] });
  const [stats] = await Promise.all(
    ['$SRV.STATS', '$SRV.STATS.waybill', `$SRV.STATS.waybill.${String(status['id'])}`].map(async (subject) =>
      (await nc.request(subject, '', { timeout: WAIT_MS })).json<Record<string, unknown>>(),
    ),
  );
  expect(stats).toMatchObject({
    type: 'io.nats.micro.v1.stats_response',
    name: 'waybill',
    id: status['id'],
    started: status['started'],
    endpoints: [{ name: 'chain', subject: 'audit.>', num_requests: 5, num_errors: 1, data: { watermark: 4 } }],
  });
  const ping = (await nc.request('$SRV.PING.waybill')).json();
  expect(ping).toEqual({
    type: 'io.nats.micro.v1.ping_response',
    name: 'waybill',
    id: status['id'],
    version: status['version'],
    metadata: { audit: 'AUDIT', ledger: 'LEDGER' },
  });
  expect((await nc.request('$SRV.INFO')).json()).toMatchObject({ endpoints: [{ name: 'chain', subject: 'audit.>' }] });
  await expect(nc.request('$SRV.PING.other', '', { timeout: WAIT_MS })).rejects.toThrow('no responders');
});

test('with the shipped configuration it is found by the administrator', async () => {
  await using server = await startNats({ config: 'shipped' });
  const as = (user: 'admin' | 'service') => ({
    WAYBILL_NATS_URL: server.url,
    WAYBILL_NATS_USER: user,
    WAYBILL_NATS_PASSWORD: server.users?.[user].pass ?? '',
  });
  expect((await waybill(['deploy'], as('admin'))).stderr).toBe('');
  await using serving = serve({ ...as('service'), WAYBILL_HTTP_PORT: '0', WAYBILL_STREAM_MODE: 'check' });
  const url = await httpOf(serving);
  const admin = await server.connect({ as: 'admin' });
  const { id } = (await admin.request('$SRV.PING', '', { timeout: WAIT_MS })).json<{ id: string }>();
  expect((await admin.request(`$SRV.STATS.waybill.${id}`, '', { timeout: WAIT_MS })).json()).toMatchObject({ id });
  expect((await admin.request('$SRV.INFO.waybill', '', { timeout: WAIT_MS })).json()).toMatchObject({ id });
  expect(await statusOf(url)).toMatchObject({ refused: [], drift: [] });
});

test('a question whose answer would go to a stream or to the JetStream API is not answered', async () => {
  await using server = await startNats();
  await using serving = serve({ WAYBILL_NATS_URL: server.url, WAYBILL_HTTP_PORT: '0' });
  await httpOf(serving);
  const nc = await server.connect();
  const heard: string[] = [];
  nc.subscribe('$JS.API.STREAM.PURGE.>', { callback: (_, { subject }) => void heard.push(subject) });
  for (const reply of ['ledger.acme', 'ledger._system', 'audit.run.started.acme', '$JS.API.STREAM.PURGE.LEDGER']) {
    for (const verb of ['PING', 'INFO', 'STATS']) nc.publish(`$SRV.${verb}.waybill`, '', { reply });
  }
  // Answered after them: the same connections, the same order.
  await nc.request('$SRV.PING.waybill', '', { timeout: WAIT_MS });
  const { streams } = await jetstreamManager(nc);
  for (const stream of ['AUDIT', 'LEDGER']) expect((await streams.info(stream)).state.last_seq).toBe(0);
  expect(heard).toEqual([]);
});

test('it is told how long nothing has been chained although events wait', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const env = { WAYBILL_NATS_URL: server.url, WAYBILL_HTTP_PORT: '0' };
  await using serving = serve(env);
  const url = await httpOf(serving);
  expect(await statusOf(url)).toMatchObject({ stalledSeconds: 0, clockAheadSeconds: 0, latestReceived: null });
  // A ledger that takes no block: not enough to end the service.
  const { streams } = await jetstreamManager(nc);
  await streams.update('LEDGER', { max_bytes: 1 });
  await publishAll(nc, [artifactEvent(DEFAULT_SETTINGS, { orgid: 'acme', kind: 'upload', bytes: 10 })]);
  await until('the stall to be seen', async () => Number((await statusOf(url))['stalledSeconds']) > 0);
  expect((await samplesOf(url)).get('waybill_stalled_seconds')).toBeGreaterThan(0);
  await streams.update('LEDGER', { max_bytes: -1 });
  await caughtUp(nc, DEFAULT_SETTINGS);
  await until('progress', async () => (await statusOf(url))['stalledSeconds'] === 0);
  expect(await statusOf(url)).toMatchObject({ latestReceived: expect.stringMatching(/^\d{4}-/) });
});
