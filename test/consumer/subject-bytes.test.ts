/** Subjects are bytes. The server's JSON and Node's decoder show bytes that are no UTF-8 as different texts. */
import { jetstreamManager } from '@nats-io/jetstream';
import { startConsumer } from '@waybill/consumer';
import { beforeEach, expect, test } from 'vitest';
import { SYSTEM_CHAIN } from '@waybill/schema/internal';
import { caughtUp, checkLedger } from '../support/check-ledger.ts';
import { logger } from '../support/logger.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { publishRaw } from '../support/raw-publish.ts';
import { backUp, restore } from '../support/stream-backup.ts';
import { artifactEvent, makeStreams, publishAll } from '../support/traffic.ts';
import { environmentOf, serve, waybill } from '../support/waybill.ts';
import { until } from '../support/until.ts';

beforeEach(needsOwnServer);

const ENDINGS: readonly (readonly [what: string, bytes: readonly number[]])[] = [
  ['a truncated sequence of three bytes', [0xe2, 0x82]],
  ['a truncated sequence of four bytes', [0xf0, 0x9f, 0x98]],
  ['a lone continuation byte', [0x80]],
  ['an overlong form', [0xc0, 0xaf]],
  ['a surrogate', [0xed, 0xa0, 0x80]],
  ['a byte order mark', [0xef, 0xbb, 0xbf]],
  ['bytes that are never in UTF-8', [0xff, 0xfe]],
  ['a line separator', [0xe2, 0x80, 0xa8]],
  ['what JSON escapes', [0x22, 0x5c, 0x3c, 0x01]],
  ['text beyond ASCII', [0xc3, 0xa9]],
];

test.for(ENDINGS)('a newest message whose subject ends in %s stops nobody', async ([, bytes]) => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const event = artifactEvent(settings, { orgid: 'acme', kind: 'upload', bytes: 1 });
  await publishAll(nc, [event]);
  const subject = Buffer.concat([Buffer.from(`${settings.auditPrefix}.run.`), Buffer.from(bytes)]);
  await publishRaw(server.port, subject, Buffer.from('no event'));
  for (const expected of [2, 3]) {
    await using consumer = await startConsumer({ nc, logger, ...settings });
    await caughtUp(nc, settings);
    await until('what is there to be chained', () => consumer.status().watermark >= expected);
    expect(consumer.status()).toMatchObject({ role: 'writer', lastError: null, failures: 0 });
    await consumer.close();
    // Nothing stopped it.
    await consumer.done;
    if (expected === 2) await publishRaw(server.port, subject, Buffer.from('no event either'));
  }
  const ledger = await checkLedger(nc, settings);
  expect(ledger.entries(SYSTEM_CHAIN).map(({ event: record }) => record?.['reason'])).toEqual([
    'bad_subject',
    'bad_subject',
  ]);
  const verified = await waybill(['verify', '--all'], environmentOf(server.url, settings));
  expect(verified).toMatchObject({ code: 0 });
});

test('serve starts again on a stream whose newest subject is no text', async () => {
  await using server = await startNats();
  const env = { WAYBILL_NATS_URL: server.url, WAYBILL_HTTP_PORT: '0' };
  for (const message of [1, 2, 3]) {
    await using serving = serve(env);
    await until('the writer to begin', () => serving.log.includes('"msg":"writing"'));
    await publishRaw(server.port, Buffer.from('audit.run.\xe2\x82', 'latin1'), Buffer.from('no event'));
    await until('it to be chained', async () => (await serving.status())?.watermark === message);
    expect(await serving.terminate()).toBe(0);
  }
});

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
