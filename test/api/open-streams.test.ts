/** What an open sequence holds: its slot until its work has ended, its reader's right, and its place in the audit. */
import type { NatsConnection } from '@nats-io/nats-core';
import { createBillSigner, type Settings } from '@waybill/consumer';
import type { BillSigner } from '@waybill/schema';
import { generateKeyPairSync } from 'node:crypto';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { SLOT_KINDS } from '../../packages/consumer/src/api/slots.ts';
import { startHttpServer } from '../../packages/consumer/src/http/http-server.ts';
import { createLedgerBuilder, type LedgerBuilder } from '../support/ledger-builder.ts';
import { startNats } from '../support/nats.ts';
import { principal, testReader } from '../support/reader.ts';
import { makeStreams } from '../support/traffic.ts';
import { until } from '../support/until.ts';

const ENTRIES = '/v1/organizations/acme/entries';
const BILLS = '/v1/bills?period=2025-11';
const RECEIVED = '2025-11-01T00:00:00.000Z';
const PEM = { format: 'pem', type: 'pkcs8' } as const;
const ROOT = { authorization: 'Bearer root' };

async function ledgerOf(nc: NatsConnection, fill: (builder: LedgerBuilder) => void): Promise<Settings> {
  const settings = await makeStreams(nc);
  const builder = createLedgerBuilder(nc, settings);
  fill(builder);
  await builder.commit();
  return settings;
}

function appendLong(builder: LedgerBuilder, count: number): void {
  for (let i = 0; i < count; i++)
    builder.append({ orgid: 'acme', received: RECEIVED, bytes: i, attributes: { subject: 'x'.repeat(900) } });
}

test('a service that ends does not wait for connections whose streams have ended', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await ledgerOf(nc, (builder) => builder.append({ orgid: 'acme', received: RECEIVED, bytes: 1 }));
  const stop = new AbortController();
  const { app } = testReader(nc, settings, { app: { stop: stop.signal } });
  const http = await startHttpServer(app, { host: '127.0.0.1', port: 0 });
  const response = await fetch(http.url + ENTRIES, { headers: { ...ROOT, accept: 'text/event-stream' } });
  const text = response.text();
  const began = performance.now();
  stop.abort();
  await http.close();
  expect(performance.now() - began).toBeLessThan(2_000);
  expect(await text).toContain('retry: ');
});

test('a question that is given up before its sequence begins leaves no slot taken', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await ledgerOf(nc, (builder) => {
    builder.append({ orgid: 'acme', received: RECEIVED, bytes: 1 });
    builder.append({ orgid: 'acme', received: '2025-12-02T00:00:00.000Z', bytes: 1 });
  });
  const { app, reader } = testReader(nc, settings);
  for (const method of ['HEAD', 'GET']) {
    for (const path of [BILLS, ENTRIES]) {
      const gone = new AbortController();
      const headers = { ...ROOT, accept: 'application/x-ndjson' };
      const answer = app.request(path, { method, headers, signal: gone.signal });
      gone.abort();
      await answer;
      await expect.poll(() => SLOT_KINDS.filter((kind) => reader.slots.taken(kind) > 0)).toEqual([]);
    }
  }
});

test('bills that are still being made for nobody keep their slot', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await ledgerOf(nc, (builder) => {
    for (let i = 0; i < 100; i++) builder.append({ orgid: `o${100 + i}`, received: RECEIVED, bytes: 1 });
    builder.append({ orgid: 'zz', received: '2025-12-02T00:00:00.000Z', bytes: 1 });
  });
  const taken: number[] = [];
  let made = 0;
  let leave = (): void => undefined;
  const key = createBillSigner({ secret: generateKeyPairSync('ed25519').privateKey.export(PEM) });
  const signer: BillSigner = {
    ...key,
    sign(text) {
      made++;
      // In the second group of chains, of which the first has a bill now.
      if (made === 65) leave();
      if (made > 65) taken.push(reader.slots.taken('bill'));
      return key.sign(text);
    },
  };
  const app = { bodyLimits: { maxUnsent: 64 * 1024 * 1024 } };
  const { get, reader } = testReader(nc, settings, { bill: { issuer: 'x', signer }, app });
  const response = await get(BILLS);
  expect(response.status, response.ok ? '' : await response.clone().text()).toBe(200);
  const body = response.body as ReadableStream;
  leave = () => void body.cancel();
  await until('the bills to be made', () => taken.length > 20);
  expect(new Set(taken)).toEqual(new Set([1]));
  await until('the slot to be free', () => reader.slots.taken('bill') === 0);
});

test('a stream ends with its token, also while its reader takes nothing of what is there', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  // More than is kept for a reader.
  const settings = await ledgerOf(nc, (builder) => appendLong(builder, 500));
  const { app, access, reader } = testReader(nc, settings, {
    principals: [principal('auditor', ['acme'])],
    limits: { validityMs: 20 },
    app: { bodyLimits: { maxUnsent: 10_000, stalledMs: 60_000 } },
  });
  const headers = { authorization: 'Bearer auditor', accept: 'application/x-ndjson' };
  const body = ((await app.request(ENTRIES, { headers })).body as ReadableStream<Uint8Array>).getReader();
  await body.read();
  access.revoked.add('auditor');
  await until('the stream to end', () => reader.slots.taken('stream') === 0);
  await expect(body.read()).rejects.toThrow(/no longer valid/);
});

test.for([
  ['in a page', {}],
  ['as lines', { accept: 'application/x-ndjson' }],
] as const)('a reader that takes nothing of a whole answer, %s, is gone', async ([, form]) => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const builder = createLedgerBuilder(nc, settings);
  for (let block = 0; block < 9; block++) {
    appendLong(builder, 400);
    await builder.commit();
  }
  const { app, reader, answered } = testReader(nc, settings, {
    app: { bodyLimits: { stalledMs: 100, maxUnsent: 64 * 1024 * 1024 } },
  });
  await using http = await startHttpServer(app, { host: '127.0.0.1', port: 0, takenMs: 100 });
  const socket = connect({ port: Number(new URL(http.url).port), host: '127.0.0.1' });
  let isGone = false;
  socket.on('error', () => undefined).once('close', () => (isGone = true));
  try {
    const accept = 'accept' in form ? `Accept: ${form.accept}\r\n` : '';
    const limit = 'accept' in form ? '' : '?limit=1000';
    // Several answers, of which the buffers of the system hold one.
    const request = `GET ${ENTRIES}${limit} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer root\r\n${accept}\r\n`;
    socket.pause();
    socket.write(request.repeat(8));
    await until('an answer', () => answered.length > 0);
    await until('the slots to be free', () => reader.slots.taken('stream') + reader.slots.taken('query') === 0);
    await until('the connection to be closed', () => {
      // Whoever writes to a connection that the other side has left hears of it.
      if (!isGone) socket.write('\r\n');
      return isGone;
    });
    expect(answered.every(({ code }) => code === 'OK')).toBe(true);
  } finally {
    socket.destroy();
  }
});

test('parts of one answer are noted as one request', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const builder = createLedgerBuilder(nc, settings);
  for (let block = 0; block < 6; block++) {
    appendLong(builder, 300);
    await builder.commit();
  }
  const { get, access } = testReader(nc, settings);
  for (let i = 0; i < 2; i++) await (await get(ENTRIES, { accept: 'application/x-ndjson' })).text();
  expect(access.reads.length).toBeGreaterThan(2);
  expect(new Set(access.reads.map(({ request }) => request)).size).toBe(2);
  expect(access.reads.reduce((sum, { items }) => sum + items, 0)).toBe(3_600);
});

test.for([
  ['as events', { accept: 'text/event-stream' }],
  ['as lines', { accept: 'application/x-ndjson' }],
  ['in pages', {}],
] as const)(
  'whoever reads only who has read is no event, %s: it would be followed by another one',
  async ([, form]) => {
    await using server = await startNats();
    const nc = await server.connect();
    const settings = await makeStreams(nc);
    const builder = createLedgerBuilder(nc, settings);
    const append = (type: string, data: object): void =>
      void builder.append({ orgid: 'acme', received: RECEIVED, bytes: 1, attributes: { type, data: { ...data } } });
    append('audit.read', { operation: 'entries.list' });
    await builder.commit();
    const { get, access } = testReader(nc, settings);
    const read = async (after: number, last: number): Promise<void> => {
      const body = ((await get(`${ENTRIES}?after=${after}`, form)).body as ReadableStream<Uint8Array>).getReader();
      const decoder = new TextDecoder();
      for (let text = ''; !text.includes(`"seq":${last},`);) {
        const { value, done } = await body.read();
        if (done) break;
        text += decoder.decode(value);
      }
      await body.cancel();
    };
    await read(0, 1);
    expect(access.reads).toEqual([]);
    // What only looks like one counts.
    append('build.done', { type: 'audit.read' });
    await builder.commit();
    await read(1, 2);
    expect(access.reads).toMatchObject([{ orgids: ['acme'], items: 1 }]);
  },
);
