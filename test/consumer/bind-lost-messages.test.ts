/** A bound stream that has lost its end, with a disk or by a backup, and goes on under the same name. */
import { verifyLedger } from '@waybill/consumer';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { chainloopTraffic } from '../support/chainloop-owner.ts';
import { checkLedger } from '../support/check-ledger.ts';
import { needsOwnServer } from '../support/nats.ts';
import { publishAll } from '../support/traffic.ts';
import { begin, type Place, prepare, publish, reached, records } from './bound-place.ts';

beforeEach(needsOwnServer);

const folderOf = ({ server, settings }: Place) =>
  join(server.storeDir, 'jetstream', '$G', 'streams', settings.auditStream);

test('its messages lost with a disk: what comes then is new, also when it is more than before', async () => {
  await using place = await prepare();
  for (const [epoch, messages] of [
    [1, 10],
    [2, 3],
    [3, 20],
  ] as const) {
    await publishAll(await place.server.connect(), chainloopTraffic(place.settings, messages).events);
    await using consumer = await begin(place);
    await reached(consumer, epoch * 1e12 + messages);
    await consumer.close();
    await place.server.kill9();
    await rm(join(folderOf(place), 'msgs'), { recursive: true });
    await place.server.restart();
  }
  await using consumer = await begin(place);
  await reached(consumer, 4e12);
  await consumer.close();
  // The first connection may not have noticed the restart yet.
  const nc = await place.server.connect();
  expect(await records({ ...place, nc }, 'epoch')).toMatchObject([
    { first: 1 },
    { first: 1 },
    { first: 1 },
    { first: 1 },
  ]);
});

test('restored from a backup: what was chained is not chained again, what comes then is', async () => {
  await using place = await prepare();
  const { server, settings } = place;
  const folder = folderOf(place);
  const backup = `${server.storeDir}-backup`;
  await publish(place, 20);
  await server.kill9();
  await cp(folder, backup, { recursive: true });
  await server.restart();
  await publishAll(await server.connect(), chainloopTraffic(settings, 10).events);
  await using consumer = await begin(place);
  await reached(consumer, 1e12 + 30);
  await consumer.close();
  await server.kill9();
  await rm(folder, { recursive: true });
  await cp(backup, folder, { recursive: true });
  await server.restart();
  await publishAll(await server.connect(), chainloopTraffic(settings, 5).events);
  await using again = await begin(place);
  await reached(again, 2e12 + 25);
  await again.close();
  const nc = await server.connect();
  expect(await records({ ...place, nc }, 'epoch')).toMatchObject([{ first: 1 }, { first: 21 }]);
  const { totals } = await checkLedger(nc, settings);
  expect([...totals.values()].reduce((sum, { events }) => sum + Number(events), 0)).toBe(35);
  expect(await verifyLedger(nc, settings, { bind: true })).toMatchObject({
    verdict: 'ok',
    audit: { from: 1, to: 25, compared: 25, earlier: 10 },
  });
});
