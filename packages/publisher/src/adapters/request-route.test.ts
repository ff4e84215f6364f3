/**
 * The route of an event is the pattern that answered, or nothing: never a part of the address, which may be a secret.
 */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import express, { type NextFunction, type Request, type Response } from 'express';
import { fastify, type FastifyInstance } from 'fastify';
import { Hono } from 'hono';
import { every } from 'hono/combine';
import { afterEach, describe, expect, test } from 'vitest';
import { memorySink } from '../sinks/memory-sink.ts';
import { auditRequests as forExpress } from './express.ts';
import { auditRequests as forFastify } from './fastify.ts';
import { auditRequests as forHono } from './hono.ts';

const SECRET = 'tok-5ecr3t';
const claims = () => ({ sub: 'u-7', org_id: 'acme' });
const audit = memorySink();
let server: Server | undefined;

afterEach(async () => {
  server?.closeAllConnections();
  server?.close();
  audit.clear();
});

async function listen(made: Server): Promise<void> {
  server = made;
  if (!made.listening) await once(made, 'listening');
}

/** What the event says of a request over a socket: route and status. */
async function routeOf(path: string, init: RequestInit = {}): Promise<string> {
  audit.clear();
  const { port } = (server as Server).address() as AddressInfo;
  const response = await fetch(`http://127.0.0.1:${port}${path}`, init);
  await response.text();
  const { data } = await audit.waitFor('request.handled');
  expect(JSON.stringify(audit.events)).not.toContain('5ecr3t');
  expect(data['status']).toBe(response.status);
  return `${(data['route'] as string | undefined) ?? '-'} ${response.status}`;
}

describe('Express', () => {
  const ok = (_: Request, response: Response): void => void response.send('ok');
  const pass = (_request: Request, _response: Response, next: NextFunction): void => next();
  const fail = (): never => {
    throw new Error('no');
  };

  async function start(build: (app: express.Express) => void): Promise<void> {
    const app = express();
    app.use(forExpress<Request>({ audit, claims }));
    build(app);
    app.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
      response.status(500).send(String(error));
    });
    await listen(app.listen(0, '127.0.0.1'));
  }

  test('a router below a parameter, in a router below another, and at several places', async () => {
    await start((app) => {
      const inner = express.Router({ mergeParams: true });
      inner.get('/confirm/:step', ok);
      inner.get('/', ok);
      inner.get('/fails', fail);
      const outer = express.Router();
      outer.use('/for/:user', inner);
      app.use('/reset/:token', outer);
      app.use('/API/', outer);
      app.use(['/a/:token', '/b/:token'], outer);
    });
    expect(await routeOf(`/reset/${SECRET}/for/ann/confirm/2?t=${SECRET}`)).toBe(
      '/reset/:token/for/:user/confirm/:step 200',
    );
    expect(await routeOf(`/reset/${SECRET}/for/ann`)).toBe('/reset/:token/for/:user/ 200');
    expect(await routeOf('/api/for/ann/confirm/2')).toBe('/API/for/:user/confirm/:step 200');
    expect(await routeOf(`/b/${SECRET}/for/ann/confirm/2`)).toBe('/b/:token/for/:user/confirm/:step 200');
    // The error handler answers for the route that failed.
    expect(await routeOf(`/reset/${SECRET}/for/ann/fails`)).toBe('/reset/:token/for/:user/fails 500');
    expect(await routeOf(`/reset/${SECRET}/for/ann/nothing`)).toBe('- 404');
  });

  test('an application below a parameter, and one in it', async () => {
    await start((app) => {
      const inner = express();
      inner.get('/users/:id', ok);
      const outer = express();
      outer.use('/v/:version', inner);
      const router = express.Router();
      router.get('/health', ok);
      outer.use('/router/:key', router);
      app.use('/tenants/:token', outer);
    });
    expect(await routeOf(`/tenants/${SECRET}/v/2/users/7`)).toBe('/tenants/:token/v/:version/users/:id 200');
    expect(await routeOf(`/tenants/${SECRET}/router/${SECRET}/health`)).toBe('/tenants/:token/router/:key/health 200');
    expect(await routeOf(`/tenants/${SECRET}/v/2/nothing`)).toBe('- 404');
  });

  test('a route of several patterns, of a regular expression, one that a route left to the next, and none', async () => {
    await start((app) => {
      app.get(['/one/:id', '/two/:id'], ok);
      app.get(/^\/raw\/(.*)/, ok);
      const router = express.Router();
      router.get('/x', ok);
      app.use(/^\/mount\/[^/]+/, router);
      app.get('/passes/:id', pass);
      app.get('/unanswered/:id', pass);
      app.get('/first/:id', pass);
      app.get('/first/*rest', ok);
      app.use('/files/:token', ok);
      app.use('/passes', (_request, response) => void response.status(410).send('gone'));
    });
    expect(await routeOf('/two/7')).toBe('/two/:id 200');
    expect(await routeOf(`/raw/${SECRET}`)).toBe('- 200');
    expect(await routeOf(`/mount/${SECRET}/x`)).toBe('- 200');
    expect(await routeOf('/passes/7')).toBe('- 410');
    expect(await routeOf('/unanswered/7')).toBe('- 404');
    expect(await routeOf('/first/7')).toBe('/first/*rest 200');
    expect(await routeOf(`/files/${SECRET}`)).toBe('- 200');
    expect(await routeOf('/two/7', { method: 'POST' })).toBe('- 404');
    expect(await routeOf(`/two/%E0%A4%A`)).toBe('- 500');
  });

  test('a path that a middleware rewrites, and Connect, which has no routes', async () => {
    await start((app) => {
      app.use((request, _response, next) => {
        request.url = request.url.replace('/v1', '');
        next();
      });
      const router = express.Router();
      router.get('/x/:id', ok);
      app.use('/rewritten/:token', router);
    });
    expect(await routeOf(`/v1/rewritten/${SECRET}/x/1`)).toBe('/rewritten/:token/x/:id 200');
    const middleware = forExpress({ audit, claims });
    server?.close();
    await listen(
      createServer((request, response) => middleware(request, response, () => response.end())).listen(0, '127.0.0.1'),
    );
    expect(await routeOf(`/${SECRET}`)).toBe('- 200');
  });
});

test('Express with an older router, which forgets patterns: no route for what is mounted', async () => {
  const app = express();
  app.use(forExpress<Request>({ audit, claims }));
  const router = express.Router();
  router.get('/x', (_, response) => void response.send('ok'));
  app.use('/reset/:token', router);
  for (const layer of app.router.stack) delete (layer as { rawPath?: unknown }).rawPath;
  await listen(app.listen(0, '127.0.0.1'));
  expect(await routeOf(`/reset/${SECRET}/x`)).toBe('- 200');
});

describe('Fastify', () => {
  async function start(build: (app: FastifyInstance) => unknown): Promise<void> {
    const app = fastify();
    await app.register(forFastify, { audit, claims });
    await build(app);
    await app.listen({ port: 0, host: '127.0.0.1' });
    server = app.server;
  }

  test('prefixes with parameters, catch-alls, errors, and what nothing was found for', async () => {
    await start(async (app) => {
      await app.register(
        async (outer) => {
          await outer.register(async (inner) => void inner.get('/confirm/:step', () => 'ok'), { prefix: '/for/:user' });
          outer.get('/fails', () => {
            throw new Error('no');
          });
          outer.get('/left', (_, reply) => reply.callNotFound());
          outer.setNotFoundHandler((_, reply) => reply.code(404).send('no'));
        },
        { prefix: '/reset/:token' },
      );
      app.get('/files/*', () => 'ok');
    });
    expect(await routeOf(`/reset/${SECRET}/for/ann/confirm/2`)).toBe('/reset/:token/for/:user/confirm/:step 200');
    expect(await routeOf(`/reset/${SECRET}/fails`)).toBe('/reset/:token/fails 500');
    expect(await routeOf(`/files/${SECRET}`)).toBe('/files/* 200');
    expect(await routeOf(`/reset/${SECRET}/nothing`)).toBe('- 404');
    expect(await routeOf(`/reset/${SECRET}/left`)).toBe('- 404');
    expect(await routeOf(`/${SECRET}`)).toBe('- 404');
  });
});

describe('Hono', () => {
  function build(): Hono {
    const app = new Hono();
    app.use(forHono({ audit, claims }));
    app.use('/admin/*', async (c, next) => (c.req.header('x-key') === 'k' ? next() : c.text('no', 401)));
    app.use(
      '/both/*',
      every(
        async (_, next) => next(),
        async (_, next) => next(),
      ),
    );
    app.get('/both/:id', (c) => c.text('ok'));
    app.get('/admin/:page', (c) => c.text('ok'));
    app.get('/items/:id', async (c, next) => (c.req.param('id') === 'none' ? next() : c.text('ok')));
    app.get(
      '/strict/:id',
      async (c, next) => (c.req.query('ok') ? next() : c.text('no', 400)),
      (c) => c.text('ok'),
    );
    app.get('/missing/:id', (c) => c.notFound());
    app.get('/fails/:id', () => {
      throw new Error('no');
    });
    app.onError((_, c) => c.text('no', 500));
    const inner = new Hono().onError((_, c) => c.text('inner', 500));
    inner.get('/confirm/:step', (c) => c.text('ok'));
    inner.get('/fails', () => {
      throw new Error('no');
    });
    app.route('/reset/:token', new Hono().route('/for/:user', inner));
    app.mount('/mounted', () => new globalThis.Response('ok'));
    // Registered last, as an application that serves its pages has it.
    app.use('*', async (_, next) => next());
    app.get('*', (c) => c.text('page', c.req.path.startsWith('/pages') ? 200 : 404));
    return app;
  }

  const cases = [
    [`/reset/${SECRET}/for/ann/confirm/2`, '/reset/:token/for/:user/confirm/:step 200'],
    [`/reset/${SECRET}/for/ann/fails`, '/reset/:token/for/:user/fails 500'],
    [`/reset/${SECRET}/for/ann/nothing`, '/* 404'],
    ['/items/7', '/items/:id 200'],
    ['/items/none', '/* 404'],
    ['/strict/7', '/strict/:id 400'],
    ['/strict/7?ok=1', '/strict/:id 200'],
    ['/missing/7', '/missing/:id 404'],
    ['/fails/7', '/fails/:id 500'],
    ['/both/7', '/both/:id 200'],
    [`/pages/${SECRET}`, '/* 200'],
    // Middleware and what was mounted have no route of their own.
    ['/admin/users', '- 401'],
    [`/mounted/${SECRET}`, '- 200'],
  ] as const;

  test.for(cases)('on Node: %s', async ([path, expected]) => {
    await listen(serve({ fetch: build().fetch, port: 0, hostname: '127.0.0.1' }) as Server);
    expect(await routeOf(path)).toBe(expected);
  });

  test.for(cases)('without a server: %s', async ([path, expected]) => {
    const response = await build().request(path);
    const { data } = await audit.waitFor('request.handled');
    expect(`${(data['route'] as string | undefined) ?? '-'} ${response.status}`).toBe(expected);
  });

  test('nothing but middleware answers: no route', async () => {
    const app = new Hono();
    app.use(forHono({ audit, claims }));
    await app.request(`/${SECRET}`);
    expect(audit.events[0]?.data).not.toHaveProperty('route');
  });
});
