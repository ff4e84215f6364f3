/** What the users of deploy/nats-server.conf may do with the stream of tokens. */
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { createInbox } from '@nats-io/transport-node';
import { createToken, deployAccess } from '@waybill/consumer';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { needsOwnServer, startNats, type TestNats } from '../support/nats.ts';
import { CONSUMER_REQUESTS } from '../support/shipped-streams.ts';
import { WAIT_MS } from '../support/time.ts';

beforeEach(needsOwnServer);

let shared: Promise<{ server: TestNats; id: string }> | undefined;
const prepared = (): NonNullable<typeof shared> => (shared ??= prepare());
afterAll(async () => (await shared)?.server[Symbol.asyncDispose]());

const SUBJECT = (id: string): string => `access.token.${id}`;
const ERASES = JSON.stringify({ name: 'ACCESS', subjects: ['access.token.*'], max_msgs: 1, discard: 'old' });

async function prepare(): Promise<{ server: TestNats; id: string }> {
  const server = await startNats({ config: 'shipped' });
  const nc = await server.connect({ as: 'access-admin' });
  await deployAccess(nc, { stream: 'ACCESS', prefix: 'access', replicas: 1 });
  const at = { nc, stream: 'ACCESS', prefix: 'access' };
  const { record } = await createToken(at, { name: 'x', scopes: ['verify'], organizations: ['acme'], by: 'test' });
  return { server, id: record.id };
}

/** One token, one message, no consumer, and the protections. */
async function expectUntouched(server: TestNats, messages = 1): Promise<void> {
  const { streams } = await jetstreamManager(await server.connect({ as: 'access-admin' }), { checkAPI: false });
  const { state, config } = await streams.info('ACCESS');
  expect(state).toMatchObject({ messages, first_seq: 1, last_seq: messages, consumer_count: 0 });
  expect(config).toMatchObject({ max_msgs: -1, discard: 'new', deny_delete: true, deny_purge: true });
}

/** `<token>` stands for the id of a token that is there. */
const FORBIDDEN: readonly (readonly [subject: string, payload: string])[] = [
  ['access.token.<token>', '{}'],
  ['access.token.aaaaaaaaaaaaaaaa', '{}'],
  ['$JS.API.STREAM.CREATE.ACCESS', ERASES],
  ['$JS.API.STREAM.UPDATE.ACCESS', ERASES],
  ['$JS.API.STREAM.INFO.ACCESS', ''],
  ['$JS.API.STREAM.PURGE.ACCESS', ''],
  ['$JS.API.STREAM.DELETE.ACCESS', ''],
  ['$JS.API.STREAM.MSG.DELETE.ACCESS', '{"seq":1}'],
  ['$JS.API.STREAM.NAMES', ''],
  ['$JS.API.DIRECT.GET.ACCESS', '{"seq":1}'],
  ['$JS.API.STREAM.MSG.GET.LEDGER', '{"seq":1}'],
  ['$JS.API.STREAM.CREATE.OTHER', '{"name":"OTHER","subjects":["other"]}'],
  ...CONSUMER_REQUESTS.map((request) => [`$JS.API.CONSUMER.${request('ACCESS')}`, '{}'] as const),
  ['audit.audit.read.acme', '{}'],
  ['_INBOX.access-admin.1', 'a forged answer'],
];

describe('access-reader', () => {
  test('reads a token from its leader', async () => {
    const { server, id } = await prepared();
    const { streams } = await jetstreamManager(await server.connect({ as: 'access-reader' }), { checkAPI: false });
    expect((await streams.getMessage('ACCESS', { last_by_subj: SUBJECT(id) }))?.json()).toMatchObject({ id });
  });

  test.for(FORBIDDEN)('is refused %s', async ([subject, payload]) => {
    const { server, id } = await prepared();
    const nc = await server.connect({ as: 'access-reader' });
    const request = nc.request(subject.replace('<token>', id), payload, { timeout: WAIT_MS });
    await expect(request).rejects.toThrow(/permissions violation/i);
    await expectUntouched(server);
  });

  test('gains nothing by a reply: the answer does not become the newest message of a token', async () => {
    const { server, id } = await prepared();
    const nc = await server.connect({ as: 'access-reader' });
    const question = JSON.stringify({ last_by_subj: SUBJECT(id) });
    for (const reply of [SUBJECT(id), SUBJECT('aaaaaaaaaaaaaaaa'), '$JS.API.STREAM.PURGE.ACCESS']) {
      nc.publish('$JS.API.STREAM.MSG.GET.ACCESS', question, { reply });
      nc.publish('$JS.API.INFO', '', { reply });
    }
    // Answered after what was published before it.
    await nc.request('$JS.API.STREAM.MSG.GET.ACCESS', question, { timeout: WAIT_MS });
    await expectUntouched(server);
  });

  test('hears nothing of others', async () => {
    const { server } = await prepared();
    const nc = await server.connect({ as: 'access-reader' });
    for (const subject of ['access.>', '_INBOX.>', '$JS.>', '>']) {
      const refused = new Promise<Error | undefined>((resolve) => {
        nc.subscribe(subject, { callback: (error) => resolve(error ?? undefined) });
      });
      expect((await refused)?.message).toMatch(/permissions violation/i);
    }
  });
});

test('within one account, the same reply does overwrite a token: so readers have an account of their own', async () => {
  await using server = await startNats({
    extraConfig: `authorization { users: [
      { user: admin, password: a }
      { user: reader, password: p, permissions {
        publish { allow: ["$JS.API.STREAM.MSG.GET.ACCESS"] }, subscribe { allow: ["_INBOX.reader.>"] } } }
    ] }`,
  });
  const admin = await server.connect({ user: 'admin', pass: 'a' });
  await deployAccess(admin, { stream: 'ACCESS', prefix: 'access', replicas: 1 });
  await jetstream(admin).publish(SUBJECT('aaaaaaaaaaaaaaaa'), '{}');
  const reader = await server.connect({ user: 'reader', pass: 'p', inboxPrefix: '_INBOX.reader' });
  const question = '{"seq":1}';
  reader.publish('$JS.API.STREAM.MSG.GET.ACCESS', question, { reply: SUBJECT('aaaaaaaaaaaaaaaa') });
  await reader.request('$JS.API.STREAM.MSG.GET.ACCESS', question, { timeout: WAIT_MS });
  const { streams } = await jetstreamManager(admin);
  expect((await streams.info('ACCESS')).state.messages).toBe(2);
});

describe('access-admin', () => {
  const REFUSED = FORBIDDEN.filter(
    ([subject]) => !/^access\.|STREAM\.(CREATE|UPDATE|INFO)\.ACCESS|_INBOX\.access-admin/.test(subject),
  );
  test.for(REFUSED)('is refused %s', async ([subject, payload]) => {
    const { server } = await prepared();
    const nc = await server.connect({ as: 'access-admin' });
    await expect(nc.request(subject, payload, { timeout: WAIT_MS })).rejects.toThrow(/permissions violation/i);
    await expectUntouched(server);
  });

  test('cannot take the protections of the stream away', async () => {
    const { server } = await prepared();
    const { streams } = await jetstreamManager(await server.connect({ as: 'access-admin' }), { checkAPI: false });
    const { config } = await streams.info('ACCESS');
    for (const change of [{ deny_delete: false }, { deny_purge: false }]) {
      await expect(streams.update('ACCESS', { ...config, ...change })).rejects.toThrow(
        /can not (be )?cancel|cannot|deny/i,
      );
    }
    await expectUntouched(server);
  });
});

describe.for(['service', 'auditor', 'producer', 'reader'] as const)('the %s', (as) => {
  test('reaches no token', async () => {
    const { server, id } = await prepared();
    const nc = await server.connect({ as });
    const question = JSON.stringify({ last_by_subj: SUBJECT(id) });
    await expect(nc.request('$JS.API.STREAM.MSG.GET.ACCESS', question, { timeout: WAIT_MS })).rejects.toThrow(
      /permissions violation/i,
    );
    await expect(nc.request(SUBJECT(id), '{}', { timeout: WAIT_MS })).rejects.toThrow(/permissions violation/i);
    await expectUntouched(server);
  });
});

test('not even the admin of AUDIT reaches a token', async () => {
  const { server, id } = await prepared();
  const nc = await server.connect({ as: 'admin' });
  const question = JSON.stringify({ last_by_subj: SUBJECT(id) });
  const answer = await nc.request('$JS.API.STREAM.MSG.GET.ACCESS', question, { timeout: WAIT_MS });
  expect(answer.json()).toHaveProperty('error.err_code', 10_059);
  nc.publish(SUBJECT(id), '{}', { reply: createInbox('_INBOX.admin') });
  await nc.flush();
  await expectUntouched(server);
});

describe('the reader', () => {
  test('publishes events about reads and gets the ack, and nothing else', async () => {
    await using server = await startNats({ config: 'shipped' });
    const { streams } = await jetstreamManager(await server.connect({ as: 'admin' }));
    await streams.add({ name: 'AUDIT', subjects: ['audit.>'] });
    await streams.add({ name: 'LEDGER', subjects: ['ledger.*'] });
    const nc = await server.connect({ as: 'reader' });
    expect(await jetstream(nc).publish('audit.audit.read.acme', '{}')).toMatchObject({ stream: 'AUDIT', seq: 1 });
    // The server writes its answer with its own rights, but not to a subject of the account of the streams.
    for (const reply of ['ledger.acme', 'audit.casartifact.uploaded.acme', '$JS.API.STREAM.PURGE.AUDIT']) {
      nc.publish('audit.audit.read.acme', '{}', { reply });
    }
    expect(await jetstream(nc).publish('audit.audit.read.acme', '{}')).toMatchObject({ stream: 'AUDIT', seq: 5 });
    expect((await streams.info('LEDGER')).state.messages).toBe(0);
    for (const subject of ['audit.casartifact.uploaded.acme', 'audit.producer.closed.acme', 'ledger.acme']) {
      await expect(nc.request(subject, '{}', { timeout: WAIT_MS })).rejects.toThrow(/permissions violation/i);
    }
    expect((await streams.info('AUDIT')).state.messages).toBe(5);
  });
});
