import {
  AckPolicy,
  DiscardPolicy,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type StreamInfo,
} from '@nats-io/jetstream';
import { createInbox, headers, type NatsConnection } from '@nats-io/transport-node';
import { beforeEach, describe, expect, test } from 'vitest';
import { needsOwnServer, startNats, type TestNats } from '../support/nats.ts';
import { until } from '../support/until.ts';

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

/** Every way to have a consumer, by the rest of the subject. */
const CONSUMER_REQUESTS = [
  (stream: string) => `CREATE.${stream}`,
  (stream: string) => `CREATE.${stream}.x`,
  (stream: string) => `CREATE.${stream}.x.audit.>`,
  (stream: string) => `DURABLE.CREATE.${stream}.x`,
  (stream: string) => `INFO.${stream}.x`,
  (stream: string) => `MSG.NEXT.${stream}.x`,
  (stream: string) => `DELETE.${stream}.x`,
  (stream: string) => `NAMES.${stream}`,
  (stream: string) => `PAUSE.${stream}.x`,
] as const;

describe.for(['service', 'auditor'] as const)('the %s', (as) => {
  test('reads both streams, by their leader and by direct gets', async () => {
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

describe('the auditor gains nothing', () => {
  test.for([
    ['$JS.API.INFO', ''],
    ['$JS.API.STREAM.INFO.AUDIT', ''],
    ['$JS.API.STREAM.MSG.GET.AUDIT', '{"seq":1}'],
    ['$JS.API.DIRECT.GET.AUDIT', '{"seq":1}'],
    ['$JS.API.DIRECT.GET.AUDIT', '{"seq":1,"batch":10}'],
    ['$JS.API.DIRECT.GET.AUDIT', `{"multi_last":["${UPLOADED}"]}`],
    [`$JS.API.DIRECT.GET.AUDIT.${UPLOADED}`, ''],
  ] as const)('by a reply subject of %s %s', async ([subject, payload]) => {
    await using server = await startShipped();
    await using heard = await listenEverywhere(server);
    const auditor = await server.connect({ as: 'auditor' });
    for (const reply of PLACES) auditor.publish(subject, payload, { reply });
    // Asked after them, and answered after them.
    await auditor.request('$JS.API.STREAM.INFO.LEDGER', '', { timeout: 5000 });
    expect(await heard.arrived()).toEqual([]);
    await expectUntouched(server, { audit: 1 });
  });

  test.for(['AUDIT', 'LEDGER'] as const)('by a consumer of %s, which it cannot have', async (stream) => {
    await using server = await startShipped();
    await using heard = await listenEverywhere(server);
    const auditor = await server.connect({ as: 'auditor' });
    for (const [i, place] of PLACES.entries()) {
      for (const request of CONSUMER_REQUESTS) {
        const subject = `$JS.API.CONSUMER.${request(stream)}`;
        const payload = JSON.stringify(pushTo(stream, `x${i}`, place));
        await expect(auditor.request(subject, payload, { timeout: 5000 })).rejects.toThrow(/permissions violation/i);
        // To have the messages that are asked for, or the answer, delivered there.
        auditor.publish(subject, '{"batch":1}', { reply: place });
      }
    }
    // An event that such a consumer would deliver.
    await (await server.connect({ as: 'producer' })).request(UPLOADED, '{}', { timeout: 5000 });
    await auditor.request('$JS.API.STREAM.INFO.LEDGER', '', { timeout: 5000 });
    expect(await heard.arrived()).toEqual([]);
    await expectUntouched(server, { audit: 2 });
  });
});

/** Where messages would do harm: subjects that a stream stores, that the service answers, or that somebody waits at. */
const PLACES = [`ledger.${ORG}`, 'ledger._system', UPLOADED, '$SRV.PING', '$SRV.INFO.waybill', '_INBOX.service.1'];

function pushTo(stream: string, name: string, deliver_subject: string) {
  const config = { name, deliver_subject, ack_policy: 'none', deliver_policy: 'all', mem_storage: true };
  return { stream_name: stream, config };
}

interface Heard extends AsyncDisposable {
  /** Those of `PLACES` where something has arrived that nobody of this account has sent. */
  arrived(): Promise<string[]>;
}

/** A listener in the account of the streams: a consumer delivers only where somebody listens. */
async function listenEverywhere(server: TestNats): Promise<Heard> {
  return listenWith(await server.connect({ as: 'admin' }));
}

async function listenWith(listener: NatsConnection): Promise<Heard> {
  const places: string[] = [];
  // What the producer itself publishes arrives at its subject, and is no injection.
  for (const place of PLACES) {
    listener.subscribe(place, { callback: (_, { data }) => void (data.length > 2 && places.push(place)) });
  }
  await listener.flush();
  return {
    async arrived() {
      await listener.flush();
      return places;
    },
    [Symbol.asyncDispose]: () => listener.close(),
  };
}

test('an auditor who may create consumers does reach who listens in the account of the streams', async () => {
  const subjects = ['$JS.API.INFO', '$JS.API.CONSUMER.CREATE.*.>'];
  await using server = await startNats({
    extraConfig: `accounts {
      AUDIT { jetstream: enabled, users: [{ user: admin, password: a }]
              exports: [${subjects.map((subject) => `{ service: "${subject}", accounts: [READERS] }`).join(', ')}] }
      READERS { users: [{ user: auditor, password: p }]
                imports: [${subjects.map((subject) => `{ service: { account: AUDIT, subject: "${subject}" } }`).join(', ')}] }
    }`,
  });
  const admin = await server.connect({ user: 'admin', pass: 'a' });
  await createStreams(await jetstreamManager(admin));
  await seed(admin);
  await using heard = await listenWith(await server.connect({ user: 'admin', pass: 'a' }));
  const auditor = await server.connect({ user: 'auditor', pass: 'p' });
  for (const [i, place] of ['$SRV.PING', `ledger.${ORG}`].entries()) {
    const request = JSON.stringify(pushTo('AUDIT', `x${i}`, place));
    await auditor.request(`$JS.API.CONSUMER.CREATE.AUDIT.x${i}`, request, { timeout: 5000 });
  }
  await until('the event to arrive at both', async () => (await heard.arrived()).length === 2);
  expect((await heard.arrived()).toSorted()).toEqual(['$SRV.PING', `ledger.${ORG}`]);
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
