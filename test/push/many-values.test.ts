/** More values than an engine takes at once, and batches of which it has a part. */
import { push } from '@waybill/consumer';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createLedgerBuilder } from '../support/ledger-builder.ts';
import { HOUR_MS } from '../support/metering-engines.ts';
import { startNats } from '../support/nats.ts';
import { CUSTOMERS, daysAgo, KEYS, NAMES, start } from '../support/pushed-month.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { makeStreams } from '../support/traffic.ts';

const HOURS = 230;

test.each(NAMES)('%s: hours of ten days, of which it has the first three', async (name) => {
  await using server = await startNats();
  await using engine = await start(name);
  using folder = temporaryDirectory();
  const nc = await server.connect();
  const settings = { ...(await makeStreams(nc)), auditPrefix: 'audit' };
  const builder = createLedgerBuilder(nc, settings);
  const begin = Date.parse(daysAgo(12));
  let sum = 0n;
  for (let hour = 0; hour < HOURS; hour++) {
    builder.append({ orgid: 'acme', received: new Date(begin + hour * HOUR_MS).toISOString(), bytes: hour + 1 });
    sum += BigInt(hour + 1);
  }
  builder.append({ orgid: 'acme', received: daysAgo(1), bytes: 1 });
  await builder.commit();
  const account = { engine: name, url: engine.url, key: KEYS[name], customers: CUSTOMERS, retryPauseMs: 1 };
  const hours = { from: daysAgo(12), step: 'hour' } as const;
  const first = { ...hours, to: daysAgo(9), journal: join(folder.path, 'lost') };
  expect(await push(nc, settings, { ...account, ...first })).toMatchObject({ sent: 72, found: 0 });
  const all = { ...hours, to: daysAgo(2), journal: join(folder.path, 'journal') };
  expect(await push(nc, settings, { ...account, ...all })).toMatchObject({ sent: HOURS - 72, found: 72, before: 0 });
  expect(engine.sum(CUSTOMERS.acme, 'waybill_upload_bytes')).toBe(sum);
  expect(engine.counted).toHaveLength(HOURS);
  expect(await push(nc, settings, { ...account, ...all })).toMatchObject({ sent: 0, found: 0, before: HOURS });
});
