/** The client against a `fetch` of the test: what it sends, what it asks again, and what it never does. */
import { describe, expect, test } from 'vitest';
import { type Client, ClientError, type ClientOptions, createClient, type NatsLike } from './index.ts';

const SECRET = 'wb_abc_secret';

interface Sent {
  readonly url: string;
  readonly init: RequestInit;
}

type Answer = (sent: Sent, count: number) => Response | Promise<Response>;

function clientWith(answer: Answer, options: Partial<Extract<ClientOptions, { url: string }>> = {}) {
  const sent: Sent[] = [];
  const fetch = async (url: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const one = { url: url instanceof Request ? url.url : String(url), init };
    sent.push(one);
    const response = await answer(one, sent.length);
    init.signal?.throwIfAborted();
    return response;
  };
  const client = createClient({ url: 'https://waybill.example', token: SECRET, retryDelayMs: 1, fetch, ...options });
  return { client, sent };
}

const json = (body: object, init: ResponseInit = {}): Response =>
  new Response(JSON.stringify(body), { headers: { 'content-type': 'application/json' }, ...init });

function problem(code: string, status: number, more: { retry_after?: number; headers?: object } = {}): Response {
  const { headers, ...rest } = more;
  return new Response(JSON.stringify({ type: '', title: '', status, code, detail: `${code} happened`, ...rest }), {
    status,
    headers: { 'content-type': 'application/problem+json', ...headers },
  });
}

const BUSY = (): Response => problem('BUSY', 503);
const acme = (client: Client, options = {}): Promise<unknown> => client.usage.get({ orgid: 'acme' }, options);
const failure = async (work: Promise<unknown>): Promise<ClientError> => {
  const error: unknown = await work.then(
    () => null,
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(ClientError);
  return error as ClientError;
};

describe('what is sent', () => {
  test('a question is its route, and members that are no texts are written as such', async () => {
    const { client, sent } = clientWith(() => json({}));
    await client.usage.get({ orgid: 'acme', period: 2026, require_final: true, zone: 'Europe/Berlin' });
    await client.verifications.start({ orgid: 'acme' });
    expect(sent.map(({ url, init }) => [init.method, url])).toEqual([
      [
        'GET',
        'https://waybill.example/v1/organizations/acme/usage?period=2026&require_final=true&zone=Europe%2FBerlin',
      ],
      ['POST', 'https://waybill.example/v1/organizations/acme/verifications'],
    ]);
    expect(sent[0]?.init).toMatchObject({ redirect: 'manual', credentials: 'omit', cache: 'no-store' });
    expect(new Headers(sent[0]?.init.headers).get('authorization')).toBe(`Bearer ${SECRET}`);
  });

  test('a reader may be below a path', async () => {
    const { client, sent } = clientWith(() => json({}), { url: 'https://example.org/audit/' });
    await client.status.get();
    expect(sent[0]?.url).toBe('https://example.org/audit/v1/status');
  });

  test.for(['', '.', '..', '...'])('an organization %j, which would be another route, is never sent', async (orgid) => {
    const { client, sent } = clientWith(() => json({}));
    expect(await failure(client.usage.get({ orgid }))).toMatchObject({ code: 'BAD_ARGUMENT' });
    await client.usage.get({ orgid: '../../usage?x#y' });
    expect(sent.map(({ url }) => url)).toEqual([
      'https://waybill.example/v1/organizations/..%2F..%2Fusage%3Fx%23y/usage',
    ]);
  });

  test('the token may change: a function is asked each time', async () => {
    let n = 0;
    const { client, sent } = clientWith((_, count) => (count === 1 ? BUSY() : json({})), {
      token: () => `token-${++n}`,
    });
    await acme(client);
    const tokens = sent.map(({ init }) => new Headers(init.headers).get('authorization'));
    expect(tokens).toEqual(['Bearer token-1', 'Bearer token-2']);
  });
});

describe('options that cannot be used', () => {
  test.for([
    'http://waybill.example',
    'http://192.168.0.1:8080',
    'http://localhost.example',
    'http://127.0.0.1.example',
    'ftp://localhost',
    'waybill.example',
    `https://user:${SECRET}@waybill.example`,
    `https://waybill.example/?token=${SECRET}`,
    '',
  ])('the url %s', (url) => {
    expect(() => createClient({ url })).toThrow(expect.objectContaining({ code: 'INVALID_OPTIONS' }));
    expect(() => createClient({ url })).not.toThrow(SECRET);
  });

  test.for(['http://localhost:8080', 'http://127.0.0.1:1', 'http://[::1]:1', 'https://a.example'])(
    'but %s can',
    (url) => {
      expect(createClient({ url })).toBeTruthy();
    },
  );

  test.for([`${SECRET}\n`, '', ` ${SECRET}`, 'ümlaut', `${SECRET}\r\nx: y`])('the token %j', async (token) => {
    expect(() => createClient({ url: 'https://a.example', token })).toThrow(/the token cannot be used/);
    expect(() => createClient({ url: 'https://a.example', token })).not.toThrow(SECRET);
    const { client, sent } = clientWith(() => json({}), { token: () => token });
    const { code, message } = await failure(acme(client));
    expect({ code, shown: message.includes(SECRET) }).toEqual({ code: 'INVALID_OPTIONS', shown: false });
    expect(sent).toEqual([]);
  });

  test('two ways to ask', () => {
    const nats = { request: () => Promise.reject(new Error('no')), isClosed: () => false };
    expect(() => createClient({ nats, url: 'https://a.example' })).toThrow('one way to ask');
    expect(() => createClient({ nats: {} as NatsLike })).toThrow('no connection');
  });

  test('a token function that fails', async () => {
    const cause = new Error('no vault');
    const { client } = clientWith(() => json({}), { token: () => Promise.reject(cause) });
    expect(await failure(acme(client))).toMatchObject({ code: 'NO_TOKEN', cause });
  });
});

describe('asking again', () => {
  test.for([
    ['BUSY', () => problem('BUSY', 503)],
    ['RATE_LIMITED', () => problem('RATE_LIMITED', 429)],
    ['UNREACHABLE', () => Promise.reject(new TypeError('fetch failed'))],
    ['UNREACHABLE', () => new Response('<h1>Bad gateway</h1>', { status: 502 })],
    ['RATE_LIMITED', () => new Response('slow down', { status: 429 })],
  ] as const)('after %s, as often as is allowed', async ([code, answer]) => {
    const { client, sent } = clientWith(answer, { retries: 3 });
    expect(await failure(acme(client))).toMatchObject({ code });
    expect(sent).toHaveLength(4);
    const again = clientWith((_, count) => (count < 3 ? answer() : json({ fine: true })));
    expect(await acme(again.client)).toEqual({ fine: true });
  });

  test.for([
    ['BAD_ARGUMENT', 400],
    ['UNAUTHENTICATED', 401],
    ['FORBIDDEN', 403],
    ['NOT_FOUND', 404],
    ['NOT_FINAL', 409],
    ['INTERNAL', 500],
    ['A_CODE_OF_TOMORROW', 418],
  ] as const)('never after %s', async ([code, status]) => {
    const { client, sent } = clientWith(() => problem(code, status, { retry_after: 5 }));
    expect(await failure(acme(client))).toMatchObject({
      code,
      status,
      detail: `${code} happened`,
      retryAfterMs: 5_000,
    });
    expect(sent).toHaveLength(1);
  });

  test('never what changes something', async () => {
    const { client, sent } = clientWith(BUSY);
    expect(await failure(client.verifications.start({ orgid: 'acme' }))).toMatchObject({ code: 'BUSY' });
    expect(sent).toHaveLength(1);
  });

  test('not before the reader says, and not at all beyond the time of the call', async () => {
    const { client, sent } = clientWith((_, count) =>
      count === 1 ? problem('BUSY', 503, { retry_after: 1 }) : json({}),
    );
    const began = performance.now();
    await acme(client);
    expect(performance.now() - began).toBeGreaterThan(999);
    const late = clientWith(() => problem('BUSY', 503, { headers: { 'retry-after': '3600' } }));
    expect(await failure(acme(late.client))).toMatchObject({ code: 'BUSY', retryAfterMs: 3_600_000 });
    expect([sent.length, late.sent.length]).toEqual([2, 1]);
  });
});

describe('time and giving up', () => {
  const never: Answer = ({ init }) =>
    new Promise((_, reject) => {
      init.signal?.addEventListener('abort', () => reject(init.signal?.reason as Error));
    });

  test('one attempt has a limit, the call has another', async () => {
    const { client, sent } = clientWith(never, { attemptTimeoutMs: 20, retries: 2 });
    expect(await failure(acme(client))).toMatchObject({ code: 'TIMEOUT', message: expect.stringContaining('20 ms') });
    expect(sent).toHaveLength(3);
    const short = clientWith(never, { attemptTimeoutMs: 10, timeoutMs: 50, retries: 1_000 });
    expect(await failure(acme(short.client))).toMatchObject({ code: 'TIMEOUT' });
  });

  test('what the question waits for comes on top', async () => {
    const { client } = clientWith(never, { attemptTimeoutMs: 1, retries: 0 });
    const began = performance.now();
    await failure(client.usage.get({ orgid: 'acme', wait: 1 }));
    expect(performance.now() - began).toBeGreaterThan(990);
  });

  test('the caller gives up: before, during, and between attempts', async () => {
    const reason = new Error('enough');
    const gone = clientWith(() => json({}));
    expect(await failure(acme(gone.client, { signal: AbortSignal.abort(reason) }))).toMatchObject({
      code: 'ABORTED',
      cause: reason,
    });
    expect(gone.sent).toEqual([]);
    for (const answer of [never, () => problem('BUSY', 503, { retry_after: 60 })] as Answer[]) {
      const controller = new AbortController();
      const { client } = clientWith((...args) => {
        setTimeout(() => controller.abort(reason), 5);
        return answer(...args);
      });
      expect(await failure(acme(client, { signal: controller.signal }))).toMatchObject({
        code: 'ABORTED',
        cause: reason,
      });
    }
  });

  test('a sequence that nobody reads any more is cancelled', async () => {
    const cancelled = Promise.withResolvers<void>();
    const lines = [1, 2].map((seq) => `${JSON.stringify({ core: { seq } })}\n`).join('');
    const { client } = clientWith(() => {
      const body = new ReadableStream({
        start: (controller) => controller.enqueue(new TextEncoder().encode(lines)),
        cancel: () => cancelled.resolve(),
      });
      return new Response(body, { headers: { 'content-type': 'application/x-ndjson', 'waybill-last': '9' } });
    });
    for await (const { core } of client.entries.list({ orgid: 'acme' })) if (core.seq === 1) break;
    await expect(cancelled.promise).resolves.toBeUndefined();
  });

  test('a sequence in which nothing comes is asked for again, and then TIMEOUT', async () => {
    const { client, sent } = clientWith(
      () => {
        const headers = { 'content-type': 'application/x-ndjson', 'waybill-last': '9' };
        return new Response(new ReadableStream(), { headers });
      },
      { idleTimeoutMs: 10, retries: 2 },
    );
    const read = async (): Promise<void> => {
      for await (const _ of client.entries.list({ orgid: 'acme' }));
    };
    expect(await failure(read())).toMatchObject({ code: 'TIMEOUT' });
    expect(sent).toHaveLength(3);
  });
});

describe('what is no reader', () => {
  test.for([
    ['a redirect', () => new Response(null, { status: 302, headers: { location: 'https://evil.example' } }), 302],
    ['a page', () => new Response('<h1>Hello</h1>', { headers: { 'content-type': 'text/html' } }), 200],
    ['a page that is not found', () => new Response('no', { status: 404 }), 404],
    ['no JSON', () => new Response('hello', { headers: { 'content-type': 'application/json' } }), undefined],
    ['a number', () => json(5 as never), undefined],
    [
      'half a problem',
      () => json({ code: 'BUSY' }, { status: 500, headers: { 'content-type': 'application/problem+json' } }),
      500,
    ],
  ] as const)('%s is BAD_ANSWER', async ([, answer, status]) => {
    const { client, sent } = clientWith(answer);
    expect(await failure(acme(client))).toMatchObject({ code: 'BAD_ANSWER', status });
    expect(sent).toHaveLength(1);
  });
});

test('no error has the token, and the client does not show it', async () => {
  const answers: Answer[] = [
    () => Promise.reject(new TypeError('fetch failed', { cause: { code: 'ECONNREFUSED' } })),
    () => problem('UNAUTHENTICATED', 401),
    () => new Response('no', { status: 404 }),
  ];
  for (const answer of answers) {
    const { client } = clientWith(answer, { retries: 0 });
    const error = await failure(acme(client));
    const { inspect } = await import('node:util');
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(SECRET);
    expect(inspect(client, { depth: 9, showHidden: true })).not.toContain(SECRET);
    expect(JSON.stringify([error, client])).not.toContain(SECRET);
  }
});
