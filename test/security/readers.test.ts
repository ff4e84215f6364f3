/**
 * What the service, the auditor and the reader of deploy/nats-server.conf may do: read, and nothing else but what is named here.
 */
import { AckPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { createInbox } from '@nats-io/transport-node';
import { beforeEach, describe, expect, test } from 'vitest';
import { needsOwnServer } from '../support/nats.ts';
import {
  CONSUMER_REQUESTS,
  expectUntouched,
  ORG,
  startShipped,
  useShipped,
  updateThatErases,
  UPLOADED,
} from '../support/shipped-streams.ts';
import { WAIT_MS } from '../support/time.ts';

beforeEach(needsOwnServer);

const shipped = useShipped();

describe.for(['service', 'auditor', 'reader'] as const)('the %s', (as) => {
  test('reads both streams, by their leader and by direct gets', async () => {
    const server = await shipped();
    const connection = await server.connect({ as });
    const manager = await jetstreamManager(connection);
    for (const [stream, subject] of [
      ['AUDIT', UPLOADED],
      ['LEDGER', `ledger.${ORG}`],
    ] as const) {
      expect((await manager.streams.info(stream)).state.messages).toBe(1);
      expect((await manager.streams.getMessage(stream, { last_by_subj: subject }))?.seq).toBe(1);
      expect((await manager.direct.getMessage(stream, { last_by_subj: subject }))?.seq).toBe(1);
      const seqs: number[] = [];
      for await (const { seq } of await manager.direct.getBatch(stream, { seq: 1, batch: 10 })) seqs.push(seq);
      for await (const { seq } of await manager.direct.getLastMessagesFor(stream, { multi_last: [subject] }))
        seqs.push(seq);
      expect(seqs).toEqual([1, 1]);
    }
  });

  test.for([
    ['$JS.API.STREAM.CREATE.OTHER', '{"name":"OTHER","subjects":["other"]}'],
    ['$JS.API.STREAM.UPDATE.AUDIT', updateThatErases()],
    ['$JS.API.STREAM.UPDATE.LEDGER', updateThatErases()],
    ['$JS.API.STREAM.PURGE.AUDIT', ''],
    ['$JS.API.STREAM.PURGE.LEDGER', ''],
    ['$JS.API.STREAM.DELETE.AUDIT', ''],
    ['$JS.API.STREAM.DELETE.LEDGER', ''],
    ['$JS.API.STREAM.MSG.DELETE.AUDIT', '{"seq":1}'],
    ['$JS.API.STREAM.MSG.DELETE.LEDGER', '{"seq":1}'],
    ...CONSUMER_REQUESTS.map((request) => [`$JS.API.CONSUMER.${request('LEDGER')}`, '{}'] as const),
    [UPLOADED, '{}'],
    ['$SRV.PING.waybill', ''],
    ['_INBOX.admin.1', 'a forged answer'],
  ] as const)('is refused %s', async ([subject, payload]) => {
    const server = await shipped();
    const connection = await server.connect({ as });
    await expect(connection.request(subject, payload, { timeout: WAIT_MS })).rejects.toThrow(/permissions violation/i);
    await expectUntouched(server, { audit: 1 });
  });
});

test('the service appends to the ledger under a sequence check, auditor and reader do not', async () => {
  await using server = await startShipped();
  const service = jetstream(await server.connect({ as: 'service' }));
  expect(await service.publish(`ledger.${ORG}`, 'block', { expect: { lastSequence: 1 } })).toMatchObject({ seq: 2 });
  await expect(service.publish(`ledger.${ORG}`, 'fork', { expect: { lastSequence: 1 } })).rejects.toThrow(/wrong last/);
  for (const as of ['auditor', 'reader'] as const) {
    const reader = await server.connect({ as });
    await expect(reader.request(`ledger.${ORG}`, 'x', { timeout: WAIT_MS })).rejects.toThrow(/permissions violation/i);
  }
});

test.for(['auditor', 'reader'] as const)('the %s has no consumer of either stream', async (as) => {
  const server = await shipped();
  const connection = await server.connect({ as });
  for (const stream of ['AUDIT', 'LEDGER'])
    for (const request of CONSUMER_REQUESTS)
      await expect(
        connection.request(`$JS.API.CONSUMER.${request(stream)}`, '{}', { timeout: WAIT_MS }),
      ).rejects.toThrow(/permissions violation/i);
  await expectUntouched(server, { audit: 1 });
});

test('the service reads AUDIT by a pull consumer of its own', async () => {
  await using server = await startShipped();
  const service = await server.connect({ as: 'service' });
  const { consumers } = await jetstreamManager(service);
  const { name } = await consumers.add('AUDIT', { name: 'own', ack_policy: AckPolicy.None, mem_storage: true });
  const inbox = createInbox('_INBOX.service');
  const messages = service.subscribe(inbox, { max: 1 });
  service.publish(`$JS.API.CONSUMER.MSG.NEXT.AUDIT.${name}`, '{"batch":1}', { reply: inbox });
  for await (const message of messages) expect(message.string()).toBe('event');
  expect(await consumers.delete('AUDIT', name)).toBe(true);
});

test('not even the admin deletes or purges a single message', async () => {
  const server = await shipped();
  const manager = await jetstreamManager(await server.connect({ as: 'admin' }));
  for (const stream of ['AUDIT', 'LEDGER']) {
    await expect(manager.streams.purge(stream)).rejects.toThrow(/not permitted/);
    await expect(manager.streams.deleteMessage(stream, 1)).rejects.toThrow(/not permitted/);
  }
});
