/** The counts of `/status` and `/metrics` are of what is stored: a message that had to be chained again counts once. */
import { jetstreamManager } from '@nats-io/jetstream';
import { startConsumer } from '@waybill/consumer';
import { expect, test } from 'vitest';
import { caughtUp, checkLedger } from '../support/check-ledger.ts';
import { logger } from '../support/logger.ts';
import { startNats } from '../support/nats.ts';
import { artifactEvent, makeStreams, publishAll, uuid } from '../support/traffic.ts';
import { until } from '../support/until.ts';

test('commits that failed are not counted', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const { streams } = await jetstreamManager(nc);
  const event = (sequence: number) =>
    artifactEvent(settings, {
      orgid: 'acme',
      kind: 'upload',
      bytes: sequence,
      attributes: { producer: 'p', producerseq: String(sequence) },
    });
  const again = event(2);
  await publishAll(nc, [event(1), again, event(3), { ...again, id: uuid() }, { ...event(4), payload: 'garbage' }]);
  await streams.deleteMessage(settings.auditStream, 3);

  const { config } = await streams.info(settings.ledgerStream);
  await streams.update(settings.ledgerStream, { ...config, max_msg_size: 10 });
  await using consumer = await startConsumer({ nc, logger, ...settings, restartMs: 10 });
  await until('commits that fail', () => consumer.status().failures > 2);
  expect(consumer.status()).toMatchObject({ entries: 0, rejected: 0, duplicates: 0, gaps: 0 });
  await streams.update(settings.ledgerStream, config);
  await caughtUp(nc, settings);
  await consumer.close();

  const { chains } = await checkLedger(nc, settings);
  expect(new Map([...chains].map(([orgid, lines]) => [orgid, lines.length]))).toEqual(
    new Map([
      ['acme', 2],
      ['_system', 3],
    ]),
  );
  expect(consumer.status()).toMatchObject({ entries: 5, rejected: 1, duplicates: 1, gaps: 1 });
});
