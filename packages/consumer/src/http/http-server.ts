/** The application behind a socket. */
import { createAdaptorServer } from '@hono/node-server';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ConsumerError } from '../errors.ts';
import type { App } from './app.ts';

export interface HttpServer extends AsyncDisposable {
  readonly url: string;
  /** Takes no more requests, waits a moment for answers that are on their way, and closes all connections. */
  close(): Promise<void>;
}

/** What one client may cost before anybody knows who it is. Node looks at the first two times only now and then. */
const LIMITS = {
  maxHeaderSize: 16_384,
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 2_000,
  keepAliveTimeout: 30_000,
};
const MAX_CONNECTIONS = 1_024;
const LEAVE_MS = 5_000;
/** Whoever has not taken an answer, or the end of a stream, so long after it was written is gone: 4 MiB at 70 kB/s. */
const TAKEN_MS = 60_000;

/** @throws ConsumerError BAD_CONFIG when the port cannot be opened */
export async function startHttpServer(
  app: App,
  { takenMs = TAKEN_MS, ...at }: { host: string; port: number; takenMs?: number },
): Promise<HttpServer> {
  const server = createAdaptorServer({
    fetch: app.fetch,
    overrideGlobalObjects: false,
    createServer,
    serverOptions: LIMITS,
  }) as Server;
  server.maxConnections = MAX_CONNECTIONS;
  let isClosing = false;
  server.on('request', (_, response) => {
    let timer: NodeJS.Timeout | undefined;
    // Not the timeout of the socket, which begins anew with every byte that the client sends.
    response.once('prefinish', () => (timer = setTimeout(() => response.destroy(), takenMs)));
    response.once('close', () => {
      clearTimeout(timer);
      // A connection whose answer began before the end would be kept for the next question, which never comes.
      if (isClosing) server.closeIdleConnections();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: Error) => {
      const message = `WAYBILL_API_PORT is ${at.port} on ${at.host}: could not listen there: ${cause.message}`;
      reject(new ConsumerError('BAD_CONFIG', message, { cause }));
    });
    server.listen(at.port, at.host, resolve);
  });
  const { port, family, address } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    isClosing = true;
    const timer = setTimeout(() => server.closeAllConnections(), LEAVE_MS);
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeIdleConnections();
    await closed;
    clearTimeout(timer);
  };
  return { url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`, close, [Symbol.asyncDispose]: close };
}
