/** What HTTP itself promises: methods, forms, hosts, limits, and errors that say what to do. */
import { OPERATIONS } from '@waybill/schema/api';
import { connect } from 'node:net';
import { beforeAll, afterAll, expect, test } from 'vitest';
import { startHttpServer } from '../../packages/consumer/src/http/http-server.ts';
import { createLedgerBuilder } from '../support/ledger-builder.ts';
import { startNats, type TestNats } from '../support/nats.ts';
import { principal, problemOf, testReader, type TestReader } from '../support/reader.ts';
import { makeStreams } from '../support/traffic.ts';
import { until } from '../support/until.ts';

let server: TestNats;
let made: TestReader;
const USAGE = '/v1/organizations/acme/usage';

beforeAll(async () => {
  server = await startNats();
  made = await makeReader();
});
afterAll(() => server[Symbol.asyncDispose]());

async function makeReader(options: Parameters<typeof testReader>[2] = {}): Promise<TestReader> {
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const builder = createLedgerBuilder(nc, settings);
  builder.append({ orgid: 'acme', received: '2025-11-01T00:00:00.000Z', bytes: 1 });
  await builder.commit();
  return testReader(nc, settings, { principals: [principal('billing', 'all', ['usage:read'])], ...options });
}

test.for([
  [`${USAGE}?form=2025-11-01`, /"form" is no parameter of usage\.get: did you mean from\?$/],
  [`${USAGE}?asOf=5`, /did you mean as_of\?$/],
  [`${USAGE}?token=wb_x_y`, /no parameter of usage\.get: expected from, to, period/],
  [`${USAGE}?from=2025-11-01&from=2025-11-02`, /"from" is given twice/],
  [`${USAGE}?step=year`, /step is "year": expected one of hour, day, week, month/],
  [`${USAGE}?wait=31`, /wait is "31": expected a whole number from 0 to 30/],
  [`${USAGE}?wait=3`, /^wait is 3: an answer without to/],
  [`${USAGE}?zone=Europe/Berln`, /zone is "Europe\/Berln"/],
  [`${USAGE}?period=2025-11&from=2025-11-01`, /from and to cannot be given as well/],
  [`${USAGE}?orgid=other`, /orgid stands in the path/],
  ['/v1/organizations/a%20b/usage', /orgid is "a b": expected/],
  ['/v1/organizations/acme%2F..%2Fother', /orgid is "acme\/\.\.\/other"/],
  ['/v1/organizations/_system/usage', /orgid is "_system"/],
  ['/v1/organizations?limit=0', /limit is "0": expected a whole number from 1 to 1000/],
  ['/v1/organizations/acme/entries?after=-1', /after is "-1"/],
  ['/v1/usage?organizations=acme,_system', /organizations is "_system"/],
  ['/v1/status?x=1', /status\.get has no parameters/],
] as const)('%s is a question that makes no sense', async ([path, detail]) => {
  const response = await made.get(path);
  expect([response.status, await problemOf(response)]).toMatchObject([
    400,
    { type: 'urn:waybill:error:BAD_ARGUMENT', code: 'BAD_ARGUMENT', detail: expect.stringMatching(detail) },
  ]);
});

test('what is not there, what may not be done there, and what has not that form', async () => {
  const nothing = await made.get('/v2/usage');
  expect([nothing.status, (await problemOf(nothing)).code]).toEqual([404, 'NOT_FOUND']);
  for (const [method, path, allow] of [
    ['POST', USAGE, 'GET, HEAD'],
    ['DELETE', USAGE, 'GET, HEAD'],
    ['OPTIONS', USAGE, 'GET, HEAD'],
    ['GET', '/v1/organizations/acme/verifications', 'POST'],
    ['PUT', '/openapi.json', 'GET, HEAD'],
  ] as const) {
    const response = await made.app.request(path, { method, headers: { authorization: 'Bearer root' } });
    expect([response.status, response.headers.get('allow')], method).toEqual([405, allow]);
    expect((await problemOf(response)).code).toBe('METHOD_NOT_ALLOWED');
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
  }
  const picky = await made.get(USAGE, { accept: 'application/xml, text/event-stream' });
  expect(await problemOf(picky)).toMatchObject({
    status: 406,
    detail: expect.stringMatching(/application\/json, text\/csv$/),
  });
  for (const [accept, type] of [
    ['text/*;q=0.5, application/json;q=0.4', 'text/csv; charset=utf-8'],
    ['text/csv;q=0, */*', 'application/json'],
    ['text/html,application/xhtml+xml,*/*;q=0.8', 'application/json'],
  ] as const)
    expect((await made.get(USAGE, { accept })).headers.get('content-type')).toBe(type);
});

test('HEAD has the headers of GET and no body, and opens no stream', async () => {
  const path = `${USAGE}?period=2025-11`;
  const [get, head] = await Promise.all([
    made.get(path),
    made.app.request(path, { method: 'HEAD', headers: { authorization: 'Bearer root' } }),
  ]);
  expect([head.status, head.headers.get('etag'), await head.text()]).toEqual([200, get.headers.get('etag'), '']);
  const headers = { authorization: 'Bearer root', accept: 'text/event-stream' };
  const stream = await made.app.request('/v1/organizations/acme/entries', { method: 'HEAD', headers });
  expect([stream.status, await stream.text()]).toEqual([200, '']);
  expect(made.reader.slots.taken('stream')).toBe(0);
});

test('only names that are allowed, also for who is authenticated', async () => {
  const { app } = await makeReader({ app: { hosts: ['waybill.example', '[2001:db8::1]'] } });
  const status = async (host: string, origin?: string): Promise<number> => {
    const headers = { authorization: 'Bearer root', host, ...(origin !== undefined && { origin }) };
    return (await app.request('/v1/status', { headers })).status;
  };
  for (const host of ['localhost', 'localhost:8080', '127.0.0.1:1', '[::1]:80', 'WAYBILL.example', '[2001:db8::1]:443'])
    expect(await status(host), host).toBe(200);
  for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.2', 'waybill.example@evil.example', 'x y', ''])
    expect(await status(host), host).toBe(403);
  expect(await status('localhost', 'http://localhost:5173')).toBe(200);
  expect(await status('localhost', 'https://waybill.example')).toBe(200);
  for (const origin of ['https://evil.example', 'null', 'file://localhost', 'http://localhost.evil.example'])
    expect(await status('localhost', origin), origin).toBe(403);
  const document = await app.request('/openapi.json', { headers: { host: 'evil.example' } });
  expect(await problemOf(document)).toMatchObject({
    code: 'FORBIDDEN',
    detail: expect.stringMatching(/evil\.example/),
  });
});

test('a scope that is lacking is named', async () => {
  const response = await made.app.request('/v1/organizations/acme/entries', {
    headers: { authorization: 'Bearer billing' },
  });
  expect(await problemOf(response)).toMatchObject({
    status: 403,
    code: 'FORBIDDEN',
    detail: expect.stringMatching(/entries\.list needs the scope entries:read/),
  });
});

test('requests are limited in size', async () => {
  const post = (body: string) =>
    made.app.request('/v1/organizations/acme/verifications', {
      method: 'POST',
      headers: { authorization: 'Bearer root' },
      body,
    });
  expect(await problemOf(await post(' '.repeat(65_537)))).toMatchObject({ status: 413, code: 'TOO_LARGE' });
  expect(await problemOf(await made.get(`${USAGE}?from=${'0'.repeat(17_000)}`))).toMatchObject({ code: 'TOO_LARGE' });
  for (const body of ['[]', 'x', '"x"', '{"from":1}', '{"orgid":"other"}', '{"x":"1"}'])
    expect(await problemOf(await post(body)), body).toMatchObject({ code: 'BAD_ARGUMENT' });
  expect((await post('{}')).status).toBe(202);
});

test('a body is read from a socket, also without a length, and not beyond the limit', async () => {
  await using http = await startHttpServer(made.app, { host: '127.0.0.1', port: 0 });
  const path = '/v1/organizations/acme/verifications';
  const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer root\r\nConnection: close\r\n`;
  for (const [request, status] of [
    [`${head}\r\n`, 202],
    [`${head}Content-Length: 2\r\n\r\n{}`, 202],
    [`${head}Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`, 202],
    [`${head}Content-Length: 65537\r\n\r\n${' '.repeat(65_537)}`, 413],
    [`${head}Transfer-Encoding: chunked\r\n\r\n10001\r\n${' '.repeat(65_537)}\r\n0\r\n\r\n`, 413],
    [`GET ${USAGE} HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
    [`GET ${USAGE} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n`, 403],
    [`GET http://evil.example${USAGE} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`, 403],
    [`GET ${USAGE} HTTP/1.1\r\nConnection: close\r\n\r\n`, 400],
  ] as const)
    expect(await rawRequest(http.url, request), request.slice(0, 200)).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
});

/** What a server answers to these bytes. */
async function rawRequest(url: string, request: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  let answer = '';
  socket.setEncoding('utf8').on('data', (text: string) => (answer += text));
  socket.on('error', () => undefined);
  socket.write(request);
  await new Promise((resolve) => socket.once('close', resolve));
  return answer;
}

test('more questions at once than it can answer are refused, with a time to ask again', async () => {
  const { get, reader, answered } = await makeReader({ slots: { query: 0 } });
  const response = await get(USAGE);
  expect([response.headers.get('retry-after'), await problemOf(response)]).toMatchObject([
    '1',
    { code: 'BUSY', status: 503 },
  ]);
  expect(answered).toEqual([{ operation: 'usage.get', code: 'BUSY' }]);
  const soon = new Date(Date.now() + 3_600_000).toISOString();
  const patient = await get(`${USAGE}?wait=1&to=${soon}`);
  expect(patient.status).toBe(200);
  expect(reader.slots.taken('wait')).toBe(0);
});

test('an answer that takes too long is given up, and its slot is free when the work has ended', async () => {
  const { get, reader } = await makeReader({ limits: { queryMs: 0 } });
  expect(await problemOf(await get(USAGE))).toMatchObject({ code: 'TIMED_OUT', status: 503, retry_after: 1 });
  await until('the slot to be free', () => reader.slots.taken('query') === 0);
});

test('each answer protects whoever shows it', async () => {
  for (const path of [USAGE, '/nothing', '/openapi.json']) {
    const { headers } = await made.get(path);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toBe("default-src 'none'; frame-ancestors 'none'");
    expect(headers.get('set-cookie')).toBeNull();
    expect(headers.get('cache-control')).toBe('no-store');
  }
});

test('a fault says nothing about the inside', async () => {
  const { get } = await makeReader({
    bill: {
      issuer: 'x',
      signer: {
        keyid: 'k',
        sign: () => {
          throw new Error('secret inside');
        },
      },
    },
  });
  const response = await get('/v1/organizations/acme/bill?period=2025-11');
  expect(await problemOf(response)).toMatchObject({
    status: 500,
    code: 'INTERNAL',
    detail: 'the reader failed; its log says why',
  });
});

test('every operation is at its path', async () => {
  for (const { http } of Object.values(OPERATIONS)) {
    const path = http.path.replace('{orgid}', 'acme').replace('{seq}', '1').replace('{id}', 'x');
    const response = await made.app.request(path, { method: http.method });
    expect(response.status, path).toBe(401);
  }
});
