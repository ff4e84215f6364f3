import { startConsumer } from '@waybill/consumer';
import { type Entry, SYSTEM_CHAIN } from '@waybill/schema/internal';
import { expect, test } from 'vitest';
import { caughtUp, checkLedger } from '../support/check-ledger.ts';
import { logger } from '../support/logger.ts';
import { startNats } from '../support/nats.ts';
import {
  type ArtifactFields,
  artifactEvent,
  createCount,
  digestOf,
  makeStreams,
  publishAll,
  uuid,
} from '../support/traffic.ts';

function randomFields(orgs: number): ArtifactFields {
  const kind = (['upload', 'download', 'deduplicated'] as const)[Math.floor(Math.random() * 3)] ?? 'upload';
  const orgid = `org-${Math.floor(Math.random() * orgs)}`;
  const bytes = Math.random() < 0.1 && kind !== 'deduplicated' ? undefined : Math.floor(Math.random() * 2 ** 45);
  return { orgid, kind, ...(bytes !== undefined && { bytes }) };
}

test('chains what was published, per organization, with the totals of an independent count', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const count = createCount();
  const fields = Array.from({ length: 5_000 }, () => randomFields(20));
  fields.forEach(count.add);

  await using consumer = await startConsumer({ nc, logger, ...settings });
  await publishAll(
    nc,
    fields.map((f) => artifactEvent(settings, f)),
  );
  await caughtUp(nc, settings);

  const ledger = await checkLedger(nc, settings);
  expect(ledger.totals).toEqual(count.totals());
  expect(consumer.status()).toMatchObject({
    role: 'writer',
    entries: 5_000,
    rejected: 0,
    duplicates: 0,
    conflicts: 0,
    watermark: 5_000,
  });
});

test('goes on after a restart from the ledger alone, with the same bytes as without one', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const fields = Array.from({ length: 300 }, () => randomFields(5));
  for (let i = 0; i < 3; i++) {
    await publishAll(
      nc,
      fields.slice(i * 100, i * 100 + 100).map((f) => artifactEvent(settings, f)),
    );
    await using consumer = await startConsumer({ nc, logger, ...settings, maxOpenEntries: 7 });
    await caughtUp(nc, settings);
    expect(consumer.status().watermark).toBe(i * 100 + 100);
  }
  const count = createCount();
  fields.forEach(count.add);
  const restarted = await checkLedger(nc, settings);
  expect(restarted.totals).toEqual(count.totals());

  // Another ledger over the same events, in one go.
  const other = { ...settings, ledgerStream: `${settings.ledgerStream}_2`, ledgerPrefix: `${settings.ledgerPrefix}_2` };
  const { jetstreamManager } = await import('@nats-io/jetstream');
  await (await jetstreamManager(nc)).streams.add({ name: other.ledgerStream, subjects: [`${other.ledgerPrefix}.*`] });
  await using consumer = await startConsumer({ nc, logger, ...other });
  await caughtUp(nc, other);
  expect((await checkLedger(nc, other)).chains).toEqual(restarted.chains);
  expect(consumer.status().entries).toBe(300);
});

test('takes the size of a skipped upload from the upload before it, also after a restart', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const digest = digestOf('an artifact');
  const skip = () => artifactEvent(settings, { orgid: 'acme', kind: 'deduplicated', digest });
  const volumes = (entries: Entry[]) => entries.map(({ core }) => core.volume);

  {
    await using consumer = await startConsumer({ nc, logger, ...settings });
    await publishAll(nc, [
      skip(),
      artifactEvent(settings, { orgid: 'acme', kind: 'upload', digest, bytes: 1024 }),
      skip(),
    ]);
    // The same digest in another organization says nothing about this one.
    await publishAll(nc, [artifactEvent(settings, { orgid: 'other', kind: 'deduplicated', digest })]);
    await caughtUp(nc, settings);
    expect(consumer.status().lastError).toBeNull();
  }
  await publishAll(nc, [skip()]);
  await using consumer = await startConsumer({ nc, logger, ...settings });
  await caughtUp(nc, settings);
  expect(consumer.status().lastError).toBeNull();

  const ledger = await checkLedger(nc, settings);
  expect(volumes(ledger.entries('acme'))).toEqual([
    { kind: 'deduplicated', bytes: null },
    { kind: 'upload', bytes: '1024' },
    { kind: 'deduplicated', bytes: '1024', from: 2 },
    { kind: 'deduplicated', bytes: '1024', from: 2 },
  ]);
  expect(volumes(ledger.entries('other'))).toEqual([{ kind: 'deduplicated', bytes: null }]);
});

test('chains an event once, however late and often it comes again, and keeps what came again', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc, 100);
  const events = Array.from({ length: 20 }, (_, i) =>
    artifactEvent(settings, {
      orgid: 'acme',
      kind: 'upload',
      bytes: i,
      attributes: { producer: 'p1', producerseq: String(i + 1) },
    }),
  );
  // As if resent by another process after the stream's window: nothing but producer and producerseq tells.
  const again = (i: number) => ({ ...(events[i] as (typeof events)[0]), id: uuid() });
  const order = [0, 1, 2, 5, 4, 3, 6, 7, 8, 9].map(again);
  await publishAll(nc, order);
  {
    await using consumer = await startConsumer({ nc, logger, ...settings, maxOpenEntries: 3 });
    await publishAll(nc, [again(3), again(10), again(0), again(9)]);
    await caughtUp(nc, settings);
    expect(consumer.status().duplicates).toBe(3);
  }
  await using consumer = await startConsumer({ nc, logger, ...settings, maxOpenEntries: 3 });
  await publishAll(nc, [again(10), again(19), again(12), again(12)]);
  await caughtUp(nc, settings);
  expect(consumer.status().duplicates).toBe(2);

  const ledger = await checkLedger(nc, settings);
  expect(ledger.entries('acme').map(({ event }) => Number(event?.['producerseq']))).toEqual([
    1, 2, 3, 6, 5, 4, 7, 8, 9, 10, 11, 20, 13,
  ]);
  const kept = ledger.entries(SYSTEM_CHAIN).map(({ event }) => event);
  expect(kept.map((record) => [record?.['kind'], record?.['producerseq']])).toEqual(
    [4, 1, 10, 11, 13].map((producerseq) => ['duplicate', String(producerseq)]),
  );
});
