import { beforeEach, expect, test } from 'vitest';
import { billedLoad } from '../support/billed-load.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { IS_WHOLE } from '../support/part.ts';
import { ledgerSize } from '../support/ledger-size.ts';
import { makeStreams } from '../support/traffic.ts';
import { until } from '../support/until.ts';
import { environmentOf, serve } from '../support/waybill.ts';

beforeEach(needsOwnServer);

const EVENTS = IS_WHOLE ? 48_000 : 16_000;

test(`kill -9 of the consumer, three times in the middle of ${EVENTS} events: the bill is exact`, async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const environment = environmentOf(server.url, settings);
  await using load = billedLoad({ url: server.url, settings });
  for (let kills = 0; kills < 3; kills++) {
    await using consumer = serve(environment);
    const before = await ledgerSize(nc, settings);
    const target = ((kills + 1) * EVENTS) / 4;
    await until('the consumer to be in the middle of its work', async () => {
      load.emit(Math.min(2_000, target - load.made));
      // Fewer than organizations: so many blocks come, however many events are in one.
      return load.made >= target && (await ledgerSize(nc, settings)) > before + 10;
    });
    await consumer.kill9();
  }
  await using consumer = serve(environment);
  await until('all to be emitted', () => {
    load.emit(Math.min(2_000, EVENTS - load.made));
    return load.made === EVENTS;
  });
  await load.finish();
  await load.expectExactLedger(nc);
  const code = await consumer.terminate();
  expect(code, consumer.log).toBe(0);
  await load.expectExactBill();
});

test('kill -9 of the server while emitting, with every message synced to disk: nothing is lost or doubled', async () => {
  await using server = await startNats({ syncAlways: true });
  const settings = await makeStreams(await server.connect());
  const environment = environmentOf(server.url, settings);
  await using consumer = serve(environment);
  await using load = billedLoad({ url: server.url, settings, publisher: { backoffMaxMs: 500 } });
  const emitSome = (): void => load.emit(500, 5_000);
  for (let kills = 0; kills < 3; kills++) {
    const { acked } = load.publisher.stats();
    await until('some to be acknowledged', () => {
      emitSome();
      return load.publisher.stats().acked > acked + 2_000;
    });
    await server.kill9();
    emitSome();
    await server.restart();
  }
  emitSome();
  await load.finish();
  await load.expectExactLedger(await server.connect());
  const code = await consumer.terminate();
  expect(code, consumer.log).toBe(0);
  await load.expectExactBill();
});
