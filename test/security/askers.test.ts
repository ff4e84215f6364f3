/**
 * Who asks over NATS, with deploy/nats-server.conf: the asker of `acme` gets answers about `acme`, and nothing else, by
 * whatever way it asks.
 */
import { createClient } from '@waybill/client';
import { DEFAULT_SETTINGS, deployStreams, readConfig } from '@waybill/consumer';
import type { NatsConnection } from '@nats-io/nats-core';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { createLedgerBuilder } from '../support/ledger-builder.ts';
import { needsOwnServer, startNats, type TestNats } from '../support/nats.ts';
import { CONSUMER_REQUESTS, states, UPLOADED } from '../support/shipped-streams.ts';
import { type ServedReader, serveReader } from '../support/served-reader.ts';
import { WAIT_MS } from '../support/time.ts';

beforeEach(needsOwnServer);

/** In no answer that the asker gets. */
const SECRETS = ['globex', '987654321', '_system'];

let server: TestNats;
let reader: ServedReader;
let asker: NatsConnection;

beforeEach(() => (prepared ??= prepare()));
let prepared: Promise<void> | undefined;

async function prepare(): Promise<void> {
  server = await startNats({ config: 'shipped' });
  const admin = await server.connect({ as: 'admin' });
  await deployStreams(admin, readConfig({}).settings);
  const builder = createLedgerBuilder(admin, DEFAULT_SETTINGS);
  builder.append({ orgid: 'acme', received: '2025-11-03T12:00:00.000Z', bytes: 1000 });
  builder.append({ orgid: 'globex', received: '2025-11-03T12:00:00.000Z', bytes: 987_654_321 });
  builder.record('2025-11-04T00:00:00.000Z', { kind: 'rejected', subject: 'audit.a.b.globex' });
  await builder.commit();
  reader = await serveReader(await server.connect({ as: 'reader' }), DEFAULT_SETTINGS);
  asker = await server.connect({ as: 'asker' });
}

afterAll(async () => {
  await prepared;
  if (!prepared) return;
  await reader[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

async function ask(subject: string, payload: object | string = {}): Promise<{ code: string; text: string }> {
  const body = typeof payload === 'string' ? payload : JSON.stringify(payload);
  const { data, headers } = await asker.request(subject, body, { timeout: WAIT_MS });
  return { code: headers?.get('Nats-Service-Error-Code') ?? '', text: new TextDecoder().decode(data) };
}

describe('the asker of acme', () => {
  test('gets answers about acme, by a reader that has no other right to write', async () => {
    const client = createClient({ nats: asker });
    expect(await client.usage.get({ orgid: 'acme', period: '2025-11' })).toMatchObject({ uploads: { bytes: '1000' } });
    expect(await client.bills.get({ orgid: 'acme', period: '2025-11' })).toMatchObject({ kind: 'bill' });
    const seqs: number[] = [];
    for await (const { core } of client.entries.list({ orgid: 'acme' })) seqs.push(core.seq);
    expect(seqs).toEqual([1]);
    const { report } = await client.verifications.run({ orgid: 'acme' }, { pollMs: 20 });
    expect(report.chains.map(({ orgid }) => orgid)).toEqual(['acme']);
  });

  test('finds the reader and its endpoints', async () => {
    const { text } = await ask('$SRV.INFO.waybill-reader', '');
    const info = JSON.parse(text) as { type: string; name: string; endpoints: { name: string; subject: string }[] };
    expect(info).toMatchObject({ type: 'io.nats.micro.v1.info_response', name: 'waybill-reader' });
    expect(info.endpoints).toContainEqual({
      name: 'usage-get',
      subject: 'waybill.v1.usage.get.*',
      queue_group: 'waybill',
      metadata: {},
    });
    expect(info.endpoints).toHaveLength(11);
    expect((await ask('$SRV.PING.waybill-reader', '')).text).toContain('ping_response');
  });

  test.for([
    'waybill.v1.usage.get.globex',
    'waybill.v1.bills.get.globex',
    'waybill.v1.entries.list.globex',
    'waybill.v1.entries.list._system',
    'waybill.v1.entries.list._unattributed',
    'waybill.v1.verifications.start.globex',
    'waybill.v1.usage.get.*',
    'waybill.v1.usage.get.>',
    'waybill.v1.>',
    'waybill.v1.usage.get.globex.acme',
    'waybill.v1.usage.all',
    'waybill.v1.bills.all',
    'waybill.v1.organizations.list',
    'waybill.v1.status.get',
    '$SRV.STATS.waybill-reader',
    '$SRV.PING',
    '$SRV.PING.waybill',
    '$JS.API.INFO',
    '$JS.API.STREAM.INFO.LEDGER',
    '$JS.API.STREAM.MSG.GET.LEDGER',
    '$JS.API.DIRECT.GET.LEDGER',
    '$JS.API.DIRECT.GET.LEDGER.ledger.globex',
    '$JS.API.STREAM.CREATE.OTHER',
    ...CONSUMER_REQUESTS.map((request) => `$JS.API.CONSUMER.${request('LEDGER')}`),
    UPLOADED,
    'audit.audit.read.acme',
    'ledger.acme',
    '_R_.x',
    '_INBOX.reader.1',
  ])('may not ask on %s', async (subject) => {
    const before = await states(await server.connect({ as: 'admin' }));
    await expect(ask(subject)).rejects.toThrow(/permissions violation/i);
    const after = await states(await server.connect({ as: 'admin' }));
    for (const stream of ['audit', 'ledger'] as const)
      expect(after[stream].state.messages).toBe(before[stream].state.messages);
  });

  test.for([
    [{ orgid: 'globex' }, 'orgid stands in the subject'],
    [{ orgid: 'acme' }, 'orgid stands in the subject'],
    [{ organizations: 'globex' }, 'no parameter'],
    [{ organizations: 'acme,globex' }, 'no parameter'],
    [{ period: ['2025-11'] }, 'is no text'],
    ['[]', 'no JSON object'],
    ['"globex"', 'no JSON object'],
    ['{"__proto__":{"orgid":"globex"}}', 'no text'],
    ['{', 'no JSON object'],
    [`{"period":"${'x'.repeat(70_000)}"}`, 'at most 65536'],
  ] as const)('gets nothing by the payload %o', async ([payload, detail]) => {
    for (const operation of ['usage.get', 'bills.get', 'entries.list', 'organizations.get']) {
      const { code, text } = await ask(`waybill.v1.${operation}.acme`, payload);
      expect(code).toMatch(/^4/);
      expect(JSON.parse(text)).toMatchObject({ detail: expect.stringContaining(detail) });
    }
  });

  test('sees nothing of others in what it does get', async () => {
    const answers = await Promise.all([
      ask('waybill.v1.usage.get.acme'),
      ask('waybill.v1.organizations.get.acme'),
      ask('waybill.v1.entries.list.acme'),
      ask('waybill.v1.bills.get.acme', { period: '2025-11' }),
      ask('waybill.v1.verifications.get.acme', { id: await idOfGlobex() }),
    ]);
    for (const { text } of answers) for (const secret of SECRETS) expect(text).not.toContain(secret);
    expect(answers.map(({ code }) => code)).toEqual(['', '', '', '', '404']);
  });

  test('hears nothing that is meant for others', async () => {
    for (const subject of ['waybill.v1.>', '_R_.>', '_INBOX.>', '>']) {
      const { promise, resolve } = Promise.withResolvers<Error | null>();
      asker.subscribe(subject, { callback: (error) => resolve(error) });
      await asker.flush();
      expect(await promise).toMatchObject({ name: 'PermissionViolationError' });
    }
  });

  /** Where an answer would do harm, and listeners in every account that has one. */
  test.for(['ledger.acme', 'ledger._system', UPLOADED, '$JS.API.STREAM.INFO.LEDGER', '_INBOX.reader.1', '$SRV.PING'])(
    'cannot have its answer sent to %s',
    async (reply) => {
      const admin = await server.connect({ as: 'admin' });
      const before = await states(admin);
      const heard: string[] = [];
      // The reader's own questions to JetStream are empty.
      const callback = (_: unknown, { data }: { data: Uint8Array }): void =>
        void (data.length > 2 && heard.push(new TextDecoder().decode(data)));
      admin.subscribe(reply, { callback });
      await admin.flush();
      for (const subject of ['waybill.v1.usage.get.acme', '$SRV.INFO.waybill-reader'])
        asker.publish(subject, '', { reply });
      // Asked after them, and answered after them.
      await ask('waybill.v1.usage.get.acme');
      await admin.flush();
      expect(heard).toEqual([]);
      const after = await states(admin);
      for (const stream of ['audit', 'ledger'] as const)
        expect(after[stream].state.messages).toBe(before[stream].state.messages);
    },
  );
});

async function idOfGlobex(): Promise<string> {
  const { id } = reader.reader.verifications.start('globex');
  return id;
}

test('the reader writes nothing but answers, and events about reads', async () => {
  const nc = await server.connect({ as: 'reader' });
  for (const subject of [
    'ledger.acme',
    UPLOADED,
    'waybill.control.x',
    '$JS.API.STREAM.DELETE.LEDGER',
    '$JS.API.CONSUMER.CREATE.LEDGER.x',
    '_INBOX.auditor.1',
    'waybill.v1.usage.get.acme',
  ])
    await expect(nc.request(subject, '{}', { timeout: WAIT_MS }), subject).rejects.toThrow(/permissions violation/i);
});
