/** What a reader does with questions over NATS that are too many, too large, or meant to do harm. */
import { createClient } from '@waybill/client';
import type { Settings } from '@waybill/consumer';
import type { NatsConnection } from '@nats-io/nats-core';
import { connect as connectOld } from 'nats';
import { beforeEach, describe, expect, test } from 'vitest';
import { READER_LIMITS } from '../../packages/consumer/src/api/reader.ts';
import { createLedgerBuilder } from '../support/ledger-builder.ts';
import { needsOwnServer, startNats, type TestNats } from '../support/nats.ts';
import { serveReader } from '../support/served-reader.ts';
import { WAIT_MS } from '../support/time.ts';
import { makeStreams } from '../support/traffic.ts';
import { until } from '../support/until.ts';

const NOVEMBER = { period: '2025-11' };
const NAMES = ['a', 'b', 'c', 'd', 'e'];

async function ledgerOn(server: TestNats): Promise<{ nc: NatsConnection; settings: Settings }> {
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const builder = createLedgerBuilder(nc, settings);
  for (let i = 0; i < 40; i++) {
    for (const orgid of NAMES) builder.append({ orgid, received: '2025-11-03T12:00:00.000Z', bytes: i });
    if (i % 10 === 9) await builder.commit();
  }
  return { nc, settings };
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

test('an answer goes to inboxes only: whoever asks in the account of the streams writes nowhere', async () => {
  await using server = await startNats();
  const { nc, settings } = await ledgerOn(server);
  await using _reader = await serveReader(nc, settings);
  const asker = await server.connect();
  const replies = [
    `${settings.ledgerPrefix}.a`,
    `${settings.auditPrefix}.casartifact.uploaded.a`,
    'ledger.acme',
    'audit.audit.read.a',
    '$JS.API.STREAM.PURGE.LEDGER',
    '$SRV.PING',
    'waybill.v1.usage.get.a',
    '_INBOXED.a',
    'other',
  ];
  const heard: string[] = [];
  const listener = await server.connect();
  for (const place of replies)
    listener.subscribe(place, {
      callback: (_, { data, subject }) =>
        void (new TextDecoder().decode(data).includes('orgid') && heard.push(subject)),
    });
  await listener.flush();
  for (const reply of replies) {
    asker.publish('waybill.v1.usage.get.a', '', { reply });
    asker.publish('$SRV.INFO.waybill-reader', '', { reply });
  }
  asker.publish('waybill.v1.usage.get.a', '');
  const answered = Promise.withResolvers<string>();
  asker.subscribe('_INBOX.x.1', { callback: (_, { data }) => answered.resolve(new TextDecoder().decode(data)) });
  asker.publish('waybill.v1.usage.get.a', '', { reply: '_INBOX.x.1' });
  expect(await answered.promise).toContain('"orgid":"a"');
  await listener.flush();
  expect(heard).toEqual([]);
});

describe('answers that no message holds', () => {
  // Some 30 KiB are left for an answer.
  const small = { extraConfig: 'max_payload: 34KB' };
  beforeEach(needsOwnServer);

  test('come in pages, or are TOO_LARGE with a hint', async () => {
    await using server = await startNats(small);
    const { nc, settings } = await ledgerOn(server);
    await using reader = await serveReader(nc, settings);
    const client = createClient({ nats: nc });
    const http = createClient({ url: reader.url, token: 'root' });
    await expect(client.usage.get({ orgid: 'a', ...NOVEMBER, step: 'hour' })).rejects.toMatchObject({
      code: 'TOO_LARGE',
      status: 413,
      detail: expect.stringContaining('a longer step'),
    });
    const days = { ...NOVEMBER, step: 'day' } as const;
    expect(await collect(client.usage.all(days))).toEqual(await collect(http.usage.all(days)));
    expect(await collect(client.bills.all({ ...NOVEMBER, step: 'week' }))).toEqual(
      await collect(http.bills.all({ ...NOVEMBER, step: 'week' })),
    );
    expect(await collect(client.entries.list({ orgid: 'a' }))).toEqual(
      await collect(http.entries.list({ orgid: 'a' })),
    );
    await expect(collect(client.bills.all({ ...NOVEMBER, step: 'hour' }))).rejects.toMatchObject({ code: 'TOO_LARGE' });
  });
});

test('no more questions at once than there is room for; the client asks again', async () => {
  await using server = await startNats();
  const { nc, settings } = await ledgerOn(server);
  await using reader = await serveReader(nc, settings, { endpoints: { openOfOne: 2 } });
  const ask = async (orgid: string): Promise<string> => {
    const payload = JSON.stringify({ period: '2199', require_final: 'true', wait: '1' });
    const { headers } = await nc.request(`waybill.v1.usage.get.${orgid}`, payload, { timeout: WAIT_MS });
    return headers?.get('Nats-Service-Error-Code') ?? '';
  };
  const codes = await Promise.all([ask('a'), ask('a'), ask('a'), ask('b')]);
  expect(codes.toSorted()).toEqual(['409', '409', '409', '503']);
  expect(reader.reader.slots.taken('query')).toBe(0);
  const waiting = [ask('a'), ask('a')];
  const client = createClient({ nats: nc, retryDelayMs: 10, retries: 20 });
  expect(await client.usage.get({ orgid: 'a', ...NOVEMBER })).toMatchObject({ orgid: 'a' });
  await Promise.all(waiting);
});

test('an answer that takes too long is TIMED_OUT, and the client says TIMEOUT of one that never comes', async () => {
  await using server = await startNats();
  const { nc, settings } = await ledgerOn(server);
  await using _reader = await serveReader(nc, settings, { limits: { ...READER_LIMITS, billMs: 0 } });
  const none = { retries: 0 };
  await expect(createClient({ nats: nc }).bills.get({ orgid: 'a', ...NOVEMBER }, none)).rejects.toMatchObject({
    code: 'TIMED_OUT',
    status: 503,
  });
  const deaf = await server.connect();
  deaf.subscribe('waybill.v1.status.get', { callback: () => undefined });
  await deaf.flush();
  await using silent = await startNats();
  const alone = await silent.connect();
  alone.subscribe('waybill.v1.status.get', { callback: () => undefined });
  const client = createClient({ nats: alone, ...none });
  await expect(client.status.get({}, { attemptTimeoutMs: 50 })).rejects.toMatchObject({ code: 'TIMEOUT' });
  await expect(collect(client.usage.all({}))).rejects.toMatchObject({
    code: 'UNREACHABLE',
    detail: expect.stringContaining('no reader listens there'),
  });
});

test('several readers share the questions, and a verification is found by the one that runs it', async () => {
  await using server = await startNats();
  const { nc, settings } = await ledgerOn(server);
  await using one = await serveReader(nc, settings);
  await using two = await serveReader(await server.connect(), settings);
  const client = createClient({ nats: await server.connect() });
  await until('both to have answered', async () => {
    await client.usage.get({ orgid: 'a', ...NOVEMBER });
    return one.answered.length > 0 && two.answered.length > 0;
  });
  for (let i = 0; i < 4; i++) {
    const { id } = await client.verifications.start({ orgid: 'a' });
    expect(await client.verifications.get({ orgid: 'a', id })).toMatchObject({ id });
  }
  await expect(client.verifications.get({ orgid: 'a', id: 'unknown' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('a connection of `nats` 2.x will do', async () => {
  await using server = await startNats();
  const { nc, settings } = await ledgerOn(server);
  await using _reader = await serveReader(nc, settings);
  const old = await connectOld({ servers: server.url });
  try {
    const client = createClient({ nats: old, retries: 0 });
    expect(await client.usage.get({ orgid: 'a', ...NOVEMBER })).toMatchObject({ events: '40' });
    await expect(client.usage.get({ orgid: 'nobody' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  } finally {
    await old.close();
  }
});
