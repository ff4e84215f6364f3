import { createServer, type RequestListener } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { createEngineHttp } from './engine-http.ts';

/** A server on this machine, and a client of it that repeats at once. */
async function withServer(listener: RequestListener) {
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    http: createEngineHttp({ url, key: 'top-secret', timeoutMs: 60_000, retryPauseMs: 1 }),
    url,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const GET = { method: 'GET', path: '/x?y=1' } as const;

test('the key is a header, and a redirect does not carry it elsewhere', async () => {
  const seen: (string | undefined)[] = [];
  await using other = await withServer(({ headers }, response) => {
    seen.push(headers.authorization);
    response.end('{}');
  });
  await using server = await withServer((_, response) => void response.writeHead(302, { location: other.url }).end());
  await expect(server.http.request(GET)).rejects.toMatchObject({ code: 'ENGINE_REFUSED' });
  expect(seen).toEqual([]);
  expect((await other.http.request(GET)).status).toBe(200);
  expect(seen).toEqual(['Bearer top-secret']);
});

test.each([408, 409, 425, 429, 500, 502, 503, 504])('%s is asked again, five times at most', async (status) => {
  let asked = 0;
  await using server = await withServer((_, response) => {
    response.writeHead(++asked % 5 === 0 ? 200 : status).end('{"a":1}');
  });
  expect(await server.http.request(GET)).toMatchObject({ status: 200, json: { a: 1 } });
  expect(asked).toBe(5);
});

test('what is refused for good is not asked again', async () => {
  for (const status of [400, 404, 422]) {
    let asked = 0;
    await using server = await withServer((_, response) => {
      asked++;
      response.writeHead(status).end('no');
    });
    expect(await server.http.request(GET)).toMatchObject({ status, json: null, text: 'no' });
    expect(asked).toBe(1);
  }
});

test('Retry-After of more than a minute is not waited for, and no message has the key or the query', async () => {
  await using server = await withServer((_, response) => {
    response.writeHead(429, { 'retry-after': '3600' }).end('slow down');
  });
  const answer = server.http.request(GET);
  await expect(answer).rejects.toMatchObject({
    code: 'ENGINE_UNREACHABLE',
    message: `GET ${server.url}/x: no usable answer in 1 attempts: 429 slow down, and asks to wait 3600 s`,
  });
});

test('a server that repeats the key within JSON puts it into no message', async () => {
  const body = JSON.stringify({ error: { message: 'no top-secret', list: ['top-secret'] } });
  await using server = await withServer((_, response) => void response.writeHead(400).end(body));
  const { json, text } = await server.http.request(GET);
  expect(JSON.stringify(json)).toBe(text);
  expect(json).toEqual({ error: { message: 'no (key)', list: ['(key)'] } });
});

test('an endless answer does not fill the memory', async () => {
  await using server = await withServer((_, response) => {
    const chunk = Buffer.alloc(1024 * 1024);
    const more = (): void => {
      while (!response.destroyed && response.write(chunk));
      response.once('drain', more);
    };
    more();
  });
  const http = createEngineHttp({ url: server.url, key: null, timeoutMs: 5_000, retryPauseMs: 1 });
  await expect(http.request(GET)).rejects.toMatchObject({
    code: 'ENGINE_UNREACHABLE',
    message: expect.stringContaining('the answer has more than'),
  });
});

test('a server that does not answer in time', async () => {
  await using server = await withServer(() => undefined);
  const http = createEngineHttp({ url: server.url, key: null, timeoutMs: 20, retryPauseMs: 1 });
  await expect(http.request(GET)).rejects.toMatchObject({ code: 'ENGINE_UNREACHABLE' });
});

test('a key that is not accepted is in no message, also when the server repeats it', async () => {
  await using server = await withServer((_, response) => void response.writeHead(401).end('no key top-secret here'));
  await expect(server.http.request(GET)).rejects.toMatchObject({
    code: 'ENGINE_REFUSED',
    message: `GET ${server.url}/x: the key is not accepted (401 no key (key) here)`,
  });
});
