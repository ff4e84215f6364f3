import { createPublisher, memorySink, audited, timed, decision, artifactUploaded, fileSink } from '@waybill/publisher';
import { auditRequests as ex } from '@waybill/publisher/express';
import { auditRequests as fa } from '@waybill/publisher/fastify';
import { auditRequests as ho } from '@waybill/publisher/hono';
import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { AsyncLocalStorage } from 'node:async_hooks';
import http from 'node:http';
const claims = () => ({ sub: 'u', org_id: 'acme' });
const show = (m: any) => {
  const r = m.events.map(
    (e: any) => `${e.data?.method ?? e.type} ${e.data?.route ?? '-'} ${e.data?.status ?? ''} ${e.data?.aborted ?? ''}`,
  );
  const d = m.drops;
  m.clear();
  return JSON.stringify([r, d]);
};
{
  const m = memorySink();
  const app = express();
  app.use(ex({ audit: m, claims }));
  const r = express.Router({ mergeParams: true });
  r.get('/reset/:token', (q: any, s: any) => s.send('x'));
  r.use('/inner/:secret', (q: any, s: any) => s.send('used'));
  r.get('/next/:t', (q: any, s: any, n: any) => n());
  r.get('/err/:t', () => {
    throw new Error('x');
  });
  app.use('/t/:tenant', r);
  app.use((q: any, s: any) => s.status(404).send('no'));
  app.use((e: any, q: any, s: any, n: any) => s.status(500).send('err'));
  const server = app.listen(0);
  await once(server, 'listening');
  const port = (server.address() as any).port;
  for (const p of [
    '/t/acme/reset/SECRET',
    '/t/acme/inner/SECRET',
    '/t/acme/next/SECRET',
    '/t/acme/err/SECRET',
    '/SECRET',
    '/t/%zz',
  ]) {
    await fetch(`http://127.0.0.1:${port}${p}`).then((x) => x.text());
    console.log('express', p, show(m));
  }
  server.closeAllConnections();
  server.close();
}
{
  const m = memorySink();
  const app = fastify();
  await app.register(fa as any, { audit: m, claims });
  app.get('/reset/:token', async () => 'x');
  app.get('/w/*', async () => 'w');
  app.get('/boom/:t', async () => {
    throw new Error('x');
  });
  app.get('/slow', () => new Promise(() => {}));
  for (const p of ['/reset/SECRET', '/w/SECRET', '/boom/SECRET', '/none/SECRET', '/reset/%zz']) {
    await app.inject(p);
    console.log('fastify', p, show(m));
  }
  await app.listen({ port: 0 });
  const port = (app.server.address() as any).port;
  const c = http.get({ port, path: '/slow' });
  c.on('error', () => {});
  await new Promise((r) => setTimeout(r, 100));
  c.destroy();
  await new Promise((r) => setTimeout(r, 200));
  console.log('fastify abort', show(m));
  app.server.closeAllConnections();
  await app.close();
}
{
  const m = memorySink();
  const app = new Hono();
  app.use(ho({ audit: m, claims }));
  app.get('/reset/:token', (c) => c.text('x'));
  const sub = new Hono();
  sub.get('/in/:s', (c) => c.text('y'));
  sub.get('/boom/:s', () => {
    throw new Error('x');
  });
  app.route('/sub/:t', sub);
  app.mount('/mnt', () => new Response('m'));
  app.all('*', (c) => c.text('all'));
  app.onError((e, c) => c.text('e', 500));
  for (const p of ['/reset/SECRET', '/sub/SECRET/in/SECRET', '/sub/a/boom/SECRET', '/mnt/SECRET', '/other/SECRET']) {
    await app.request(p);
    console.log('hono', p, show(m));
  }
}
// missing claims
{
  const m = memorySink();
  for (const [n, f] of Object.entries<any>({ ex, ho })) {
    try {
      f({ audit: m });
      console.log(n, 'no claims: accepted');
    } catch (e: any) {
      console.log(n, e.message);
    }
  }
}
// completion
const t = async (
  n: string,
  mk: () => any,
  use: (v: any) => any,
  fn = (m: any) => audited({ audit: m, name: 'x', orgid: 'acme' })(mk),
) => {
  const m = memorySink();
  let r;
  try {
    const v = fn(m)();
    const at = m.events.length;
    r = `at return ${at} events`;
    await use(v);
  } catch (e: any) {
    r += ' threw ' + e.message;
  }
  await new Promise((q) => setTimeout(q, 30));
  console.log(n, r, m.events.map((e) => e.type + '/' + (e as any).outcome).join(' '));
};
await t(
  'thenable',
  () => ({
    then(a: any) {
      setTimeout(() => a(5), 10);
    },
  }),
  async (v) => await v,
);
await t(
  'thenable twice',
  () => ({
    n: 0,
    then(a: any) {
      this.n++;
      a(this.n);
    },
  }),
  async (v) => {
    await v;
    await v;
  },
);
await t(
  'thenable rejects',
  () => ({
    then(a: any, b: any) {
      b(new Error('no'));
    },
  }),
  async (v) => await v,
);
await t(
  'promise w own then',
  () => {
    const p: any = new Promise((r) => setTimeout(r, 10));
    p.then = function (...a: any[]) {
      return Promise.prototype.then.apply(this, a as any);
    };
    return p;
  },
  async (v) => await v,
);
await t(
  'promise of generator',
  async () =>
    (function* () {
      yield 1;
      yield 2;
    })(),
  async (v) => {
    for (const x of await v) void x;
  },
);
await t(
  'async gen break',
  async function* () {
    yield 1;
    yield 2;
  } as any,
  async (v) => {
    for await (const x of v) {
      void x;
      break;
    }
  },
);
await t(
  'async gen throw',
  async function* () {
    yield 1;
    throw new Error('g');
  } as any,
  async (v) => {
    for await (const x of v) void x;
  },
);
await t(
  'sync gen return early',
  function* () {
    yield 1;
    yield 2;
  } as any,
  (v) => {
    const [a] = v;
    return a;
  },
);
await t(
  'sync gen spread',
  function* () {
    yield 1;
    yield 2;
  } as any,
  (v) => [...v],
);
await t(
  'gen unread',
  function* () {
    yield 1;
  } as any,
  () => 0,
);
await t(
  'stream',
  () => Readable.from(['a', 'b']),
  async (v) => {
    for await (const x of v) void x;
  },
);
await t(
  'stream destroyed',
  () => Readable.from(['a', 'b']),
  async (v) => {
    v.destroy();
  },
);
await t(
  'webstream',
  () =>
    new ReadableStream({
      start(c) {
        c.enqueue('a');
        c.close();
      },
    }),
  async (v) => {
    for await (const x of v) void x;
  },
);
await t(
  'webstream cancel',
  () =>
    new ReadableStream({
      pull(c) {
        c.enqueue('a');
      },
    }),
  async (v) => {
    await v.cancel();
  },
);
await t(
  'Response',
  () => new Response('abc'),
  async (v) => v.text(),
);
await t(
  'yield* delegating',
  function* () {
    yield* [1, 2];
  } as any,
  (v) => [...v],
);
await t(
  'iterator helper map',
  function* () {
    yield 1;
    yield 2;
  } as any,
  (v) => v.map((x: any) => x).toArray(),
);
await t(
  'Array.fromAsync',
  async function* () {
    yield 1;
  } as any,
  (v) => Array.fromAsync(v),
);
await t(
  'same generator obj twice',
  (() => {
    const g = (function* () {
      yield 1;
    })();
    return () => g;
  })(),
  (v) => [...v],
);
await t(
  'frozen',
  () =>
    Object.freeze({
      then(a: any) {
        a(1);
      },
    }),
  async (v) => await v,
);
await t(
  'bound next',
  async function* () {
    yield 1;
    yield 2;
  } as any,
  async (v) => {
    const n = v.next.bind(v);
    while (!(await n()).done);
  },
);
await t(
  'yield* of watched (async)',
  async function* () {
    yield 1;
    yield 2;
  } as any,
  async (v) => {
    async function* outer() {
      yield* v;
    }
    for await (const x of outer()) void x;
  },
);
await t(
  'Promise.prototype cross',
  () => new (class extends Promise<any> {})((r) => setTimeout(r, 5)),
  async (v) => await v,
);
// context leak: file sink onDrop, tee, decision in emitted hooks
{
  const m = memorySink();
  const drops: any[] = [];
  let ctx: any;
  const als = new AsyncLocalStorage();
  const dir = '/tmp/hp/ctx' + Date.now();
  const f = fileSink({
    source: '//x',
    directory: dir,
    logger: {
      info() {
        ctx = als.getStore();
      },
      warn() {
        ctx = als.getStore();
      },
    },
    onDrop: (d) => {
      m.emit(artifactUploaded({ orgid: 'acme', digest: `sha256:${'0'.repeat(64)}`, size_bytes: 1 }));
    },
  });
  await als.run('REQ', () =>
    decision({ orgid: 'acme', audit: f, decisionid: 'D1' }, async () => {
      f.emit({ type: 'no.such', fields: {} } as any);
    }),
  );
  await f.close();
  console.log(
    'ctx',
    ctx,
    m.events.map((e: any) => e.decisionid),
  );
}
process.exit(0);
