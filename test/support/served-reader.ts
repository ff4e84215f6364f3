/** A reader that answers at a port and over NATS, in the test's own process. */
import type { NatsConnection } from '@nats-io/nats-core';
import type { Settings } from '@waybill/consumer';
import { startEndpoints } from '../../packages/consumer/src/endpoints/endpoints.ts';
import { startHttpServer } from '../../packages/consumer/src/http/http-server.ts';
import { logger } from './logger.ts';
import { testReader, type TestReader, type TestReaderOptions } from './reader.ts';
import { uniqueName } from './unique-name.ts';

export interface ServedReader extends TestReader, AsyncDisposable {
  readonly url: string;
  readonly port: number;
}

type ServedOptions = TestReaderOptions & { readonly endpoints?: Parameters<typeof startEndpoints>[0]['limits'] };

/** Over HTTP, `root` is a token that may see everything. */
export async function serveReader(
  nc: NatsConnection,
  settings: Settings,
  options: ServedOptions = {},
): Promise<ServedReader> {
  const stop = new AbortController();
  const made = testReader(nc, settings, { ...options, app: { ...options.app, stop: stop.signal } });
  const server = await startHttpServer(made.app, { host: '127.0.0.1', port: 0 });
  const limits = options.endpoints ?? {};
  const endpoints = startEndpoints({ nc, reader: made.reader, logger, id: uniqueName(), limits });
  return {
    ...made,
    url: server.url,
    port: Number(new URL(server.url).port),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.all([server.close(), endpoints.close(), made.reader.verifications.close()]);
    },
  };
}
