/** A client whose connection is cut at any byte still has every entry and every bill: once, and in order. */
import { type Client, ClientError, createClient } from '@waybill/client';
import fc from 'fast-check';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLedgerBuilder, type LedgerBuilder } from '../support/ledger-builder.ts';
import { startNats, type TestNats } from '../support/nats.ts';
import { type ServedReader, serveReader } from '../support/served-reader.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { makeStreams } from '../support/traffic.ts';

const ENTRIES = 60;
const NAMES = ['Acme', 'acme', 'b', 'c', 'd'];
/** In October, so that November is final. */
const RECEIVED = '2025-10-05T00:00:00.000Z';
/** A break is over at once, and there may be many in a row before anything arrives. */
const PATIENT = { retryDelayMs: 1, retries: 200 };

let server: TestNats;
let reader: ServedReader;
let builder: LedgerBuilder;

beforeAll(async () => {
  server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  builder = createLedgerBuilder(nc, settings);
  for (let i = 0; i < ENTRIES; i++) {
    builder.append({ orgid: 'acme', received: RECEIVED, bytes: i });
    if (i % 7 === 0) await builder.commit();
  }
  for (const orgid of NAMES.filter((name) => name !== 'acme')) builder.append({ orgid, received: RECEIVED, bytes: 1 });
  await builder.commit();
  reader = await serveReader(nc, settings);
});

afterAll(async () => {
  await reader[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

/** Each connection breaks after as many bytes as the next of these says; when they are used up, never. */
async function withCuts<T>(cuts: readonly number[], work: (client: Client) => Promise<T>): Promise<T> {
  const left = [...cuts];
  await using proxy = await startTcpProxy({ target: () => reader.port, cutAfter: () => left.shift() ?? Infinity });
  return await work(createClient({ url: `http://127.0.0.1:${proxy.port}`, token: 'root', ...PATIENT }));
}

/** From nothing at all up to more than an answer has. */
const cuts = fc.array(fc.oneof(fc.integer({ min: 1, max: 2_000 }), fc.integer({ min: 1, max: 60_000 })), {
  maxLength: 12,
});

const upTo = (last: number, first = 1): number[] => Array.from({ length: last - first + 1 }, (_, i) => first + i);

describe('cut off at random bytes', () => {
  test('entries up to the head', async () => {
    await fc.assert(
      fc.asyncProperty(cuts, fc.nat(ENTRIES), async (cuts, after) => {
        await withCuts(cuts, async (client) => {
          const seqs: number[] = [];
          for await (const { core } of client.entries.list({ orgid: 'acme', after })) seqs.push(core.seq);
          expect(seqs).toEqual(upTo(ENTRIES, after + 1));
        });
      }),
      { numRuns: 25 },
    );
  });

  test('entries that are followed', async () => {
    await fc.assert(
      fc.asyncProperty(cuts, async (cuts) => {
        await withCuts(cuts, async (client) => {
          const seqs: number[] = [];
          for await (const { core } of client.entries.follow({ orgid: 'acme' }))
            if (seqs.push(core.seq) === ENTRIES) break;
          expect(seqs).toEqual(upTo(ENTRIES));
        });
      }),
      { numRuns: 25 },
    );
  });

  test('bills of all organizations', async () => {
    await fc.assert(
      fc.asyncProperty(cuts, async (cuts) => {
        await withCuts(cuts, async (client) => {
          const names: string[] = [];
          for await (const { statement } of client.bills.all({ period: '2025-11' })) names.push(statement.orgid);
          expect(names).toEqual(NAMES);
        });
      }),
      { numRuns: 25 },
    );
  });

  test('whole answers', async () => {
    await withCuts([10, 300, 500], async (client) => {
      expect(await client.usage.get({ orgid: 'acme', period: '2025-10', step: 'day' })).toMatchObject({ events: '60' });
    });
  });
});

/** Answers as a reader would, but for what is wrong with them. */
async function impostor(answer: (path: string) => { type: string; text: string; headers?: object }) {
  const asked: string[] = [];
  const http: Server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const { type, text, headers } = answer(request.url ?? '');
    response.writeHead(200, { 'content-type': type, ...headers }).end(text);
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  return {
    client: createClient({ url, retryDelayMs: 1, retries: 2 }),
    asked,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => http.close(() => resolve())),
  };
}

async function collect(items: AsyncIterable<unknown>): Promise<{ count: number; error: unknown }> {
  let count = 0;
  try {
    for await (const _ of items) count++;
    return { count, error: null };
  } catch (error) {
    return { count, error };
  }
}

describe('what looks whole and is not', () => {
  const NDJSON = 'application/x-ndjson';
  const bill = (orgid: string): string => JSON.stringify({ v: 1, kind: 'bill', statement: { orgid } });

  test('bills without a closing line, again and again, are TRUNCATED', async () => {
    await using fake = await impostor((path) => ({
      type: NDJSON,
      text: path.includes('after=a') ? '' : `${bill('a')}\n`,
    }));
    const { count, error } = await collect(fake.client.bills.all({ period: '2025-11' }));
    expect({ count, error }).toMatchObject({ count: 1, error: { code: 'TRUNCATED' } });
    expect(error).toBeInstanceOf(ClientError);
    expect(fake.asked).toHaveLength(3);
  });

  test.for([
    ['a wrong count', `${bill('a')}\n{"end":true,"count":"2"}\n`, 'BAD_ANSWER'],
    ['the wrong order', `${bill('b')}\n${bill('a')}\n{"end":true,"count":"2"}\n`, 'BAD_ANSWER'],
    ['a bill twice', `${bill('a')}\n${bill('a')}\n{"end":true,"count":"2"}\n`, 'BAD_ANSWER'],
    [
      'an end in the middle',
      '{"end":false,"count":"0","problem":{"code":"LEDGER_DAMAGED","detail":"x","status":500}}\n',
      'LEDGER_DAMAGED',
    ],
    ['no JSON', 'hello\n', 'BAD_ANSWER'],
  ] as const)('bills with %s are an error', async ([, text, code]) => {
    await using fake = await impostor(() => ({ type: NDJSON, text }));
    expect((await collect(fake.client.bills.all({ period: '2025-11' }))).error).toMatchObject({ code });
    expect(fake.asked).toHaveLength(1);
  });

  const entry = (seq: number): string => JSON.stringify({ core: { seq }, event: null, hash: '' });

  test.for([
    ['a hole', `${entry(1)}\n${entry(3)}\n`, '3', 'BAD_ANSWER'],
    ['an entry twice', `${entry(1)}\n${entry(1)}\n`, '2', 'BAD_ANSWER'],
    ['no last one', `${entry(1)}\n`, undefined, 'BAD_ANSWER'],
    ['a missing end', `${entry(1)}\n`, '2', 'BAD_ANSWER'],
  ] as const)('entries with %s are an error', async ([, text, last, code]) => {
    await using fake = await impostor(() => ({
      type: NDJSON,
      text,
      ...(last && { headers: { 'Waybill-Last': last } }),
    }));
    expect((await collect(fake.client.entries.list({ orgid: 'acme' }))).error).toMatchObject({ code });
  });

  test('another page than a reader is BAD_ANSWER, not an answer', async () => {
    await using fake = await impostor(() => ({ type: 'text/html', text: '<h1>Welcome</h1>' }));
    await expect(fake.client.status.get()).rejects.toMatchObject({ code: 'BAD_ANSWER', status: 200 });
  });
});
