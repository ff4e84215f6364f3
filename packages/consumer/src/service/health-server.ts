/** The HTTP endpoints of `waybill serve`: health, status, metrics. They only read. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ConsumerError } from '../errors.ts';

export interface Health {
  /** False when the process should be restarted. */
  readonly alive: boolean;
  /** Why it neither chains nor stands by for a consumer that does; empty when it is ready. */
  readonly unready: readonly string[];
  /** What `/status` shows. */
  readonly status: object;
}

/** What `/metrics` shows. */
export interface MetricsPage {
  readonly contentType: string;
  text(): Promise<string>;
}

export interface HealthServer extends AsyncDisposable {
  readonly url: string;
  close(): Promise<void>;
}

/** @throws ConsumerError BAD_CONFIG when the port cannot be opened */
export async function startHealthServer(
  at: { host: string; port: number },
  { health, metrics }: { health: () => Health; metrics: MetricsPage },
): Promise<HealthServer> {
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    const [code, contentType, body] =
      path === '/metrics' ? ([200, metrics.contentType, await metrics.text()] as const) : json(path, health());
    response.writeHead(code, { 'content-type': contentType, 'cache-control': 'no-store' });
    response.end(request.method === 'HEAD' ? undefined : body);
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: Error) => {
      const message = `WAYBILL_HTTP_PORT is ${at.port} on ${at.host}: could not listen there: ${cause.message}`;
      reject(new ConsumerError('BAD_CONFIG', message, { cause }));
    });
    server.listen(at.port, at.host, resolve);
  });
  const { port, family, address } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`, close, [Symbol.asyncDispose]: close };
}

function json(path: string, health: Health): readonly [code: number, contentType: string, body: string] {
  const [code, body] = bodyOf(path, health);
  return [code, 'application/json', `${JSON.stringify(body)}\n`];
}

function bodyOf(path: string, { alive, unready, status }: Health): readonly [code: number, body: object] {
  switch (path) {
    case '/healthz':
      return [alive ? 200 : 503, { alive }];
    case '/readyz':
      return unready.length === 0 ? [200, { ready: true }] : [503, { ready: false, why: unready }];
    case '/status':
      return [200, status];
    default:
      return [404, { error: `no ${path}: there are /healthz, /readyz, /status and /metrics` }];
  }
}
