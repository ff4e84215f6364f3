/** A client of what is no reader, or means it ill: an error of its own, in bounded memory and time. */
import { expect, test } from 'vitest';
import { ClientError, createClient } from './index.ts';

const TYPE = { 'content-type': 'application/json' };
const json = (body: unknown, init: ResponseInit = {}): Response =>
  new Response(JSON.stringify(body), { headers: TYPE, ...init });

function clientOf(answer: (count: number) => Response) {
  let count = 0;
  const fetch = (): Promise<Response> => Promise.resolve(answer(++count));
  return { client: createClient({ url: 'https://waybill.example', fetch, retryDelayMs: 1 }), asked: () => count };
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

async function failure(work: Promise<unknown>): Promise<ClientError> {
  const error: unknown = await work.catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(ClientError);
  return error as ClientError;
}

test('an answer without an end is not kept', async () => {
  let sent = 0;
  const endless = (): Response =>
    new Response(
      new ReadableStream({
        pull(controller) {
          sent += 1024 * 1024;
          if (sent > 256 * 1024 * 1024) controller.close();
          else controller.enqueue(new Uint8Array(1024 * 1024).fill(32));
        },
      }),
      { headers: TYPE },
    );
  const { client, asked } = clientOf(endless);
  const { code, detail } = await failure(client.status.get());
  expect([code, detail]).toEqual(['BAD_ANSWER', 'the answer has more than 67108864 bytes']);
  expect(asked()).toBe(1);
});

test('pages that repeat themselves, or go back, end with an error', async () => {
  const page = (...names: string[]) => json({ organizations: names.map((orgid) => ({ orgid })), next: names.at(-1) });
  for (const pages of [
    [page('a', 'b'), page('a', 'b')],
    [page('a', 'b'), page('b', 'c')],
    [page('b', 'a')],
    [json({ organizations: [], next: 'a' })],
  ]) {
    for (const list of ['organizations', 'usage'] as const) {
      const { client } = clientOf((count) => (pages[count - 1] as Response).clone());
      const items: AsyncIterable<unknown> = list === 'usage' ? client.usage.all() : client.organizations.list();
      expect((await failure(all(items))).code).toBe('BAD_ANSWER');
    }
  }
});

test.for([{}, [], { organizations: 5, entries: 5 }, { organizations: [null], entries: [null], head: { seq: '1' } }])(
  'what is no page is an error of the client: %j',
  async (body) => {
    const { client } = clientOf(() => json(body));
    for (const items of [
      client.organizations.list(),
      client.usage.all(),
      client.entries.list({ orgid: 'acme' }, { pageSize: 1 }),
      client.entries.list({ orgid: 'acme', order: 'desc' }),
    ] as AsyncIterable<unknown>[])
      expect((await failure(all(items))).code).toBe('BAD_ANSWER');
  },
);

test.for(['{}', '[]', 'null', '{"statement":null}', '{"statement":{"orgid":5}}'])(
  'a line that is no bill is an error of the client: %s',
  async (line) => {
    const headers = { 'content-type': 'application/x-ndjson' };
    const { client } = clientOf(() => new Response(`${line}\n`, { headers }));
    expect((await failure(all(client.bills.all({ period: '2026-10' })))).code).toBe('BAD_ANSWER');
  },
);

test('a reader that sends everybody away for a year is not asked again at once', async () => {
  const headers = { 'content-type': 'application/problem+json' };
  const body = { type: '', title: '', status: 503, code: 'BUSY', detail: 'busy', retry_after: 31_536_000 };
  const { client, asked } = clientOf(() => json(body, { status: 503, headers }));
  expect((await failure(all(client.bills.all({ period: '2026-10' })))).code).toBe('BUSY');
  expect((await failure(all(client.entries.follow({ orgid: 'acme' })))).code).toBe('BUSY');
  expect(asked()).toBe(2);
});

test('names that objects inherit change nothing', async () => {
  const hostile =
    '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},"state":"done","id":"x"}';
  const { client } = clientOf(() => new Response(hostile, { headers: TYPE }));
  await client.status.get();
  await failure(client.verifications.run({ orgid: 'acme' }));
  expect(({} as { polluted?: true }).polluted).toBeUndefined();
});
