import { beforeEach, expect, test } from 'vitest';
import { billedLoad } from '../support/billed-load.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { makeStreams } from '../support/traffic.ts';
import { until } from '../support/until.ts';
import { environmentOf, serve } from '../support/waybill.ts';
import { ledgerSize } from '../support/ledger-size.ts';

/**
 * The promise: whatever is killed, whenever, and however often, the bill equals the emitter's own count to the byte.
 */

beforeEach(needsOwnServer);

test('fifty kill -9 of the consumer under load', async () => {
  const KILLS = 50;
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const environment = environmentOf(server.url, settings);
  await using load = billedLoad({ url: server.url, settings });
  load.start(2_000);
  for (let kills = 0; kills < KILLS; kills++) {
    await using consumer = serve(environment);
    const before = await ledgerSize(nc, settings);
    // From its first blocks on to somewhere in a later commit.
    await until('blocks of this one', async () => (await ledgerSize(nc, settings)) > before + kills * 3);
    await consumer.kill9();
  }
  await using consumer = serve(environment);
  await load.finish();
  const ledger = await load.expectExactLedger(nc);
  expect(await consumer.terminate(), consumer.log).toBe(0);
  await load.expectExactBill();
  console.log(
    `${KILLS} kills of the consumer: ${load.made} emitted and chained in ${await ledgerSize(nc, settings)} blocks ` +
      `of ${ledger.totals.size} organizations; the bill is exact, verify --all ok`,
  );
});

test('twenty kill -9 of the server under load, each message synced to disk', async () => {
  const KILLS = 20;
  await using server = await startNats({ syncAlways: true });
  let nc = await server.connect();
  const settings = await makeStreams(nc);
  await using consumer = serve(environmentOf(server.url, settings));
  await using load = billedLoad({ url: server.url, settings, publisher: { backoffMaxMs: 300 } });
  load.start(300);
  for (let kills = 0; kills < KILLS; kills++) {
    const { acked } = load.publisher.stats();
    const before = await until('the ledger', () => ledgerSize(nc, settings));
    await until(
      'acknowledgements and blocks',
      async () => load.publisher.stats().acked > acked + 50 + kills * 5 && (await ledgerSize(nc, settings)) > before,
    );
    await server.kill9();
    await server.restart();
    // What the client is asked to send before it has noticed is lost without an error.
    nc = await server.connect();
  }
  await load.finish();
  await load.expectExactLedger(nc);
  expect(await consumer.terminate(), consumer.log).toBe(0);
  await load.expectExactBill();
  const { resent, duplicates } = load.publisher.stats();
  console.log(
    `${KILLS} kills of the server: ${load.made} emitted and chained in ${await ledgerSize(nc, settings)} blocks; ` +
      `${resent} sent again, ${duplicates} known already; the bill is exact, verify --all ok`,
  );
});
