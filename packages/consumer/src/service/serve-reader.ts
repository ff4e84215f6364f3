/** `waybill serve` with the role `reader`: it answers, holds nothing, and needs no right to write. Any number may run. */
import { jetstreamManager } from '@nats-io/jetstream';
import { type NatsConnection, nuid } from '@nats-io/nats-core';
import type { ConsumerLogger } from '../logger.ts';
import { whenAborted } from '../pause.ts';
import type { Config } from '../config/config.ts';
import { VERSION } from '../version.ts';
import { watchConnection } from './connection-watch.ts';
import { type Health, startHealthServer } from './health-server.ts';
import { startReaderAccess } from './reader-access.ts';
import { createProcessMetrics } from './process-metrics.ts';
import { startReaderService } from './reader-service.ts';
import { connectPatiently } from './start-up.ts';
import { startStreamProbe } from './stream-probe.ts';

export interface ServeReaderOptions {
  readonly config: Config;
  readonly logger: ConsumerLogger;
  readonly stop: AbortSignal;
  readonly refusedMs: number;
}

/** Resolves after `stop`, when nothing is being answered any more. @throws ConsumerError as `serve` */
export async function serveReader(options: ServeReaderOptions): Promise<void> {
  const { config, logger, stop } = options;
  const nc = await connectPatiently(config, logger, stop);
  if (!nc) return;
  try {
    await run(nc, options);
  } finally {
    await nc.close();
  }
}

async function run(nc: NatsConnection, { config, logger, stop, refusedMs }: ServeReaderOptions): Promise<void> {
  const { settings } = config;
  const instance = { id: nuid.next(), started: new Date().toISOString() };
  const connection = watchConnection(nc, { settings, logger, refusedMs });
  using probe = startStreamProbe(await jetstreamManager(nc, { checkAPI: false }), settings);
  await using access = await startReaderAccess({ config, nc, logger });
  await using service = await startReaderService({ nc, config, logger, access, role: 'reader' });
  const status = () => ({
    role: 'reader',
    version: VERSION,
    ...instance,
    api: service.url,
    connected: connection.isConnected,
    identityRefusedSince: connection.identityRefusedSince?.toISOString() ?? null,
    reconnects: connection.reconnects,
    trouble: probe.trouble,
  });
  const health = (): Health => {
    const { connected, identityRefusedSince: since, trouble } = status();
    const unready: string[] = [];
    if (since !== null) unready.push(`NATS refuses this identity since ${since}`);
    else if (!connected) unready.push('not connected to NATS');
    if (trouble !== null) unready.push(trouble);
    return { alive: true, unready, status: status() };
  };
  const own = createProcessMetrics(status);
  const metrics = {
    contentType: service.metrics.contentType,
    text: async () => (await own.text()) + (await service.metrics.text()),
  };
  await using healthServer = config.http && (await startHealthServer(config.http, { health, metrics }));
  if (healthServer) logger.info({ url: healthServer.url }, 'health endpoints');
  await Promise.race([connection.lost, whenAborted(stop)]);
  logger.info({}, 'asked to stop: ending what is being answered');
}
