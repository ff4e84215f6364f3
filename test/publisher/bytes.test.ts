import { connect as connectV2 } from 'nats';
import { type ConnectionLike, createPublisher } from '@waybill/publisher';
import { runStarted } from '@waybill/publisher/instrument';
import { beforeEach, expect, test } from 'vitest';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { SOURCE } from '../support/publishers.ts';
import { createAudit, readStored } from '../support/audit-stream.ts';
import { memoryLogger } from '../support/logger.ts';
import { PATIENT } from '../support/time.ts';

beforeEach(needsOwnServer);

/** One byte a character, several, what has a meaning in NATS' protocol, and much of each. */
const NAMES = ['plain', 'Zoë', '€ 💶 ', '\r\nPUB audit.x 0\r\n\r\n', 'x'];
const NOTES = ['', 'ü'.repeat(20_000), 'x'.repeat(60_000), '💶'.repeat(10_000)];

async function expectStoredAsEmitted(connection: ConnectionLike, reader: Parameters<typeof createAudit>[0]) {
  const publisher = createPublisher({ source: SOURCE, connection, logger: memoryLogger() });
  const emitted: unknown[] = [];
  for (let i = 0; i < 600; i++) {
    const data = { name: NAMES[i % NAMES.length] as string, note: NOTES[i % NOTES.length] as string };
    emitted.push(data);
    publisher.emit({ type: runStarted.type, fields: { orgid: 'acme', runid: 'r', ...data } });
  }
  expect(await publisher.close(PATIENT)).toMatchObject({ acked: 600, lost: 0 });
  expect((await readStored(reader)).map(({ event }) => event.data)).toEqual(emitted);
}

test('what is emitted is stored to the byte, through both clients', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const manager = await createAudit(nc);
  await expectStoredAsEmitted(nc, nc);
  await manager.streams.purge('AUDIT');
  const old = await connectV2({ servers: server.url });
  await expectStoredAsEmitted(old, nc);
  await old.close();
});
