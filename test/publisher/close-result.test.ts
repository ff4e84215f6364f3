/** `close()` says what became of every event of the publisher's life: acknowledged, left on disk, or lost. */
import { createPublisher, type Publisher } from '@waybill/publisher';
import { beforeEach, expect, test } from 'vitest';
import { expectChained } from '../support/expect-chained.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { SOURCE, upload } from '../support/publishers.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { createAudit } from '../support/audit-stream.ts';
import { memoryLogger } from '../support/logger.ts';
import { PATIENT } from '../support/time.ts';

beforeEach(needsOwnServer);

function emitMany(publisher: Publisher, count: number): void {
  for (let n = 0; n < count; n++) publisher.emit(upload(n));
}

test('events that were acknowledged before count as acknowledged', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  await createAudit(nc);
  const publisher = createPublisher({ source: SOURCE, servers: server.url, logger: memoryLogger() });
  emitMany(publisher, 30);
  expect(await publisher.flush(PATIENT)).toBe(true);
  await publisher.confirm(upload(30), PATIENT);
  emitMany(publisher, 19);
  expect(await publisher.close(PATIENT)).toEqual({ acked: 50, spooled: 0, lost: 0 });
  await expectChained(nc, 50);
  // The same answer, however often it is asked.
  publisher.emit(upload(1));
  expect(await publisher.close(PATIENT)).toEqual({ acked: 50, spooled: 0, lost: 0 });
});

test('what was refused or dropped at any time is lost, what is on disk is not', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  await createAudit(nc);
  using directory = temporaryDirectory();
  const publisher = createPublisher({
    source: SOURCE,
    connection: nc,
    spoolDir: directory.path,
    logger: memoryLogger(),
  });
  emitMany(publisher, 10);
  publisher.emit({ type: 'casartifact.uploaded', fields: { orgid: 'acme' } });
  publisher.emit({ type: 'not.allowed', fields: {} });
  expect(await publisher.flush(PATIENT)).toBe(true);
  await server.stop();
  emitMany(publisher, 7);
  const result = await publisher.close({ timeoutMs: 50 });
  expect(result).toEqual({ acked: 10, spooled: 7, lost: 2 });
  const { emitted } = publisher.stats();
  expect(result.acked + result.spooled + result.lost).toBe(emitted);
});

test('of a disabled publisher everything', async () => {
  const publisher = createPublisher({ source: '//test', logger: memoryLogger() });
  emitMany(publisher, 3);
  expect(await publisher.close(PATIENT)).toEqual({ acked: 0, spooled: 0, lost: 3 });
});
