import {
  DiscardPolicy,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type StreamInfo,
} from '@nats-io/jetstream';
import { headers, type NatsConnection } from '@nats-io/transport-node';
import { beforeEach, describe, expect, test } from 'vitest';
import { needsOwnServer, startNats, type TestNats } from './support/nats.ts';

/**
 * What the identities of deploy/nats-server.conf may do, and above all what they may not.
 *
 * The proof is always the state of the streams afterwards, read by the admin: a refused request and a lost one look the
 * same to a client, and a reply-subject attack shows nothing to its sender at all.
 */

beforeEach(needsOwnServer);

const ORG = 'acme';
const UPLOADED = `audit.casartifact.uploaded.${ORG}`;
/** Where the attacks aim: each is a request that would change a stream, or a subject that a stream stores. */
const TARGETS = [
  '$JS.API.STREAM.PURGE.LEDGER',
  '$JS.API.STREAM.PURGE.AUDIT',
  '$JS.API.STREAM.DELETE.LEDGER',
  '$JS.API.STREAM.DELETE.AUDIT',
  '$JS.API.STREAM.UPDATE.LEDGER',
  '$JS.API.STREAM.MSG.DELETE.LEDGER',
  '$JS.API.STREAM.CREATE.INJECTED',
  '$JS.API.CONSUMER.CREATE.LEDGER',
  `ledger.${ORG}`,
  'ledger._system',
] as const;

describe('the producer', () => {
  test('publishes its own subjects and gets the ack', async () => {
    await using server = await startShipped();
    const producer = await server.connect({ as: 'producer' });
    const ack = await producer.request(UPLOADED, '{}', { timeout: 5000 });
    expect(ack.json()).toEqual({ stream: 'AUDIT', seq: 2 });
  });

  test('gets the ack once for an event that it sends twice', async () => {
    await using server = await startShipped();
    const producer = await server.connect({ as: 'producer' });
    const js = jetstream(producer);
    expect(await js.publish(UPLOADED, '{}', { msgID: 'one' })).toMatchObject({ seq: 2, duplicate: false });
    expect(await js.publish(UPLOADED, '{}', { msgID: 'one' })).toMatchObject({ seq: 2, duplicate: true });
  });

  test.for([
    ['an event of another target', `audit.user.loggedin.${ORG}`],
    ['the ledger', `ledger.${ORG}`],
    ...TARGETS.map((subject) => [`as a request, ${subject}`, subject] as const),
    ['the last ledger entry', '$JS.API.STREAM.MSG.GET.LEDGER', '{"last_by_subj":"ledger.acme"}'],
    ['the last event', '$JS.API.DIRECT.GET.AUDIT', `{"last_by_subj":"${UPLOADED}"}`],
    ['the stream list', '$JS.API.STREAM.NAMES'],
    ['a question to the service', '$SRV.PING.waybill'],
    ['the ledger with a limit that would erase it', '$JS.API.STREAM.UPDATE.LEDGER', updateThatErases()],
  ] as const)('is refused %s', async ([, subject, payload = '{}']) => {
    await using server = await startShipped();
    const producer = await server.connect({ as: 'producer' });
    await expect(producer.request(subject, payload, { timeout: 1000 })).rejects.toThrow(/permissions violation/i);
    await expectUntouched(server, { audit: 1 });
  });

  test.for(['audit.>', 'ledger.>', '_INBOX.>', '_INBOX.service.>', '>'])(
    'is refused a subscription to %s',
    async (subject) => {
      await using server = await startShipped();
      const producer = await server.connect({ as: 'producer' });
      const refused = new Promise<Error | undefined>((resolve) => {
        producer.subscribe(subject, { callback: (error) => resolve(error ?? undefined) });
      });
      expect((await refused)?.message).toMatch(/permissions violation/i);
    },
  );

  test.for([
    ['Nats-Rollup', 'all'],
    ['Nats-Rollup', 'sub'],
    ['Nats-TTL', '1s'],
  ] as const)('gains nothing by the header %s: %s, which would remove events', async ([name, value]) => {
    await using server = await startShipped();
    const producer = await server.connect({ as: 'producer' });
    const withHeader = headers();
    withHeader.set(name, value);
    const answer = await producer.request(UPLOADED, '{}', { timeout: 5000, headers: withHeader });
    expect(answer.json()).toHaveProperty('error.err_code');
    await expectUntouched(server, { audit: 1 });
  });

  test.for(TARGETS)('gains nothing by a reply to %s', async (reply) => {
    await using server = await startShipped();
    const producer = await server.connect({ as: 'producer' });
    producer.publish(UPLOADED, updateThatErases(), { reply });
    // Answered only after the publish before it has been dealt with: the same connection, the same stream.
    await producer.request(UPLOADED, '{}', { timeout: 5000 });
    // The publish itself may be stored (the producer may publish it): what counts is that nothing else changed.
    await expectUntouched(server, { audit: 3 });
  });
});

describe('the same attack within one account', () => {
  test('a publish-only user in the account of the streams does inject a message into the ledger', async () => {
    await using server = await startNats({
      extraConfig: `authorization { users: [
        { user: admin, password: a }
        { user: producer, password: p, permissions {
          publish { allow: ["audit.casartifact.>"] }, subscribe { allow: ["_INBOX.producer.>"] } } }
      ] }`,
    });
    const admin = await server.connect({ user: 'admin', pass: 'a' });
    await createStreams(await jetstreamManager(admin));
    await seed(admin);
    const producer = await server.connect({ user: 'producer', pass: 'p', inboxPrefix: '_INBOX.producer' });
    producer.publish(UPLOADED, '{}', { reply: `ledger.${ORG}` });
    await producer.request(UPLOADED, '{}', { timeout: 5000 });
    const { ledger } = await states(admin);
    expect(ledger.state.messages).toBe(2);
  });
});

describe.for(['service', 'auditor'] as const)('the %s', (as) => {
  test('reads both streams and consumes them', async () => {
    await using server = await startShipped();
    const connection = await server.connect({ as });
    const manager = await jetstreamManager(connection);
    for (const [stream, subject] of [
      ['AUDIT', UPLOADED],
      ['LEDGER', `ledger.${ORG}`],
    ] as const) {
      expect((await manager.streams.info(stream)).state.messages).toBe(1);
      expect((await manager.streams.getMessage(stream, { last_by_subj: subject }))?.seq).toBe(1);
      expect((await manager.direct.getMessage(stream, { last_by_subj: subject }))?.seq).toBe(1);
      const consumer = await jetstream(connection).consumers.get(stream);
      expect((await consumer.next({ expires: 2000 }))?.seq).toBe(1);
      await consumer.delete();
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
    ['$JS.API.CONSUMER.DURABLE.CREATE.LEDGER.x', '{}'],
    [UPLOADED, '{}'],
    ['$SRV.PING.waybill', ''],
    ['_INBOX.admin.1', 'a forged answer'],
  ] as const)('is refused %s', async ([subject, payload]) => {
    await using server = await startShipped();
    const connection = await server.connect({ as });
    await expect(connection.request(subject, payload, { timeout: 1000 })).rejects.toThrow(/permissions violation/i);
    await expectUntouched(server, { audit: 1 });
  });
});

test('the service appends to the ledger under a sequence check, the auditor does not', async () => {
  await using server = await startShipped();
  const service = jetstream(await server.connect({ as: 'service' }));
  expect(await service.publish(`ledger.${ORG}`, 'block', { expect: { lastSequence: 1 } })).toMatchObject({ seq: 2 });
  await expect(service.publish(`ledger.${ORG}`, 'fork', { expect: { lastSequence: 1 } })).rejects.toThrow(/wrong last/);
  const auditor = await server.connect({ as: 'auditor' });
  await expect(auditor.request(`ledger.${ORG}`, 'x', { timeout: 1000 })).rejects.toThrow(/permissions violation/i);
});

describe('the auditor gains nothing by a reply subject', () => {
  const PULLED = {
    name: 'pulled',
    ack_policy: 'none',
    deliver_policy: 'all',
    inactive_threshold: 60e9,
    mem_storage: true,
  };

  test.for([
    ['$JS.API.STREAM.INFO.AUDIT', ''],
    ['$JS.API.STREAM.MSG.GET.AUDIT', '{"seq":1}'],
    ['$JS.API.DIRECT.GET.AUDIT', '{"seq":1}'],
    ['$JS.API.DIRECT.GET.AUDIT', '{"seq":1,"batch":10}'],
    [
      '$JS.API.CONSUMER.CREATE.AUDIT.other',
      JSON.stringify({ stream_name: 'AUDIT', config: { ...PULLED, name: 'other' } }),
    ],
    ['$JS.API.CONSUMER.INFO.AUDIT.pulled', ''],
    ['$JS.API.CONSUMER.MSG.NEXT.AUDIT.pulled', '{"batch":1}'],
  ] as const)('of %s %s', async ([subject, payload]) => {
    await using server = await startShipped();
    const auditor = await server.connect({ as: 'auditor' });
    const pulled = { stream_name: 'AUDIT', config: PULLED };
    await auditor.request('$JS.API.CONSUMER.CREATE.AUDIT.pulled', JSON.stringify(pulled), { timeout: 5000 });
    for (const reply of [`ledger.${ORG}`, UPLOADED]) auditor.publish(subject, payload, { reply });
    // Asked after them, and answered after them.
    await auditor.request('$JS.API.STREAM.INFO.LEDGER', '', { timeout: 5000 });
    await expectUnchanged(server);
  });

  test('nor by a consumer that delivers to the ledger', async () => {
    await using server = await startShipped();
    const auditor = await server.connect({ as: 'auditor' });
    for (const deliver_subject of [`ledger.${ORG}`, 'ledger._system']) {
      const config = { ...PULLED, name: 'pushed', deliver_subject };
      const request = JSON.stringify({ stream_name: 'AUDIT', config });
      await auditor.request('$JS.API.CONSUMER.CREATE.AUDIT.pushed', request, { timeout: 5000 });
      // Were it to deliver, it would have by the time that its state is asked for.
      await auditor.request('$JS.API.CONSUMER.INFO.AUDIT.pushed', '', { timeout: 5000 });
    }
    await expectUnchanged(server);
  });

  async function expectUnchanged(server: TestNats): Promise<void> {
    const { audit, ledger } = await states(await server.connect({ as: 'admin' }));
    expect(audit.state).toMatchObject({ messages: 1, last_seq: 1 });
    expect(ledger.state).toMatchObject({ messages: 1, last_seq: 1 });
  }
});

test('an auditor within the account of the streams does inject a message into the ledger', async () => {
  await using server = await startNats({
    extraConfig: `authorization { users: [
      { user: admin, password: a }
      { user: auditor, password: p, permissions {
        publish { allow: ["$JS.API.STREAM.INFO.*"] }, subscribe { allow: ["_INBOX.auditor.>"] } } }
    ] }`,
  });
  const admin = await server.connect({ user: 'admin', pass: 'a' });
  await createStreams(await jetstreamManager(admin));
  await seed(admin);
  const auditor = await server.connect({ user: 'auditor', pass: 'p', inboxPrefix: '_INBOX.auditor' });
  auditor.publish('$JS.API.STREAM.INFO.AUDIT', '', { reply: `ledger.${ORG}` });
  await auditor.request('$JS.API.STREAM.INFO.AUDIT', '', { timeout: 5000 });
  const { ledger } = await states(admin);
  expect(ledger.state.messages).toBe(2);
});

test('not even the admin deletes or purges a single message', async () => {
  await using server = await startShipped();
  const manager = await jetstreamManager(await server.connect({ as: 'admin' }));
  for (const stream of ['AUDIT', 'LEDGER']) {
    await expect(manager.streams.purge(stream)).rejects.toThrow(/not permitted/);
    await expect(manager.streams.deleteMessage(stream, 1)).rejects.toThrow(/not permitted/);
  }
});

async function startShipped(): Promise<TestNats> {
  const server = await startNats({ config: 'shipped' });
  const admin = await server.connect({ as: 'admin' });
  await createStreams(await jetstreamManager(admin));
  await seed(admin);
  return server;
}

async function createStreams(manager: JetStreamManager): Promise<void> {
  for (const [name, subject] of [
    ['AUDIT', 'audit.>'],
    ['LEDGER', 'ledger.*'],
  ] as const) {
    await manager.streams.add({
      name,
      subjects: [subject],
      retention: RetentionPolicy.Limits,
      storage: StorageType.File,
      discard: DiscardPolicy.New,
      deny_delete: true,
      deny_purge: true,
      allow_direct: true,
    });
  }
}

/** One message in each stream, so that there is something to lose. */
async function seed(admin: NatsConnection): Promise<void> {
  await jetstream(admin).publish(UPLOADED, 'event');
  await jetstream(admin).publish(`ledger.${ORG}`, 'block');
}

async function states(admin: NatsConnection): Promise<{ audit: StreamInfo; ledger: StreamInfo }> {
  const { streams } = await jetstreamManager(admin);
  return { audit: await streams.info('AUDIT'), ledger: await streams.info('LEDGER') };
}

/** AUDIT has exactly as many events, the ledger its one block, both their configuration, and there is no third stream. */
async function expectUntouched(server: TestNats, expected: { audit: number }): Promise<void> {
  const admin = await server.connect({ as: 'admin' });
  const manager = await jetstreamManager(admin);
  const names: string[] = [];
  for await (const name of manager.streams.names()) names.push(name);
  expect(names.toSorted()).toEqual(['AUDIT', 'LEDGER']);
  const { audit, ledger } = await states(admin);
  expect(audit.state).toMatchObject({
    messages: expected.audit,
    first_seq: 1,
    last_seq: expected.audit,
    consumer_count: 0,
  });
  expect(ledger.state).toMatchObject({ messages: 1, first_seq: 1, last_seq: 1, consumer_count: 0 });
  for (const { config } of [audit, ledger]) {
    expect(config).toMatchObject({ max_msgs: -1, max_age: 0, discard: 'new', deny_delete: true, deny_purge: true });
  }
}

/** Limits that make the server drop all but one message: it walks around deny_delete and deny_purge. */
function updateThatErases(): string {
  return JSON.stringify({ name: 'LEDGER', subjects: ['ledger.*'], max_msgs: 1, discard: 'old', storage: 'file' });
}
