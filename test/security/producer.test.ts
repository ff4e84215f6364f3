/** What the producer of deploy/nats-server.conf may do, and above all what it may not. */
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { headers } from '@nats-io/transport-node';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { needsOwnServer, startNats } from '../support/nats.ts';
import {
  CONTROL,
  createStreams,
  expectUntouched,
  ORG,
  seed,
  startShipped,
  useShipped,
  states,
  updateThatErases,
  UPLOADED,
} from '../support/shipped-streams.ts';
import { ROOT } from '../support/repository.ts';
import { WAIT_MS } from '../support/time.ts';

beforeEach(needsOwnServer);

const shipped = useShipped();

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
  CONTROL,
] as const;

describe('the producer', () => {
  test('publishes its own subjects and gets the ack', async () => {
    await using server = await startShipped();
    const producer = await server.connect({ as: 'producer' });
    const ack = await producer.request(UPLOADED, '{}', { timeout: WAIT_MS });
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
    const server = await shipped();
    const producer = await server.connect({ as: 'producer' });
    await expect(producer.request(subject, payload, { timeout: WAIT_MS })).rejects.toThrow(/permissions violation/i);
    await expectUntouched(server, { audit: 1 });
  });

  test.for(['audit.>', 'ledger.>', '_INBOX.>', '_INBOX.service.>', '>'])(
    'is refused a subscription to %s',
    async (subject) => {
      const server = await shipped();
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
    const server = await shipped();
    const producer = await server.connect({ as: 'producer' });
    const withHeader = headers();
    withHeader.set(name, value);
    const answer = await producer.request(UPLOADED, '{}', { timeout: WAIT_MS, headers: withHeader });
    expect(answer.json()).toHaveProperty('error.err_code');
    await expectUntouched(server, { audit: 1 });
  });

  test.for(TARGETS)('gains nothing by a reply to %s', async (reply) => {
    await using server = await startShipped();
    const producer = await server.connect({ as: 'producer' });
    producer.publish(UPLOADED, updateThatErases(), { reply });
    // Answered only after the publish before it has been dealt with: the same connection, the same stream.
    await producer.request(UPLOADED, '{}', { timeout: WAIT_MS });
    // The publish itself may be stored (the producer may publish it): what counts is that nothing else changed.
    await expectUntouched(server, { audit: 3 });
  });
});

test('a producer that may publish everything in its account says nothing as an operator: the subject does not cross', async () => {
  const shipped = await readFile(join(ROOT, 'deploy/nats-server.conf'), 'utf8');
  const accounts = shipped
    .slice(shipped.indexOf('accounts {'))
    .replaceAll(/\$NATS_(\w+)_PASSWORD/g, (_, user: string) => user.toLowerCase())
    .replace(/permissions \{\s+publish \{ allow: \["audit\.casartifact[^}]+\}\s+subscribe \{[^}]+\}\s+\}/, '');
  await using server = await startNats({ extraConfig: accounts });
  const admin = await server.connect({ user: 'admin', pass: 'admin' });
  await createStreams(await jetstreamManager(admin));
  await seed(admin);
  const producer = await server.connect({ user: 'producer', pass: 'producer' });
  // Nobody takes it, or somebody of the same account does; the stream does not.
  await expect(producer.request(CONTROL, '{}', { timeout: WAIT_MS })).rejects.toThrow(/no responders/i);
  expect((await producer.request('audit.user.loggedin.acme', '{}', { timeout: WAIT_MS })).json()).toMatchObject({
    seq: 2,
  });
  producer.publish(UPLOADED, '{}', { reply: CONTROL });
  await producer.request(UPLOADED, '{}', { timeout: WAIT_MS });
  const { audit } = await states(admin);
  expect(audit.state.messages).toBe(4);
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
    await producer.request(UPLOADED, '{}', { timeout: WAIT_MS });
    const { ledger } = await states(admin);
    expect(ledger.state.messages).toBe(2);
  });
});
