import { startConsumer } from '@waybill/consumer';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { caughtUp, checkLedger } from '../support/check-ledger.ts';
import { startNats } from '../support/nats.ts';
import { artifactEvent, makeStreams, publishAll } from '../support/traffic.ts';

test('with the client as it is, events do not go through its parser, and the ledger is right', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const events = Array.from({ length: 2_000 }, (_, i) =>
    artifactEvent(settings, { orgid: `org-${i % 7}`, kind: 'upload', bytes: i }),
  );
  await publishAll(nc, events);
  const own = await server.connect();
  await using consumer = await startConsumer({
    nc: own,
    fastPaths: true,
    logger: pino({ level: 'silent' }),
    ...settings,
  });
  await caughtUp(nc, settings);
  // What the client has seen: answers and acknowledgements.
  expect(own.stats().inMsgs).toBeLessThan(200);
  await consumer.close();
  const { totals } = await checkLedger(nc, settings);
  expect([...totals.values()].reduce((sum, { events: count }) => sum + Number(count), 0)).toBe(2_000);
});
