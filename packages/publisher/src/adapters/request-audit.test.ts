/** The middleware in the frameworks themselves, over sockets. */
import { once } from 'node:events';
import { request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import express, { type Request } from 'express';
import { fastify } from 'fastify';
import { Hono } from 'hono';
import { afterEach, describe, expect, test } from 'vitest';
import { memorySink } from '../sinks/memory-sink.ts';
import { auditRequests as forExpress } from './express.ts';
import { auditRequests as forFastify } from './fastify.ts';
import { auditRequests as forHono } from './hono.ts';

const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

/** What authentication would leave: here a header is the token. */
const claimsOf = (user: string | undefined) => (user === undefined ? null : { sub: user, org_id: 'acme' });

interface Service {
  readonly server: Server;
  readonly audit: ReturnType<typeof memorySink>;
  close(): Promise<unknown>;
}

const suppress = ({ sub }: { readonly sub?: unknown }): boolean => sub === 'prober';

async function listening(server: Server): Promise<void> {
  if (!server.listening) await once(server, 'listening');
}

async function startExpress(): Promise<Service> {
  const audit = memorySink();
  const app = express();
  app.use(
    forExpress<Request>({
      audit,
      suppress,
      claims: (request) => claimsOf(request.get('x-user')),
      subject: (request) => request.params['digest'] as string,
    }),
  );
  const router = express.Router();
  router.get('/artifacts/:digest', (_, response) => void response.send('ok'));
  app.use('/api', router);
  app.get('/fails', () => {
    throw new Error('no');
  });
  app.get('/hangs', (_, response) => void response.write('…'));
  // The last resort, so that Express does not print the error.
  app.use((_error: unknown, _request: Request, response: express.Response, _next: express.NextFunction) => {
    response.status(500).end();
  });
  const server = app.listen(0, '127.0.0.1');
  await listening(server);
  return { server, audit, close: () => closeServer(server) };
}

async function startFastify(): Promise<Service> {
  const audit = memorySink();
  const app = fastify();
  await app.register(forFastify, {
    audit,
    suppress,
    claims: (request) => claimsOf(request.headers['x-user'] as string | undefined),
    subject: (request) => (request.params as { digest?: string }).digest,
  });
  await app.register(
    (api, _, done) => {
      api.get('/artifacts/:digest', () => 'ok');
      done();
    },
    { prefix: '/api' },
  );
  app.get('/fails', () => {
    throw new Error('no');
  });
  app.get('/hangs', (_, reply) => {
    reply.hijack();
    reply.raw.write('…');
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  return { server: app.server, audit, close: () => closeServer(app.server).then(() => app.close()) };
}

function honoApp(audit: ReturnType<typeof memorySink>): Hono {
  const app = new Hono();
  app.onError((_, c) => c.body(null, 500));
  app.use(
    forHono({
      audit,
      suppress,
      claims: (c) => claimsOf(c.req.header('x-user')),
      subject: (c) => c.req.param('digest'),
    }),
  );
  app.get('/api/artifacts/:digest', (c) => c.text('ok'));
  app.get('/fails', () => {
    throw new Error('no');
  });
  app.get('/hangs', (c) => c.body(new ReadableStream({ start: (stream) => stream.enqueue(new Uint8Array([1])) })));
  return app;
}

async function startHono(): Promise<Service> {
  const audit = memorySink();
  const server = serve({ fetch: honoApp(audit).fetch, port: 0, hostname: '127.0.0.1' }) as Server;
  await listening(server);
  return { server, audit, close: () => closeServer(server) };
}

async function closeServer(server: Server): Promise<void> {
  server.closeAllConnections();
  if (server.listening) await new Promise((resolve) => server.close(resolve));
}

let running: Service | undefined;

afterEach(async () => {
  await running?.close();
  running = undefined;
});

describe.each([
  ['Express', startExpress],
  ['Fastify', startFastify],
  ['Hono on Node', startHono],
])('%s', (_, start) => {
  test('one event for each authenticated request, with who, what, and how it went', async () => {
    running = await start();
    const { server, audit } = running;
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const get = async (path: string, headers: Record<string, string> = {}): Promise<number> => {
      const response = await fetch(`${url}${path}`, { headers });
      await response.text();
      return response.status;
    };
    expect(await get('/api/artifacts/sha256:1?token=secret', { 'x-user': 'u-7', traceparent: TRACEPARENT })).toBe(200);
    expect(await get('/api/artifacts/sha256:2')).toBe(200);
    expect(await get('/api/artifacts/sha256:3', { 'x-user': 'prober' })).toBe(200);
    expect(await get('/fails', { 'x-user': 'u-7', traceparent: 'nonsense' })).toBe(500);
    expect(await get('/no/such/path', { 'x-user': 'u-7' })).toBe(404);
    await expect.poll(() => audit.events.length).toBe(3);
    expect(audit.drops).toEqual([]);
    const [good, failed, missing] = audit.events;
    expect(good).toMatchObject({
      type: 'request.handled',
      orgid: 'acme',
      actortype: 'USER',
      actorid: 'u-7',
      subject: 'sha256:1',
      outcome: 'success',
      traceparent: TRACEPARENT,
      data: { method: 'GET', route: '/api/artifacts/:digest', status: 200, duration_ms: expect.any(Number) },
    });
    expect(failed).toMatchObject({ outcome: 'failure', data: { route: '/fails', status: 500 } });
    expect(failed).not.toHaveProperty('traceparent');
    expect(missing).toMatchObject({ outcome: 'failure', data: { status: 404 } });
    expect(JSON.stringify(audit.events)).not.toMatch(/secret|such/);
  });

  test('a request that the client breaks off is one event too', async () => {
    running = await start();
    const { server, audit } = running;
    const { port } = server.address() as AddressInfo;
    const client = httpRequest({ port, host: '127.0.0.1', path: '/hangs', headers: { 'x-user': 'u-7' } });
    client.on('error', () => {});
    client.end();
    const [response] = (await once(client, 'response')) as [NodeJS.ReadableStream];
    response.on('error', () => {});
    client.destroy();
    const event = await audit.waitFor('request.handled');
    expect(event).toMatchObject({ outcome: 'failure', data: { route: '/hangs', aborted: true } });
    expect(audit.events).toHaveLength(1);
  });
});

describe('Hono without a server', () => {
  test('the event comes when the response has been made', async () => {
    const audit = memorySink();
    const app = honoApp(audit);
    expect((await app.request('/api/artifacts/x', { headers: { 'x-user': 'u-7' } })).status).toBe(200);
    expect((await app.request('/fails', { headers: { 'x-user': 'u-7' } })).status).toBe(500);
    expect((await app.request('/api/artifacts/x')).status).toBe(200);
    expect(audit.events.map(({ data }) => data['status'])).toEqual([200, 500]);
  });
});

test('options that throw cost the event or the attribute, never the request', async () => {
  const audit = memorySink();
  const app = new Hono();
  const fail = (): never => {
    throw new Error('foreign code');
  };
  app.use('/a', forHono({ audit, claims: fail }));
  app.use('/b', forHono({ audit, claims: () => ({ org_id: 'acme' }), subject: fail, actor: fail, suppress: fail }));
  app.get('*', (c) => c.text('ok'));
  expect((await app.request('/a')).status).toBe(200);
  expect((await app.request('/b')).status).toBe(200);
  expect(audit.events).toMatchObject([{ orgid: 'acme', data: { status: 200 } }]);
});
