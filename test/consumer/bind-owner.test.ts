/** The table in docs/reference/operations.md: what a bound stream's owner may do, and what becomes of the ledger. */
import { jetstreamManager, RetentionPolicy } from '@nats-io/jetstream';
import { acknowledge, deployStreams, startConsumer, verifyLedger } from '@waybill/consumer';
import { describe, expect, test } from 'vitest';
import { chainloopTraffic, ownerStream } from '../support/chainloop-owner.ts';
import { readStream } from '../support/check-ledger.ts';
import { send } from '../support/known-losses.ts';
import { WAIT_MS } from '../support/time.ts';
import { publishAll } from '../support/traffic.ts';
import { until } from '../support/until.ts';
import { begin, FAST, prepare, publish, reached, records } from './bound-place.ts';

test('not there yet: it is waited for, never made, and read when it comes', async () => {
  await using place = await prepare();
  await place.owner.remove();
  await using consumer = await begin(place);
  await until('waiting', () => consumer.status().role === 'waiting');
  expect(consumer.status().lastError).toBe(
    `could not look at stream ${place.settings.auditStream}: there is no such stream`,
  );
  expect(await (await jetstreamManager(place.nc)).streams.names().next()).toEqual([place.settings.ledgerStream]);
  await place.owner.create();
  await publish(place, 10);
  await reached(consumer, 1e12 + 10);
  await consumer.close();
  expect(await records(place, 'epoch')).toHaveLength(1);
});

test('purged, and old messages dropped for new ones: gaps, and no new epoch', async () => {
  await using place = await prepare({ max_msgs: 20 });
  await publish(place, 30);
  await using consumer = await begin(place);
  await reached(consumer, 1e12 + 30);
  await (await jetstreamManager(place.nc)).streams.purge(place.settings.auditStream);
  await publish(place, 5);
  await reached(consumer, 1e12 + 35);
  await consumer.close();
  await publish(place, 5);
  await (await jetstreamManager(place.nc)).streams.purge(place.settings.auditStream);
  await publish(place, 5);
  await using again = await begin(place);
  await reached(again, 1e12 + 45);
  await again.close();
  expect(await records(place, 'gap')).toEqual([
    { kind: 'gap', first: 1e12 + 1, last: 1e12 + 10 },
    { kind: 'gap', first: 1e12 + 36, last: 1e12 + 40 },
  ]);
  expect(await records(place, 'epoch')).toHaveLength(1);
  const report = await verifyLedger(place.nc, place.settings, { bind: true });
  expect(report).toMatchObject({ verdict: 'ok', audit: { from: 41, to: 45, compared: 5, earlier: 0 } });
});

test('sealed: all of it is chained, and there is nothing to say', async () => {
  await using place = await prepare();
  await publish(place, 10);
  await place.owner.update({ sealed: true });
  await using consumer = await begin(place);
  await reached(consumer, 1e12 + 10);
  expect(consumer.status()).toMatchObject({ role: 'writer', lag: 0 });
});

test('its subjects changed: what is on others is recorded as no event', async () => {
  await using place = await prepare();
  await using consumer = await begin(place);
  await publish(place, 5);
  const { auditPrefix } = place.settings;
  await place.owner.update({ subjects: [`${auditPrefix}_v2.>`] });
  await publishAll(place.nc, chainloopTraffic({ ...place.settings, auditPrefix: `${auditPrefix}_v2` }, 5).events);
  await reached(consumer, 1e12 + 10);
  expect(consumer.status()).toMatchObject({ rejected: 5, entries: 10, lag: 0 });
  await consumer.close();
  expect(await records(place, 'rejected')).toMatchObject(Array.from({ length: 5 }, () => ({ reason: 'bad_subject' })));
});

test.each([RetentionPolicy.Workqueue, RetentionPolicy.Interest])(
  'of retention %s: reading would remove events, so nothing is read',
  async (retention) => {
    await using place = await prepare({ retention });
    await (
      await jetstreamManager(place.nc)
    ).consumers.add(place.settings.auditStream, { durable_name: 'owners', ack_policy: 'explicit' });
    await publish(place, 5);
    await using consumer = await begin(place);
    await until('waiting', () => consumer.status().role === 'waiting');
    expect(consumer.status().lastError).toContain(
      `stream ${place.settings.auditStream} has the retention ${retention}`,
    );
    const { state } = await (await jetstreamManager(place.nc)).streams.info(place.settings.auditStream);
    expect(state).toMatchObject({ messages: 5, consumer_count: 1 });
  },
);

test('renamed: another stream is a new epoch, and the entries of both verify', async () => {
  await using place = await prepare();
  await publish(place, 10);
  await using consumer = await begin(place);
  await reached(consumer, 1e12 + 10);
  await consumer.close();
  await place.owner.remove();
  const prefix = place.settings.auditPrefix;
  const other = await ownerStream(place.nc, { subjects: [`${prefix}.>`] });
  const renamed = { ...place, settings: { ...place.settings, auditStream: other.config.name } };
  await publish(renamed, 10);
  await using again = await begin(renamed);
  await reached(again, 2e12 + 10);
  await again.close();
  expect(await records(renamed, 'epoch')).toMatchObject([{ epoch: 1 }, { epoch: 2, stream: other.config.name }]);
  const report = await verifyLedger(place.nc, renamed.settings, { bind: true });
  expect(report).toMatchObject({ verdict: 'ok', audit: { epoch: 2, earlier: 10, compared: 10 } });
});

test('replaced by its mirror: what was chained is not chained again, what comes then is', async () => {
  await using place = await prepare();
  await publish(place, 10);
  await using consumer = await begin(place);
  await reached(consumer, 1e12 + 10);
  await consumer.close();
  await publish(place, 5);
  const { auditStream } = place.settings;
  const manager = await jetstreamManager(place.nc);
  const mirror = { ...place, settings: { ...place.settings, auditStream: `${auditStream}-2` } };
  await manager.streams.add({ name: mirror.settings.auditStream, mirror: { name: auditStream } });
  await until('the copy', async () => (await manager.streams.info(mirror.settings.auditStream)).state.messages === 15);
  await using again = await begin(mirror);
  await reached(again, 2e12 + 15);
  await again.close();
  expect(await records(mirror, 'epoch')).toMatchObject([{ first: 1 }, { first: 11 }]);
  const report = await verifyLedger(place.nc, mirror.settings, { bind: true });
  expect(report).toMatchObject({ verdict: 'ok', audit: { from: 1, to: 15, compared: 15, earlier: 0 } });
});

test('its server killed and started again: the epoch is still the same', async ({ skip }) => {
  await using place = await prepare();
  if (place.server.pid === undefined) skip('the server is not ours to kill');
  await publish(place, 10);
  await using consumer = await begin(place);
  await reached(consumer, 1e12 + 10);
  await place.server.kill9();
  await place.server.restart();
  const nc = await place.server.connect();
  await publish({ ...place, nc }, 5);
  await reached(consumer, 1e12 + 15);
  await consumer.close();
  expect(await records({ ...place, nc }, 'epoch')).toHaveLength(1);
});

test('what verification finds is named by the number that the stream has', async () => {
  await using place = await prepare();
  await publish(place, 10);
  await using consumer = await begin(place);
  await reached(consumer, 1e12 + 10);
  await place.owner.remove();
  await place.owner.create();
  await publish(place, 10);
  await reached(consumer, 2e12 + 10);
  await consumer.close();
  // A copy of the ledger without one of its chains.
  const { nc, settings } = place;
  const copy = { ...settings, ledgerStream: `${settings.ledgerStream}-2`, ledgerPrefix: `${settings.ledgerPrefix}-2` };
  await deployStreams(nc, { ...copy, bind: true });
  for (const { subject, text } of await readStream(nc, settings.ledgerStream)) {
    const moved = subject.replace(settings.ledgerPrefix, copy.ledgerPrefix);
    if (!subject.endsWith('.acme')) await publishAll(nc, [{ subject: moved, payload: text, id: crypto.randomUUID() }]);
  }
  const { verdict, audit } = await verifyLedger(nc, copy, { bind: true });
  expect(verdict).toBe('incomplete');
  // Of the first epoch the chains alone are left, and they do not have what the watermark claims.
  expect(audit.problems.map(({ seq, kind }) => [seq, kind])).toEqual([
    [1e12 + 3, 'not_chained'],
    [3, 'not_chained'],
    [6, 'not_chained'],
    [9, 'not_chained'],
  ]);
});

test('made anew while nobody looked, with more messages than before, and even with none', async () => {
  await using place = await prepare();
  await publish(place, 10);
  await using first = await begin(place);
  await reached(first, 1e12 + 10);
  await first.close();
  await place.owner.remove();
  await place.owner.create();
  await publish(place, 30);
  // Nothing is chained of it yet, and verification says so instead of comparing it with what was there before.
  expect(await verifyLedger(place.nc, place.settings, { bind: true, waitMs: 0 })).toMatchObject({
    verdict: 'incomplete',
    audit: { compared: 0, behind: 30, problem_count: 0 },
  });
  await using second = await begin(place);
  await reached(second, 2e12 + 30);
  await place.owner.remove();
  await place.owner.create();
  await reached(second, 3e12);
  await publish(place, 1);
  await reached(second, 3e12 + 1);
  await second.close();
  expect(await records(place, 'epoch')).toHaveLength(3);
  expect(await verifyLedger(place.nc, place.settings, { bind: true })).toMatchObject({
    verdict: 'ok',
    audit: { earlier: 40 },
  });
});

test('a standby takes over when the stream was made anew after the writer died', async () => {
  await using place = await prepare();
  const start = async () =>
    startConsumer({ nc: await place.server.connect(), ...place.settings, ...FAST, maxOpenEntries: 5 });
  await using writer = await start();
  await using standby = await start();
  const consumers = [writer, standby];
  await publish(place, 3_000);
  await until('all', () => consumers.some(({ status }) => status().watermark === 1e12 + 3_000));
  const idle = await until('one to stand by', () => consumers.find(({ status }) => status().role === 'standby'));
  await consumers.find((one) => one !== idle)?.close();
  await place.owner.remove();
  await place.owner.create();
  await publish(place, 3);
  await reached(idle, 2e12 + 3);
  await idle.close();
  expect(await records(place, 'epoch')).toHaveLength(2);
});

describe('a stream of our own', () => {
  test('that was made anew ends the consumer: the ledger is not continued from it', async () => {
    await using place = await prepare();
    await publish(place, 10);
    await using consumer = await startConsumer({ nc: place.nc, ...place.settings, ...FAST, bind: false });
    await reached(consumer, 10);
    await place.owner.remove();
    await until('it to be missed', () => consumer.status().role === 'waiting');
    await place.owner.create();
    await publish(place, 3);
    await expect(consumer.done).rejects.toMatchObject({ code: 'STREAM_RESET' });
  });

  test('whose ledger is bound later goes on with its numbers, and has epochs from the next stream on', async () => {
    await using place = await prepare();
    await publish(place, 10);
    await using ours = await startConsumer({ nc: place.nc, ...place.settings, ...FAST, bind: false });
    await reached(ours, 10);
    await ours.close();
    await publish(place, 10);
    await using bound = await begin(place);
    await reached(bound, 20);
    await place.owner.remove();
    await place.owner.create();
    await publish(place, 10);
    await reached(bound, 1e12 + 10);
    await bound.close();
    expect(await records(place, 'epoch')).toMatchObject([{ epoch: 1, watermark: 20, first: 1 }]);
    expect(await verifyLedger(place.nc, place.settings, { bind: true })).toMatchObject({
      verdict: 'ok',
      audit: { earlier: 20 },
    });
  });
});

test('given the subject of operators: losses can be acknowledged there, and not before', async () => {
  await using place = await prepare();
  const { nc, settings, owner } = place;
  await using consumer = await begin(place);
  await send(nc, settings, 'boot', [1, 4]);
  await reached(consumer, 1e12 + 2);
  const own = { orgid: 'acme', losses: [{ producer: 'boot', first: 2, last: 3 }], by: 'ops', reason: 'a disk' };
  await expect(acknowledge(nc, settings, { ...own, bind: true })).rejects.toMatchObject({
    code: 'STREAM_DRIFT',
    message: expect.stringContaining('somebody else owns it, and may add the subject') as string,
  });
  await owner.update({ subjects: [...owner.config.subjects, `${settings.controlPrefix}.>`] });
  // It waits until a writer has chained it, in the numbers of the ledger.
  expect(await acknowledge(nc, settings, { ...own, bind: true, waitMs: WAIT_MS })).toMatchObject([{ message: 3 }]);
  expect(consumer.status()).toMatchObject({ acknowledged: 1, rejected: 0 });
  await consumer.close();
  expect(await verifyLedger(nc, settings, { bind: true })).toMatchObject({ verdict: 'ok', acknowledged: '2' });
});
