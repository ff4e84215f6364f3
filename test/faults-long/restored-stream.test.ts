/**
 * An older backup of AUDIT is put back. This test is not part of `npm test`, because it hangs about once in a hundred
 * runs on a loaded machine: `done` never rejects, and why is not known yet.
 */
import { jetstreamManager } from '@nats-io/jetstream';
import { startConsumer } from '@waybill/consumer';
import { beforeEach, expect, test } from 'vitest';
import { caughtUp } from '../support/check-ledger.ts';
import { logger } from '../support/logger.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { publishRaw } from '../support/raw-publish.ts';
import { backUp, restore } from '../support/stream-backup.ts';
import { makeStreams } from '../support/traffic.ts';

beforeEach(needsOwnServer);

test('another message under the same number is still found out, by its bytes', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const { streams } = await jetstreamManager(nc);
  const subject = Buffer.from(`${settings.auditPrefix}.run.\xe2\x82`, 'latin1');
  await publishRaw(server.port, subject, Buffer.from('two'));
  const { config } = await streams.info(settings.auditStream);
  const older = await backUp(nc, settings.auditStream);
  await streams.delete(settings.auditStream);
  await streams.add(config);
  await publishRaw(server.port, subject, Buffer.from('one'));
  {
    await using _consumer = await startConsumer({ nc, logger, ...settings });
    await caughtUp(nc, settings);
  }
  await streams.delete(settings.auditStream);
  await restore(nc, older);
  await using consumer = await startConsumer({ nc, logger, ...settings });
  await expect(consumer.done).rejects.toMatchObject({
    code: 'STREAM_RESET',
    message: expect.stringContaining('it is another message'),
  });
});
