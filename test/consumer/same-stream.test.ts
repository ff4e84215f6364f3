/** The stream of events is recognized by its newest message, also where that holds several events. */
import { jetstreamManager } from '@nats-io/jetstream';
import { startConsumer } from '@waybill/consumer';
import { SYSTEM_CHAIN } from '@waybill/schema/internal';
import { expect, test } from 'vitest';
import { caughtUp, checkLedger } from '../support/check-ledger.ts';
import { logger } from '../support/logger.ts';
import { startNats } from '../support/nats.ts';
import { backUp, restore } from '../support/stream-backup.ts';
import { artifactEvent, makeStreams } from '../support/traffic.ts';

test.for([
  [
    'its last event',
    (good: string, n: number) => `[{"bad":0}, ${good.replace('"size_bytes":1', `"size_bytes":${n}`)}]`,
  ],
  ['a record of its last element', (good: string, n: number) => `[${good}, {"bad":${n}} ]`],
] as const)('a consumer starts again after %s, and not on another message', async ([, write]) => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const { streams } = await jetstreamManager(nc);
  const { subject, payload } = artifactEvent(settings, { orgid: 'acme', kind: 'upload', bytes: 1 });
  const publish = (n: number) => nc.request(subject, write(payload, n));
  await publish(2);
  const { config } = await streams.info(settings.auditStream);
  const other = await backUp(nc, settings.auditStream);
  await streams.delete(settings.auditStream);
  await streams.add(config);
  await publish(3);
  for (let start = 0; start < 2; start++) {
    await using consumer = await startConsumer({ nc, logger, ...settings });
    await caughtUp(nc, settings);
    await consumer.close();
    // Nothing stopped it.
    await consumer.done;
  }
  const ledger = await checkLedger(nc, settings);
  expect(ledger.entries('acme')).toHaveLength(1);
  expect(ledger.entries(SYSTEM_CHAIN)).toMatchObject([{ event: { kind: 'rejected' } }]);

  await streams.delete(settings.auditStream);
  await restore(nc, other);
  await using consumer = await startConsumer({ nc, logger, ...settings });
  await expect(consumer.done).rejects.toMatchObject({
    code: 'STREAM_RESET',
    message: expect.stringMatching(/it is another (event|message)/) as string,
  });
});
