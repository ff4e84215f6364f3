/** Answers and deliveries that an auditor would have sent where they do harm. */
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { beforeEach, describe, expect, test } from 'vitest';
import { needsOwnServer, startNats, type TestNats } from '../support/nats.ts';
import {
  CONSUMER_REQUESTS,
  createStreams,
  expectUntouched,
  ORG,
  seed,
  startShipped,
  useShipped,
  states,
  UPLOADED,
} from '../support/shipped-streams.ts';
import { WAIT_MS } from '../support/time.ts';
import { until } from '../support/until.ts';

beforeEach(needsOwnServer);

const shipped = useShipped();

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
    const server = await shipped();
    await using heard = await listenEverywhere(server);
    const auditor = await server.connect({ as: 'auditor' });
    for (const reply of PLACES) auditor.publish(subject, payload, { reply });
    // Asked after them, and answered after them.
    await auditor.request('$JS.API.STREAM.INFO.LEDGER', '', { timeout: WAIT_MS });
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
        await expect(auditor.request(subject, payload, { timeout: WAIT_MS })).rejects.toThrow(/permissions violation/i);
        // To have the messages that are asked for, or the answer, delivered there.
        auditor.publish(subject, '{"batch":1}', { reply: place });
      }
    }
    // An event that such a consumer would deliver.
    await (await server.connect({ as: 'producer' })).request(UPLOADED, '{}', { timeout: WAIT_MS });
    await auditor.request('$JS.API.STREAM.INFO.LEDGER', '', { timeout: WAIT_MS });
    expect(await heard.arrived()).toEqual([]);
    await expectUntouched(server, { audit: 2 });
  });
});

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
    await auditor.request(`$JS.API.CONSUMER.CREATE.AUDIT.x${i}`, request, { timeout: WAIT_MS });
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
  await auditor.request('$JS.API.STREAM.INFO.AUDIT', '', { timeout: WAIT_MS });
  const { ledger } = await states(admin);
  expect(ledger.state.messages).toBe(2);
});
