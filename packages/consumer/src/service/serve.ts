/**
 * The `service/` room: the process around the writer, the reader, or both. It connects, prepares the streams, starts
 * them, watches them from outside, and answers health checks, metrics and NATS service discovery. It decides nothing
 * about events, blocks or answers. A reader beside a writer is a thread with a connection of its own.
 *
 * This file is `waybill serve`: it starts all of that, and ends cleanly when it is asked to.
 */
import { jetstreamManager } from '@nats-io/jetstream';
import { type NatsConnection, nuid } from '@nats-io/nats-core';
import { checkOptions, type KnownOptions } from '../check-options.ts';
import type { ConsumerLogger } from '../logger.ts';
import { whenAborted } from '../pause.ts';
import type { Config } from '../config/config.ts';
import { durabilityWarning } from '../nats/server-version.ts';
import { deployOptions } from '../streams/deploy.ts';
import { createStreamHistory } from '../streams/stream-history.ts';
import { watchStreams } from '../streams/stream-watch.ts';
import { startConsumer } from '../writer/consumer.ts';
import { checkPayloadLimit } from '../writer/payload-limit.ts';
import { watchConnection } from './connection-watch.ts';
import { type Health, type MetricsPage, startHealthServer } from './health-server.ts';
import { startLagProbe } from './lag-probe.ts';
import { createMetrics } from './metrics.ts';
import { type MicroServiceOptions, startMicroService } from './micro-service.ts';
import { readStatus, type ServiceStatus, unreadiness } from './service-status.ts';
import { runReaderThread } from './run-reader-thread.ts';
import { serveReader } from './serve-reader.ts';
import { endedOrSilent } from './shutdown.ts';
import { connectPatiently, prepareStreams } from './start-up.ts';

export interface ServeOptions {
  readonly config: Config;
  readonly logger: ConsumerLogger;
  /** Asks the service to finish the commit in flight and end. */
  readonly stop: AbortSignal;
  /**
   * Milliseconds after which the service ends when the server refuses the identity that it accepted at the start.
   * Default: 30,000.
   */
  readonly refusedMs?: number;
}

const REFUSED_MS = 30_000;
const OPTIONS: KnownOptions<ServeOptions> = { config: true, logger: true, stop: true, refusedMs: true };

/**
 * Resolves after `stop`, with nothing in flight.
 *
 * @throws ConsumerError when it is impossible to go on, or would do harm
 */
export async function serve(options: ServeOptions): Promise<void> {
  checkOptions('serve', options, OPTIONS);
  const { config, logger, stop } = options;
  for (const name of config.ignored) logger.warn({ name }, 'no variable of Waybill: ignored');
  if (config.role === 'reader')
    return serveReader({ config, logger, stop, refusedMs: options.refusedMs ?? REFUSED_MS });
  const nc = await connectPatiently(config, logger, stop);
  if (!nc) return;
  try {
    checkPayloadLimit(nc);
    const warning = durabilityWarning(nc);
    if (warning) logger.warn({ server: nc.info?.version }, warning);
    const prepared = prepareStreams(nc, { streams: deployOptions(config), mode: config.streamMode, logger });
    await Promise.race([prepared, whenAborted(stop)]);
    if (!stop.aborted) await run(nc, options);
  } finally {
    await nc.close();
  }
}

/** Chains, watches and answers, until `stop`. */
async function run(nc: NatsConnection, { config, logger, stop, refusedMs = REFUSED_MS }: ServeOptions): Promise<void> {
  const { settings } = config;
  const instance = { id: nuid.next(), started: new Date() };
  const history = createStreamHistory();
  const commits = { lastAt: null as Date | null, totalMs: 0 };
  const connection = watchConnection(nc, { settings, logger, refusedMs });
  const status = (): ServiceStatus =>
    readStatus({ instance, consumer: consumer.status(), probe, connection, watch, lastCommitAt: commits.lastAt });
  const metrics = createMetrics(status);
  await using consumer = await startConsumer({
    nc,
    logger,
    ...settings,
    bind: config.streamMode === 'bind',
    fastPaths: config.fastPaths,
    streamHistory: history,
    onCommit(ms) {
      commits.lastAt = new Date();
      commits.totalMs += ms;
      metrics.observeCommit(ms);
    },
  });
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  using cleanup = new DisposableStack();
  const probe = startLagProbe({ jsm, settings, logger, progress: consumer.status, history });
  cleanup.defer(() => probe.close());
  const watch = watchStreams({
    nc,
    streams: deployOptions(config),
    logger,
    intervalMs: config.checkIntervalMs,
    onAdvisory: probe.look,
  });
  cleanup.defer(() => watch.close());
  const stats = statsOf(status, () => commits.totalMs);
  cleanup.use(startMicroService({ nc, logger, ...instance, ...subjectsOf(config), stats }));
  await using reader = config.api && runReaderThread({ config, logger });
  const pages = reader
    ? { ...metrics, text: async () => (await metrics.text()) + (await reader.metricsText()) }
    : metrics;
  await using _health = config.http && (await openHealth(config.http, { status, metrics: pages, logger }));
  await Promise.race([
    consumer.done,
    watch.harm,
    connection.lost,
    reader?.failed ?? whenAborted(stop),
    whenAborted(stop),
  ]);
  if (!stop.aborted) return;
  logger.info({}, 'asked to stop: finishing the commit in flight');
  if (await endedOrSilent(nc, consumer.close())) return logger.info({}, 'stopped');
  logger.warn({}, 'stopped without an answer of the server: the next start looks at what was on its way');
  // Ends what waits for an answer.
  await nc.close();
}

function subjectsOf({ settings }: Config): Pick<MicroServiceOptions, 'subject' | 'storedPrefixes' | 'metadata'> {
  const { auditStream, ledgerStream, auditPrefix, ledgerPrefix, controlPrefix } = settings;
  return {
    subject: `${auditPrefix}.>`,
    storedPrefixes: [auditPrefix, ledgerPrefix, controlPrefix],
    metadata: { audit: auditStream, ledger: ledgerStream },
  };
}

function statsOf(status: () => ServiceStatus, commitMs: () => number): MicroServiceOptions['stats'] {
  return () => {
    const data = status();
    const { entries: requests, rejected: errors, lastError } = data;
    return { requests, errors, lastError, processingMs: commitMs(), data };
  };
}

async function openHealth(
  at: { host: string; port: number },
  { status, metrics, logger }: { status: () => ServiceStatus; metrics: MetricsPage; logger: ConsumerLogger },
): Promise<AsyncDisposable> {
  const health = (): Health => {
    const now = status();
    return { alive: now.role !== 'closed', unready: unreadiness(now), status: now };
  };
  const server = await startHealthServer(at, { health, metrics });
  logger.info({ url: server.url }, 'health endpoints');
  return server;
}
