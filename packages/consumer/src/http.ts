/** The health endpoints of `waybill serve`. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ConsumerError } from './errors.ts';

export interface Health {
  /** Restarting the process would not help, or is not needed. */
  readonly alive: boolean;
  /** Chaining, or standing by for another consumer that does. */
  readonly ready: boolean;
  /** What `/status` shows. */
  readonly status: object;
}

export interface HealthServer extends AsyncDisposable {
  readonly url: string;
  close(): Promise<void>;
}

/** @throws ConsumerError BAD_CONFIG when the port cannot be opened */
export async function startHealthServer(
  at: { host: string; port: number },
  health: () => Health,
): Promise<HealthServer> {
  const server = createServer((request, response) => {
    const { alive, ready, status } = health();
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    const [code, body] =
      path === '/healthz'
        ? [alive ? 200 : 503, { alive }]
        : path === '/readyz'
          ? [ready ? 200 : 503, { ready }]
          : path === '/status'
            ? [200, status]
            : [404, { error: `no ${path}: there are /healthz, /readyz and /status` }];
    response.writeHead(code, { 'content-type': 'application/json', 'cache-control': 'no-store' });
    response.end(request.method === 'HEAD' ? undefined : `${JSON.stringify(body)}\n`);
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
