/** Changes of the streams in `_system`: each once, whatever is restarted. */
import { jetstreamManager } from '@nats-io/jetstream';
import { DEFAULT_SETTINGS } from '@waybill/consumer';
import { beforeEach, expect, test } from 'vitest';
import { caughtUp, checkLedger } from '../support/check-ledger.ts';
import { httpOf, statusOf } from '../support/http.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { artifactEvent, publishAll } from '../support/traffic.ts';
import { until } from '../support/until.ts';
import { serve, waybill } from '../support/waybill-process.ts';

beforeEach(needsOwnServer);

test('the first commit records how the streams are, and each change is recorded once, also over restarts', async () => {
  await using server = await startNats();
  const env = { WAYBILL_NATS_URL: server.url, WAYBILL_HTTP_PORT: '0', WAYBILL_CHECK_SECONDS: '0' };
  const nc = await server.connect();
  const { streams } = await jetstreamManager(nc);
  const commit = async (payload?: string) => {
    const event = artifactEvent(DEFAULT_SETTINGS, { orgid: 'acme', kind: 'upload', bytes: 1 });
    await publishAll(nc, [payload === undefined ? event : { ...event, payload }]);
    await caughtUp(nc, DEFAULT_SETTINGS);
  };
  const recorded = async () =>
    (await checkLedger(nc, DEFAULT_SETTINGS))
      .entries('_system')
      .flatMap(({ event }) => (event?.['kind'] === 'streams' ? [event] : []));

  {
    await using serving = serve(env);
    await httpOf(serving);
    await commit();
    const [first, ...more] = await recorded();
    expect(more).toEqual([]);
    expect(first).toMatchObject({
      changes: [],
      config: { AUDIT: { discard: 'new', max_msgs: -1, deny_purge: true }, LEDGER: { subjects: ['ledger.*'] } },
    });
    // Blocks of `_system` after it, so that the newest one is not the one with the record.
    await commit('no event');
    await commit('no event');
    await serving.kill9();
  }
  {
    await using serving = serve(env);
    const url = await httpOf(serving);
    await commit();
    expect(await recorded()).toHaveLength(1);
    const { config } = await streams.info('AUDIT');
    await streams.update('AUDIT', { ...config, max_msgs: 1_000_000 });
    await until('the change to be seen', async () => ((await statusOf(url))['drift'] as object[]).length === 1);
    await until('the change to be recorded', async () => {
      await commit();
      return (await recorded()).length === 2;
    });
    await serving.kill9();
    // While nobody looks.
    await streams.update('AUDIT', config);
  }
  await using serving = serve(env);
  await httpOf(serving);
  await commit();
  await commit();
  const [, second, third, ...more] = await recorded();
  expect(more).toEqual([]);
  expect(second).toMatchObject({ changes: [{ stream: 'AUDIT', field: 'max_msgs', before: -1, after: 1_000_000 }] });
  expect(third).toMatchObject({ changes: [{ stream: 'AUDIT', field: 'max_msgs', before: 1_000_000, after: -1 }] });
  expect(await serving.terminate()).toBe(0);
  expect(await waybill(['verify', '--all'], { WAYBILL_NATS_URL: server.url })).toMatchObject({ code: 0 });
});
