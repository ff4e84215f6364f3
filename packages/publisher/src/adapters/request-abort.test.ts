/** Requests that are broken off, and requests without a socket: what the event says of how they ended. */
import { once } from 'node:events';
import { request as httpRequest, type ServerResponse } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import express, { type Request } from 'express';
import { fastify, type FastifyInstance } from 'fastify';
import { Hono } from 'hono';
import { describe, expect, test } from 'vitest';
import { decision } from '../instrument/decision.ts';
import { memorySink } from '../sinks/memory-sink.ts';
import { auditRequests as forExpress } from './express.ts';
import { auditRequests as forFastify } from './fastify.ts';
import { auditRequests as forHono } from './hono.ts';

const claims = () => ({ sub: 'u-7', org_id: 'acme' });
type Handler = (response: ServerResponse) => void;

interface Service extends AsyncDisposable {
  readonly port: number;
  readonly audit: ReturnType<typeof memorySink>;
}

interface Closable {
  address(): AddressInfo | string | null;
  close(): unknown;
  closeAllConnections?(): void;
}

function service(server: Closable, audit: Service['audit']): Service {
  return {
    audit,
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections?.();
      server.close();
    },
  };
}

async function startExpress(handler: Handler): Promise<Service> {
  const audit = memorySink();
  const app = express();
  app.use(forExpress<Request>({ audit, claims }));
  app.get('/x', (_, response) => handler(response));
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return service(server, audit);
}

async function fastifyApp(app: FastifyInstance, audit: Service['audit'], handler: Handler): Promise<FastifyInstance> {
  await app.register(forFastify, { audit, claims });
  app.get('/x', (_, reply) => {
    reply.hijack();
    handler(reply.raw);
  });
  return app;
}

async function startFastify(handler: Handler, app: FastifyInstance = fastify()): Promise<Service> {
  const audit = memorySink();
  await fastifyApp(app, audit, handler);
  await app.listen({ port: 0, host: '127.0.0.1' });
  return service(app.server, audit);
}

async function startHono(handler: Handler): Promise<Service> {
  const audit = memorySink();
  const app = new Hono<{ Bindings: { outgoing: ServerResponse } }>();
  app.use(forHono({ audit, claims }));
  app.get('/x', (c) => {
    handler(c.env.outgoing);
    return new Promise(() => {});
  });
  const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' });
  if (server.address() === null) await once(server, 'listening');
  return service(server, audit);
}

function call(port: number) {
  const client = httpRequest({ port, host: '127.0.0.1', path: '/x' });
  client.on('error', () => {});
  client.end();
  return client;
}

describe.each([
  ['Express', startExpress],
  ['Fastify', startFastify],
  ['Hono', startHono],
])('%s', (_, start) => {
  test('a client that goes away before it got a status has got none', async () => {
    const reached = Promise.withResolvers<ServerResponse>();
    await using running = await start((response) => {
      response.statusCode = 201;
      reached.resolve(response);
    });
    const client = call(running.port);
    await reached.promise;
    client.destroy();
    const { outcome, data } = await running.audit.waitFor('request.handled');
    expect({ outcome, data }).toMatchObject({ outcome: 'failure', data: { status: 499, aborted: true, route: '/x' } });
  });

  test('one that goes away in the middle has got its status', async () => {
    await using running = await start((response) => void response.writeHead(206).write('x'));
    const client = call(running.port);
    const [response] = (await once(client, 'response')) as [NodeJS.ReadableStream];
    response.on('error', () => {});
    client.destroy();
    const { outcome, data } = await running.audit.waitFor('request.handled');
    expect({ outcome, data }).toMatchObject({ outcome: 'failure', data: { status: 206, aborted: true } });
  });

  test('a whole response is a success, also one that is ended inside a decision', async () => {
    await using running = await start((response) => {
      decision({ audit: memorySink(), orgid: 'acme', decisionid: 'inner' }, () => response.end('x'));
    });
    const client = call(running.port);
    const [response] = (await once(client, 'response')) as [NodeJS.ReadableStream];
    response.resume();
    const event = await running.audit.waitFor('request.handled');
    expect(event).toMatchObject({ outcome: 'success', data: { status: 200 } });
    expect(event.data).not.toHaveProperty('aborted');
    expect(event).not.toHaveProperty('decisionid');
  });
});

test('Fastify without a socket: a response of inject() is whole', async () => {
  const audit = memorySink();
  const app = await fastifyApp(fastify(), audit, (response) => void response.end('ok'));
  app.get('/sent', async () => 'ok');
  expect((await app.inject('/sent')).statusCode).toBe(200);
  expect((await app.inject('/x')).statusCode).toBe(200);
  expect(audit.events.map(({ outcome, data }) => [outcome, data['status'], data['aborted']])).toEqual([
    ['success', 200, undefined],
    ['success', 200, undefined],
  ]);
  await app.close();
});

test('Fastify over HTTP/2: whole, broken off in the middle, and before there was a status', async () => {
  const reached: (() => void)[] = [];
  const handlers: Handler[] = [
    (response) => void response.end('x'),
    (response) => void response.write('x'),
    () => reached.shift()?.(),
  ];
  const app = fastify({ http2: true }) as unknown as FastifyInstance;
  await using running = await startFastify((response) => handlers.shift()?.(response), app);
  const session = connectHttp2(`http://127.0.0.1:${running.port}`);
  const facts = async (expected: number) => {
    await expect.poll(() => running.audit.events.length).toBe(expected);
    const event = running.audit.events.at(-1);
    return [event?.outcome, event?.data['status'], event?.data['aborted']];
  };
  session.request({ ':path': '/x' }).resume();
  expect(await facts(1)).toEqual(['success', 200, undefined]);
  const middle = session.request({ ':path': '/x' });
  await once(middle, 'response');
  middle.close(8);
  expect(await facts(2)).toEqual(['failure', 200, true]);
  const { promise, resolve } = Promise.withResolvers<void>();
  reached.push(resolve);
  const early = session.request({ ':path': '/x' });
  await promise;
  early.close(8);
  expect(await facts(3)).toEqual(['failure', 499, true]);
  session.destroy();
});

test('Hono without a server: a request whose signal says that its client has gone', async () => {
  const audit = memorySink();
  const app = new Hono();
  app.use(forHono({ audit, claims }));
  const gone = new AbortController();
  app.get('/x', (c) => {
    gone.abort();
    return c.text('ok');
  });
  await app.request('/x', { signal: gone.signal });
  expect(audit.events).toMatchObject([{ outcome: 'failure', data: { status: 499, aborted: true } }]);
});
