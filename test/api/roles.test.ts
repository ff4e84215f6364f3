/** `waybill serve` as a reader, and as a writer with a reader beside it: real processes, and the shipped rights. */
import type { Usage } from '@waybill/consumer';
import { DEFAULT_SETTINGS } from '@waybill/consumer';
import { beforeEach, expect, test } from 'vitest';
import { caughtUp } from '../support/check-ledger.ts';
import { httpOf, samplesOf, statusOf } from '../support/http.ts';
import { needsOwnServer, startNats, type TestNats } from '../support/nats.ts';
import { artifactEvent, publishAll } from '../support/traffic.ts';
import { until } from '../support/until.ts';
import { serve, type Serving, waybill, type WaybillEnvironment, waybillProcess } from '../support/waybill.ts';

beforeEach(needsOwnServer);

function as(server: TestNats, name: 'admin' | 'service' | 'auditor' | 'reader'): WaybillEnvironment {
  const user = server.users?.[name];
  return { WAYBILL_NATS_URL: server.url, WAYBILL_NATS_USER: name, WAYBILL_NATS_PASSWORD: user?.pass ?? '' };
}

async function apiOf(serving: Serving): Promise<string> {
  return until('the API', () => /"url":"([^"]+)","msg":"API"/.exec(serving.log)?.[1]);
}

const API = { WAYBILL_API_PORT: '0', WAYBILL_HTTP_OPEN: '1', WAYBILL_HTTP_PORT: '0' };

test('readers answer with rights that can neither write nor have a consumer; a writer answers nothing', async () => {
  await using server = await startNats({ config: 'shipped' });
  await waybill(['deploy'], as(server, 'admin'));
  await using writer = serve({ ...as(server, 'service'), WAYBILL_ROLE: 'writer', WAYBILL_HTTP_PORT: '0' });
  const admin = await server.connect({ as: 'admin' });
  await httpOf(writer);
  await publishAll(admin, [artifactEvent(DEFAULT_SETTINGS, { orgid: 'acme', kind: 'upload', bytes: 10 })]);
  await caughtUp(admin, DEFAULT_SETTINGS);

  await using first = serve({ ...as(server, 'reader'), ...API, WAYBILL_ROLE: 'reader' });
  await using second = serve({ ...as(server, 'reader'), ...API, WAYBILL_ROLE: 'reader' });
  const cli = await waybill(['usage', '--org', 'acme', '--json'], as(server, 'auditor'));
  for (const reader of [first, second]) {
    const api = await apiOf(reader);
    const answer = await fetch(`${api}/v1/organizations/acme/usage`);
    expect(await answer.clone().text()).toBe(cli.stdout);
    expect(((await answer.json()) as Usage).uploads.bytes).toBe('10');
    for (const path of [
      '/v1/organizations',
      '/v1/organizations/acme/entries',
      '/v1/status',
      '/v1/usage',
      '/openapi.json',
    ])
      expect((await fetch(api + path)).status, path).toBe(200);
    const started = await fetch(`${api}/v1/organizations/acme/verifications`, { method: 'POST' });
    const location = started.headers.get('location') ?? '';
    const job = await until('the verification', async () => {
      const now = (await (await fetch(api + location)).json()) as { state: string; report?: { verdict: string } };
      return now.state === 'running' ? null : now;
    });
    expect(job).toMatchObject({ state: 'done', report: { verdict: 'ok' } });
  }
  const health = await httpOf(first);
  expect(await statusOf(health)).toMatchObject({ role: 'reader', connected: true, trouble: null });
  const samples = await samplesOf(health);
  expect(samples.get('waybill_answers_total{operation="usage.get",code="OK"}')).toBe(1);
  expect(samples.get('waybill_answer_duration_seconds_count{operation="status.get"}')).toBe(1);
  expect(samples.get('waybill_verifications_running')).toBe(0);
  expect(samples.get('waybill_connected')).toBe(1);

  // A stream that is open does not keep it.
  const stream = await fetch(`${await apiOf(first)}/v1/organizations/acme/entries`, {
    headers: { accept: 'text/event-stream' },
  });
  const reading = stream.text().catch(() => 'broken off');
  expect(await first.terminate()).toBe(0);
  await reading;
  expect(writer.log).not.toContain('"msg":"API"');
});

test('a reader waits for a server and for streams, and is not ready before', async () => {
  await using server = await startNats();
  await using reader = serve({ WAYBILL_NATS_URL: server.url, ...API, WAYBILL_ROLE: 'reader' });
  const url = await until(
    'the health endpoints',
    () => /"url":"([^"]+)","msg":"health endpoints"/.exec(reader.log)?.[1],
  );
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  const ready = await fetch(`${url}/readyz`);
  expect(ready.status).toBe(503);
  await waybill(['deploy'], { WAYBILL_NATS_URL: server.url });
  await httpOf(reader);
});

test('beside a writer it is a thread: both are on one page of metrics, and end together', async () => {
  await using server = await startNats();
  await using both = serve({ WAYBILL_NATS_URL: server.url, ...API });
  const [health, api] = [await httpOf(both), await apiOf(both)];
  const nc = await server.connect();
  await publishAll(nc, [artifactEvent(DEFAULT_SETTINGS, { orgid: 'acme', kind: 'upload', bytes: 10 })]);
  await caughtUp(nc, DEFAULT_SETTINGS);
  expect(((await (await fetch(`${api}/v1/organizations/acme/usage`)).json()) as Usage).uploads.bytes).toBe('10');
  expect(await (await fetch(`${api}/v1/status`)).json()).toMatchObject({ role: 'all', behind: '0' });
  const samples = await samplesOf(health);
  expect(samples.get('waybill_role{role="writer"}')).toBe(1);
  expect(samples.get('waybill_answers_total{operation="usage.get",code="OK"}')).toBe(1);
  expect(await both.terminate()).toBe(0);
});

test('without tokens and without being open, it does not answer: it ends', async () => {
  await using server = await startNats();
  for (const role of ['all', 'reader']) {
    const env = { WAYBILL_NATS_URL: server.url, WAYBILL_API_PORT: '0', WAYBILL_ROLE: role };
    const { code, stderr } = await waybillProcess(['serve'], env);
    expect([code, stderr]).toEqual([78, expect.stringMatching(/WAYBILL_HTTP_OPEN is not "1"/)]);
  }
});

test.for([
  [{ WAYBILL_ROLE: 'reader' }, /WAYBILL_API_PORT is not set/],
  [{ WAYBILL_ROLE: 'writer', WAYBILL_API_PORT: '0' }, /a writer answers nothing/],
  [{ WAYBILL_API_PORT: '0', WAYBILL_HTTP_OPEN: '1', WAYBILL_API_HOST: '0.0.0.0' }, /expected a loopback address/],
  [{ WAYBILL_HTTP_HOSTS: 'https://x' }, /expected host names without ports/],
] as const)('%j cannot be served', async ([env, message]) => {
  const { code, stderr } = await waybill(['serve'], { WAYBILL_NATS_URL: 'nats://127.0.0.1:1', ...env });
  expect([code, stderr]).toEqual([78, expect.stringMatching(message)]);
});
