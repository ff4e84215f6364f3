/** Entries over HTTP: byte for byte as they are stored, in pages, as lines, and as events that go on. */
import type { NatsConnection } from '@nats-io/nats-core';
import type { Settings } from '@waybill/consumer';
import { verify } from '@waybill/schema';
import { describe, expect, test } from 'vitest';
import { createLedgerBuilder, type LedgerBuilder } from '../support/ledger-builder.ts';
import { startNats } from '../support/nats.ts';
import { jsonOf, principal, problemOf, testReader } from '../support/reader.ts';
import { makeStreams } from '../support/traffic.ts';
import { until } from '../support/until.ts';
import { environmentOf, waybill } from '../support/waybill.ts';
import { ConsumerError } from '../../packages/consumer/src/errors.ts';
import { startHttpServer } from '../../packages/consumer/src/http/http-server.ts';
import { createHash } from 'node:crypto';
import { connect } from 'node:net';

interface Page {
  readonly entries: readonly { readonly core: { readonly seq: number } }[];
  readonly next: string;
  readonly head: { readonly seq: string };
}

async function chainOf(nc: NatsConnection, count: number): Promise<{ settings: Settings; builder: LedgerBuilder }> {
  const settings = await makeStreams(nc);
  const builder = createLedgerBuilder(nc, settings);
  append(builder, count);
  await builder.commit();
  return { settings, builder };
}

function append(builder: LedgerBuilder, count: number, name = ''): void {
  for (let i = 0; i < count; i++)
    builder.append({
      orgid: 'acme',
      received: '2025-11-01T00:00:00.000Z',
      bytes: i,
      attributes: { subject: `é"${name}` },
    });
}

const ENTRIES = '/v1/organizations/acme/entries';
const seqs = ({ entries }: Page): number[] => entries.map(({ core }) => core.seq);

test('pages, forwards and backwards, and an empty one keeps its cursor', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const { settings, builder } = await chainOf(nc, 5);
  const { get } = testReader(nc, settings);
  const page = async (query: string): Promise<Page> =>
    (await jsonOf('entries.list', await get(`${ENTRIES}?${query}`))) as Page;
  expect(seqs(await page(''))).toEqual([1, 2, 3, 4, 5]);
  const first = await page('limit=3');
  expect([seqs(first), first.next, first.head.seq]).toEqual([[1, 2, 3], '3', '5']);
  const second = await page('limit=3&after=3');
  expect([seqs(second), second.next]).toEqual([[4, 5], '5']);
  for (const after of ['5', '77']) {
    const empty = await page(`after=${after}`);
    expect([seqs(empty), empty.next]).toEqual([[], after]);
  }
  append(builder, 1);
  await builder.commit();
  expect(seqs(await page('after=5'))).toEqual([6]);

  const newest = await page('order=desc&limit=4');
  expect([seqs(newest), newest.next]).toEqual([[6, 5, 4, 3], '3']);
  const older = await page('order=desc&limit=4&after=3');
  expect([seqs(older), older.next]).toEqual([[2, 1], '1']);
  const oldest = await page('order=desc&after=1');
  expect([seqs(oldest), oldest.next]).toEqual([[], '1']);
});

test('a page ends before it is too large, and goes on from there', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const { settings } = await chainOf(nc, 6);
  const { get } = testReader(nc, settings, { limits: { pageBytes: 2_500 } });
  for (const [order, wanted] of [
    ['asc', [1, 2, 3, 4, 5, 6]],
    ['desc', [6, 5, 4, 3, 2, 1]],
  ] as const) {
    const found: number[] = [];
    for (let after = order === 'asc' ? '0' : '7'; found.length < 6;) {
      const page = (await jsonOf('entries.list', await get(`${ENTRIES}?order=${order}&after=${after}`))) as Page;
      expect(page.entries.length).toBeGreaterThan(0);
      expect(page.entries.length).toBeLessThan(6);
      found.push(...seqs(page));
      after = page.next;
    }
    expect(found).toEqual(wanted);
  }
});

test('lines and single entries are those of waybill replay, and verify', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const { settings } = await chainOf(nc, 7);
  const { get, access } = testReader(nc, settings);
  const replay = async (...args: string[]): Promise<string> =>
    (await waybill(['replay', '--org', 'acme', ...args], environmentOf(server.url, settings))).stdout;
  const ndjson = { accept: 'application/x-ndjson' };
  const all = await get(ENTRIES, ndjson);
  const text = await all.text();
  expect(text).toBe(await replay());
  expect([all.headers.get('waybill-last'), all.headers.get('content-type')]).toEqual([
    '7',
    'application/x-ndjson; charset=utf-8',
  ]);
  const sha256 = (bytes: string): string => createHash('sha256').update(bytes).digest('hex');
  expect(verify(text.trimEnd().split('\n'), { sha256 })).toMatchObject({ verdict: 'ok', entries: 7 });
  const some = await get(`${ENTRIES}?after=2&limit=3`, ndjson);
  expect([await some.text(), some.headers.get('waybill-last')]).toEqual([
    await replay('--from-seq', '3', '--to-seq', '5'),
    '5',
  ]);
  const none = await get(`${ENTRIES}?after=7`, ndjson);
  expect([await none.text(), none.headers.get('waybill-last')]).toEqual(['', '7']);
  expect(access.reads.map(({ operation, orgids, items }) => ({ operation, orgids, items }))).toEqual([
    { operation: 'entries.list', orgids: ['acme'], items: 7 },
    { operation: 'entries.list', orgids: ['acme'], items: 3 },
  ]);
  const one = await get(`${ENTRIES}/4`);
  expect(one.headers.get('etag')).not.toBeNull();
  expect(await one.clone().text()).toBe(await replay('--from-seq', '4', '--to-seq', '4'));
  await jsonOf('entries.get', one);
  expect(await problemOf(await get(`${ENTRIES}/8`))).toMatchObject({
    status: 404,
    detail: expect.stringMatching(/has 7$/),
  });
  expect(await problemOf(await get('/v1/organizations/nobody/entries', ndjson))).toMatchObject({ status: 404 });
  expect(await problemOf(await get(`${ENTRIES}?order=desc`, ndjson))).toMatchObject({ status: 400 });
});

describe('server-sent events', () => {
  const events = { accept: 'text/event-stream' };

  test('go on with what is chained, and again after the last one that arrived', async () => {
    await using server = await startNats();
    const nc = await server.connect();
    const { settings, builder } = await chainOf(nc, 3);
    const { get, reader } = testReader(nc, settings);
    const response = await get(`${ENTRIES}?after=1`, events);
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    const stream = readEvents(response);
    expect(await stream.take(2)).toEqual(['2', '3']);
    append(builder, 2);
    await builder.commit();
    expect(await stream.take(4)).toEqual(['2', '3', '4', '5']);
    expect(stream.text).toMatch(/^retry: \d+\n\n/);
    const data = [...stream.text.matchAll(/^data: (.*)$/gm)].map(([, line]) => line);
    const lines = await (await get(`${ENTRIES}?after=1`, { accept: 'application/x-ndjson' })).text();
    expect(data).toEqual(lines.trimEnd().split('\n'));
    expect(reader.slots.taken('stream')).toBe(1);
    await stream.cancel();
    await until('the slot to be free', () => reader.slots.taken('stream') === 0);

    const again = readEvents(await get(`${ENTRIES}?after=1`, { ...events, 'last-event-id': '4' }));
    expect(await again.take(1)).toEqual(['5']);
    await again.cancel();
    expect(await problemOf(await get(ENTRIES, { ...events, 'last-event-id': 'x' }))).toMatchObject({ status: 400 });
    expect(await problemOf(await get(`${ENTRIES}?limit=1`, events))).toMatchObject({ status: 400 });
  });

  test('end soon after the token was revoked, or has expired', async () => {
    await using server = await startNats();
    const nc = await server.connect();
    const { settings } = await chainOf(nc, 1);
    const soon = { ...principal('soon', 'all'), expiresAt: new Date('2999-01-01') };
    const { app, access, reader } = testReader(nc, settings, {
      principals: [principal('auditor', ['acme']), soon],
      limits: { validityMs: 20 },
    });
    for (const id of ['auditor', 'soon']) {
      const response = await app.request(ENTRIES, { headers: { ...events, authorization: `Bearer ${id}` } });
      const stream = readEvents(response);
      expect(await stream.take(1)).toEqual(['1']);
      if (id === 'soon') soon.expiresAt = new Date();
      else access.revoked.add(id);
      await stream.broken();
    }
    access.isValid = () => Promise.reject(new ConsumerError('UNAVAILABLE', 'nobody can tell'));
    const response = await app.request(ENTRIES, { headers: { ...events, authorization: 'Bearer root' } });
    const stream = readEvents(response);
    await stream.broken();
    await until('the slots to be free', () => reader.slots.taken('stream') === 0);
  });

  test('say now and then that they are still there', async () => {
    await using server = await startNats();
    const nc = await server.connect();
    const { settings } = await chainOf(nc, 1);
    const { get } = testReader(nc, settings, { app: { bodyLimits: { heartbeatMs: 20 } } });
    const stream = readEvents(await get(ENTRIES, events));
    await stream.until(': still here\n\n: still here');
    expect(await stream.take(1)).toEqual(['1']);
    await stream.cancel();
  });

  test('end for a reader that takes nothing, when a mebibyte is unsent; memory is bounded', async () => {
    await using server = await startNats();
    const nc = await server.connect();
    const settings = await makeStreams(nc);
    const builder = createLedgerBuilder(nc, settings);
    for (let block = 0; block < 24; block++) {
      append(builder, 400, 'x'.repeat(900));
      await builder.commit();
    }
    const { app, reader } = testReader(nc, settings, { app: { bodyLimits: { stalledMs: 200 } } });
    await using http = await startHttpServer(app, { host: '127.0.0.1', port: 0 });
    const { port } = new URL(http.url);
    const socket = connect(Number(port), '127.0.0.1');
    try {
      socket.pause();
      socket.write(
        `GET ${ENTRIES} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer root\r\nAccept: text/event-stream\r\n\r\n`,
      );
      await until('the stream to begin', () => reader.slots.taken('stream') === 1);
      await until('the stream to end', () => reader.slots.taken('stream') === 0);
      expect(socket.bytesRead).toBeLessThan(4 * 1024 * 1024);
    } finally {
      socket.destroy();
    }
  });
});

test('lines that break off are no whole answer: the transfer fails', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const builder = createLedgerBuilder(nc, settings);
  for (let block = 0; block < 24; block++) {
    append(builder, 400, 'x'.repeat(900));
    await builder.commit();
  }
  const options = { principals: [principal('auditor', ['acme'])], limits: { validityMs: 10 } };
  const { app, access, reader } = testReader(nc, settings, options);
  await using http = await startHttpServer(app, { host: '127.0.0.1', port: 0 });
  const headers = { authorization: 'Bearer auditor', accept: 'application/x-ndjson' };
  const response = await fetch(http.url + ENTRIES, { headers });
  expect([response.status, response.headers.get('waybill-last')]).toEqual([200, '9600']);
  access.revoked.add('auditor');
  await expect(response.text()).rejects.toThrow(/terminated/);
  await until('the slot to be free', () => reader.slots.taken('stream') === 0);
});

function readEvents(response: Response) {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const decoder = new TextDecoder();
  let text = '';
  async function readUntil(isEnough: () => boolean): Promise<void> {
    while (!isEnough()) {
      const { done, value } = await reader.read();
      if (done) throw new Error(`the stream ended: ${text}`);
      text += decoder.decode(value, { stream: true });
    }
  }
  const ids = (): string[] => [...text.matchAll(/^id: (\d+)$/gm)].map(([, id = '']) => id);
  return {
    get text() {
      return text;
    },
    async take(count: number): Promise<string[]> {
      await readUntil(() => ids().length >= count && text.endsWith('\n\n'));
      return ids();
    },
    until: (part: string) => readUntil(() => text.includes(part)),
    /** Resolves when the stream has broken off. */
    async broken(): Promise<void> {
      await expect(readUntil(() => false)).rejects.toThrow(/no longer valid|nobody can tell/);
    },
    cancel: () => reader.cancel(),
  };
}
