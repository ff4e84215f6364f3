import type { NatsConnection } from '@nats-io/nats-core';
import { replay, startConsumer, usage, usageOfAll, verifyLedger } from '@waybill/consumer';
import { expect, test } from 'vitest';
import { caughtUp, checkLedger } from '../support/check-ledger.ts';
import { logger } from '../support/logger.ts';
import { startNats, type TestNats } from '../support/nats.ts';
import { artifactEvent, makeStreams, publishAll } from '../support/traffic.ts';

const EVENTS = 2_000;

/** A ledger that a consumer made over a connection of its own. */
async function chainOver(server: TestNats, fastPaths: boolean | undefined) {
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const events = Array.from({ length: EVENTS }, (_, i) =>
    artifactEvent(settings, { orgid: `org-${i % 7}`, kind: 'upload', bytes: i }),
  );
  await publishAll(nc, events);
  const own = await server.connect();
  const fast = fastPaths === undefined ? {} : { fastPaths };
  await using consumer = await startConsumer({ nc: own, logger, ...settings, ...fast });
  await caughtUp(nc, settings);
  const seen = own.stats().inMsgs;
  await consumer.close();
  const { totals } = await checkLedger(nc, settings);
  expect([...totals.values()].reduce((sum, { events: count }) => sum + Number(count), 0)).toBe(EVENTS);
  return { nc, own, settings, seen };
}

/** Whether the client's parser is another one than it was built with. */
function isTapped(nc: NatsConnection): boolean {
  const { parser } = (nc as unknown as { protocol: { parser: object } }).protocol;
  return Object.hasOwn(parser, 'parse');
}

test('on the fast paths, events do not go through the client’s parser, and the ledger is right', async () => {
  await using server = await startNats();
  const { own, seen } = await chainOver(server, true);
  // What the client has seen: answers and acknowledgements.
  expect(seen).toBeLessThan(200);
  expect(isTapped(own)).toBe(true);
});

test.for([undefined, false])('with fastPaths %s every event goes through it, and the ledger is right', async (fast) => {
  await using server = await startNats();
  const { own, seen } = await chainOver(server, fast);
  expect(seen).toBeGreaterThan(EVENTS);
  expect(isTapped(own)).toBe(false);
});

test('nothing that verifies or answers a question touches the parser', async () => {
  await using server = await startNats();
  const { settings } = await chainOver(server, false);
  const nc = await server.connect();
  const report = await verifyLedger(nc, settings);
  expect(report.verdict).toBe('ok');
  expect(nc.stats().inMsgs).toBeGreaterThan(EVENTS);
  await usage(nc, settings, { orgid: 'org-1' });
  await usageOfAll(nc, settings, {});
  let lines = 0;
  for await (const some of replay(nc, settings, { orgid: 'org-1' })) lines += some.length;
  expect(lines).toBeGreaterThan(0);
  expect(isTapped(nc)).toBe(false);
});
