/** The HTTP endpoints of `waybill serve`: health, status, metrics. Nothing here can be used to change anything. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ConsumerError } from '../errors.ts';

export interface Health {
  /** Restarting the process would not help, or is not needed. */
  readonly alive: boolean;
  /** Why it is not chaining, nor standing by for another consumer that does; empty when it is ready. */
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

function json(path: string, { alive, unready, status }: Health): readonly [number, string, string] {
  const [code, body] =
    path === '/healthz'
      ? [alive ? 200 : 503, { alive }]
      : path === '/readyz'
        ? unready.length === 0
          ? [200, { ready: true }]
          : [503, { ready: false, why: unready }]
        : path === '/status'
          ? [200, status]
          : [404, { error: `no ${path}: there are /healthz, /readyz, /status and /metrics` }];
  return [code, 'application/json', `${JSON.stringify(body)}\n`];
}
