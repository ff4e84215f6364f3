import { startConsumer } from '@waybill/consumer';
import { expect, test } from 'vitest';
import { caughtUp, checkLedger } from '../support/check-ledger.ts';
import { logger } from '../support/logger.ts';
import { startNats } from '../support/nats.ts';
import { type ArtifactFields, artifactEvent, createCount, makeStreams, publishAll } from '../support/traffic.ts';
import { until } from '../support/until.ts';

test('two consumers at once: one writes, the other stands by and takes over, and no chain forks', async () => {
  await using server = await startNats();
  const settings = await makeStreams(await server.connect());
  const nc = await server.connect();
  const count = createCount();
  const publish = async (n: number) => {
    const fields: ArtifactFields[] = Array.from({ length: n }, (_, i) => ({
      orgid: `org-${i % 7}`,
      kind: 'upload',
      bytes: i,
    }));
    fields.forEach(count.add);
    await publishAll(
      nc,
      fields.map((f) => artifactEvent(settings, f)),
    );
  };
  const consumers = await Promise.all(
    [1, 2].map(async () =>
      startConsumer({ nc: await server.connect(), logger, ...settings, maxOpenEntries: 5, takeoverMs: 500 }),
    ),
  );
  await publish(3_000);
  await caughtUp(nc, settings);
  const standby = await until('one to stand by', () => consumers.find((c) => c.status().role === 'standby'));
  const writer = consumers.find((c) => c !== standby);
  expect(writer?.status().role).toBe('writer');

  await writer?.close();
  await publish(500);
  await caughtUp(nc, settings);
  expect(standby.status().role).toBe('writer');
  await standby.close();
  expect((await checkLedger(nc, settings)).totals).toEqual(count.totals());
});

test('an option that is undefined is one that is not given: a standby with such a takeoverMs takes over', async () => {
  await using server = await startNats();
  const settings = await makeStreams(await server.connect());
  const nc = await server.connect();
  const unset = { takeoverMs: undefined, restartMs: undefined, maxOpenEntries: undefined } as unknown as object;
  const publish = (n: number) =>
    publishAll(
      nc,
      Array.from({ length: n }, () => artifactEvent(settings, { orgid: 'acme', kind: 'upload', bytes: 1 })),
    );
  const consumers = await Promise.all(
    [1, 2].map(async () => startConsumer({ nc: await server.connect(), logger, ...settings, ...unset })),
  );
  const standby = await until('one to stand by', async () => {
    await publish(1);
    return consumers.find((c) => c.status().role === 'standby');
  });
  await consumers.find((c) => c !== standby)?.close();
  await publish(1);
  await caughtUp(nc, settings);
  expect(standby.status().role).toBe('writer');
  await standby.close();
});

test('consumers that start and stop at random and all want to write still make one history', async () => {
  await using server = await startNats();
  const settings = await makeStreams(await server.connect());
  const nc = await server.connect();
  const count = createCount();
  const fields: ArtifactFields[] = Array.from({ length: 2_000 }, (_, i) => ({
    orgid: `org-${i % 50}`,
    kind: 'download',
    bytes: i,
  }));
  fields.forEach(count.add);
  let caught = false;
  let conflicts = 0;

  // Each starts as a writer, whoever else is writing, and leaves after a few commits or the first conflict.
  async function comeAndGo(): Promise<void> {
    const own = await server.connect();
    while (!caught) {
      await using consumer = await startConsumer({ nc: own, logger, ...settings, maxOpenEntries: 3 });
      await until('a few commits', () => caught || consumer.status().commits > 20 || consumer.status().conflicts > 0);
      await consumer.close();
      conflicts += consumer.status().conflicts;
    }
  }
  const restless = Promise.all([comeAndGo(), comeAndGo(), comeAndGo()]);
  await publishAll(
    nc,
    fields.map((f) => artifactEvent(settings, f)),
  );
  await caughtUp(nc, settings);
  caught = true;
  await restless;
  expect(conflicts).toBeGreaterThan(10);
  expect((await checkLedger(nc, settings)).totals).toEqual(count.totals());
});
