/** What `/readyz` says while nothing can be chained. */
import { jetstreamManager } from '@nats-io/jetstream';
import { DEFAULT_SETTINGS } from '@waybill/consumer';
import { beforeEach, expect, test } from 'vitest';
import { caughtUp } from '../support/check-ledger.ts';
import { httpOf } from '../support/http.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { artifactEvent, publishAll } from '../support/traffic.ts';
import { until } from '../support/until.ts';
import { serve } from '../support/waybill.ts';

beforeEach(needsOwnServer);

test('with a full ledger serve is never ready, also not between two attempts', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  await using serving = serve({ WAYBILL_NATS_URL: server.url, WAYBILL_HTTP_PORT: '0' });
  const url = await httpOf(serving);
  const event = () => artifactEvent(DEFAULT_SETTINGS, { orgid: 'acme', kind: 'upload', bytes: 1 });
  await publishAll(nc, [event()]);
  await caughtUp(nc, DEFAULT_SETTINGS);
  const jsm = await jetstreamManager(nc);
  const { config, state } = await jsm.streams.info(DEFAULT_SETTINGS.ledgerStream);
  await jsm.streams.update(config.name, { ...config, max_bytes: state.bytes + 1 });
  await publishAll(nc, [event()]);

  const failures = async (): Promise<number> =>
    ((await (await fetch(`${url}/status`)).json()) as { failures: number }).failures;
  const first = await until('a failure', async () => (await failures()) || null);
  const answers = new Set<number>();
  await until('some more', async () => {
    answers.add((await fetch(`${url}/readyz`)).status);
    return (await failures()) >= first + 4;
  });
  expect([...answers]).toEqual([503]);

  await jsm.streams.update(config.name, { ...config, max_bytes: -1 });
  await caughtUp(nc, DEFAULT_SETTINGS);
  await until('it to be ready', async () => (await fetch(`${url}/readyz`)).ok);
});
