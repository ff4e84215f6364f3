/**
 * Changes of the streams in `_system`: each once, with its time, whatever is restarted, and whether or not events come.
 */
import { jetstreamManager } from '@nats-io/jetstream';
import { createStreamHistory, DEFAULT_SETTINGS, startConsumer, type StreamDescription } from '@waybill/consumer';
import { EPOCH_STRIDE, type StreamChange } from '@waybill/schema/internal';
import { beforeEach, expect, test } from 'vitest';
import { caughtUp, checkLedger } from '../support/check-ledger.ts';
import { httpOf, statusOf } from '../support/http.ts';
import { logger } from '../support/logger.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { artifactEvent, makeStreams, publishAll } from '../support/traffic.ts';
import { until } from '../support/until.ts';
import { serve, waybill } from '../support/waybill.ts';

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

test('in an idle ledger each change is recorded too, with its own time, also when it is undone', async () => {
  await using server = await startNats();
  const env = { WAYBILL_NATS_URL: server.url, WAYBILL_HTTP_PORT: '0', WAYBILL_CHECK_SECONDS: '0' };
  const nc = await server.connect();
  const { streams } = await jetstreamManager(nc);
  const recorded = async () =>
    (await checkLedger(nc, DEFAULT_SETTINGS))
      .entries('_system')
      .flatMap(({ core, event }) => (event?.['kind'] === 'streams' ? [{ core, event }] : []));
  const untilRecorded = async (records: number) =>
    until(`${records} records`, async () => (await recorded()).length === records);
  const published = async () => {
    await publishAll(nc, [artifactEvent(DEFAULT_SETTINGS, { orgid: 'acme', kind: 'upload', bytes: 1 })]);
    await caughtUp(nc, DEFAULT_SETTINGS);
  };
  const changes: { max_msgs: number; from: string; to: string }[] = [];
  const change = async (max_msgs: number) => {
    const { config } = await streams.info('AUDIT');
    const from = new Date().toISOString();
    await streams.update('AUDIT', { ...config, max_msgs });
    changes.push({ max_msgs, from, to: '' });
  };
  const seen = async (records: number) => {
    await untilRecorded(records);
    Object.assign(changes.at(-1) as object, { to: new Date().toISOString() });
  };
  {
    await using serving = serve(env);
    await httpOf(serving);
    await published();
    for (const [i, limit] of [1_000_000, -1, 2_000_000].entries()) {
      await change(limit);
      await seen(2 + i);
    }
    // Nothing of it waits for an event.
    expect((await streams.info('AUDIT')).state.last_seq).toBe(1);
    await serving.kill9();
  }
  // While nobody looks. Who comes then has chained nothing yet, and its record goes where the newest entry is.
  await change(-1);
  await using serving = serve(env);
  await seen(5);
  expect(await recorded()).toMatchObject([
    { event: { changes: [] } },
    ...changes.map(({ max_msgs }) => ({
      core: { source: { seq: 1, subject: '' } },
      event: { changes: [{ stream: 'AUDIT', field: 'max_msgs', after: max_msgs }] },
    })),
  ]);
  for (const [i, { event }] of (await recorded()).slice(1).entries()) {
    const { from, to } = changes[i] as (typeof changes)[number];
    const { time } = event as unknown as { time: string };
    expect(time >= from && time <= to, `${from} ${time} ${to}`).toBe(true);
  }
  await published();
  expect(await recorded()).toHaveLength(5);
  expect(await serving.terminate()).toBe(0);
  expect(await waybill(['verify', '--all'], { WAYBILL_NATS_URL: server.url })).toMatchObject({ code: 0 });
});

test('what was seen while commits fail is recorded when one succeeds, each change with its own time', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const { streams } = await jetstreamManager(nc);
  const streamHistory = createStreamHistory();
  await using consumer = await startConsumer({ nc, logger, ...settings, streamHistory, restartMs: 10 });
  const publish = () => publishAll(nc, [artifactEvent(settings, { orgid: 'acme', kind: 'upload', bytes: 1 })]);
  await publish();
  await caughtUp(nc, settings);

  const { config } = await streams.info(settings.ledgerStream);
  const [seen] = streamHistory.seen;
  const changed = (max_msgs: number) => ({
    ...seen?.config,
    [settings.auditStream]: { ...seen?.config[settings.auditStream], max_msgs },
  });
  await streams.update(settings.ledgerStream, { ...config, max_msg_size: 10 });
  streamHistory.observe(changed(1));
  streamHistory.observe(changed(2));
  await publish();
  const failures = consumer.status().failures;
  await until('sessions that fail', () => consumer.status().failures > failures + 2);
  await streams.update(settings.ledgerStream, config);
  await caughtUp(nc, settings);
  await consumer.close();

  const records = (await checkLedger(nc, settings))
    .entries('_system')
    .filter(({ event }) => event?.['kind'] === 'streams')
    .map(({ event }) => event as unknown as { time: string; changes: StreamChange[] });
  const limits = records.flatMap(({ time, changes }) =>
    changes.filter(({ field }) => field === 'max_msgs').map(({ before, after }) => ({ time, before, after })),
  );
  expect(limits).toMatchObject([
    { before: -1, after: 1 },
    { before: 1, after: 2 },
    // As a session finds it, which looks for itself.
    { before: 2, after: -1 },
  ]);
  expect(limits.map(({ time }) => time)).toEqual(limits.map(({ time }) => time).toSorted());
});

test('a change of LEDGER that may let a block erase others gets no block of its own', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const streamHistory = createStreamHistory();
  const start = () => startConsumer({ nc, logger, ...settings, streamHistory });
  const publish = () => publishAll(nc, [artifactEvent(settings, { orgid: 'acme', kind: 'upload', bytes: 1 })]);
  const observe = (stream: string, field: StreamDescription) => {
    const config = streamHistory.seen.at(-1)?.config ?? {};
    streamHistory.observe({ ...config, [stream]: { ...config[stream], ...field } });
  };
  const fields = async () =>
    (await checkLedger(nc, settings))
      .entries('_system')
      .flatMap(({ event }) => ((event?.['changes'] ?? []) as unknown as StreamChange[]).map(({ field }) => field));

  // What is recorded alone is, at the latest, when the consumer ends.
  {
    await using consumer = await start();
    await publish();
    await caughtUp(nc, settings);
    observe(settings.auditStream, { max_age: 1 });
    observe(settings.ledgerStream, { discard: 'old' });
    observe(settings.auditStream, { max_age: 0 });
    await consumer.close();
  }
  expect(await fields()).toEqual(['max_age']);
});

test('nothing is recorded at the number that is kept for the record of an epoch', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const start = () =>
    startConsumer({ nc, logger, ...settings, bind: true, restartMs: 10, streamHistory: createStreamHistory() });
  const kinds = async () =>
    (await checkLedger(nc, settings))
      .entries('_system')
      .map(({ core, event }) => [event?.['kind'], core.source.seq - EPOCH_STRIDE]);
  {
    await using consumer = await start();
    await until('it to write', () => consumer.status().role === 'writer');
    await consumer.close();
  }
  expect(await kinds()).toEqual([['epoch', 0]]);
  await using consumer = await start();
  await publishAll(nc, [artifactEvent(settings, { orgid: 'acme', kind: 'upload', bytes: 1 })]);
  await until('it to be chained', () => consumer.status().entries > 0);
  await consumer.close();
  expect(await kinds()).toEqual([
    ['epoch', 0],
    ['streams', 1],
  ]);
});

test('a ledger that ends in many records still shows that AUDIT is another stream', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const { streams } = await jetstreamManager(nc);
  const streamHistory = createStreamHistory();
  const start = () => startConsumer({ nc, logger, ...settings, streamHistory });
  const publish = (bytes: number) =>
    publishAll(nc, [artifactEvent(settings, { orgid: 'acme', kind: 'upload', bytes })]);
  {
    await using consumer = await start();
    await publish(1);
    await caughtUp(nc, settings);
    await consumer.close();
  }
  // One block each: each consumer finds another limit, and records it at the latest when it ends.
  const { config } = await streams.info(settings.auditStream);
  for (let max_msgs = 100; max_msgs < 120; max_msgs++) {
    await streams.update(settings.auditStream, { ...config, max_msgs });
    await using consumer = await start();
    await until('it to write', () => consumer.status().role === 'writer');
    await consumer.close();
  }
  expect((await checkLedger(nc, settings)).entries('_system')).toHaveLength(21);

  await streams.delete(settings.auditStream);
  await streams.add(config);
  await publish(2);
  await using consumer = await start();
  await expect(consumer.done).rejects.toMatchObject({ code: 'STREAM_RESET' });
});
