/**
 * The `service/` room: the process around the writer. It connects, prepares the streams, starts the writer, watches it from
 * outside, and answers health checks, metrics and NATS service discovery. It decides nothing about events or blocks.
 *
 * This file is `waybill serve`: it starts all of that, and ends cleanly when it is asked to.
 */
import { jetstreamManager } from '@nats-io/jetstream';
import { type NatsConnection, nuid } from '@nats-io/nats-core';
import type { KnownOptions } from '@waybill/schema';
import { setTimeout as pause } from 'node:timers/promises';
import { checkOptions } from '../check-options.ts';
import { ConsumerError } from '../errors.ts';
import type { ConsumerLogger } from '../logger.ts';
import { VERSION } from '../version.ts';
import type { Config } from '../config/config.ts';
import { openConnection } from '../nats/connect.ts';
import { isIdentityRefused } from '../nats/nats-error.ts';
import { durabilityWarning } from '../nats/server-version.ts';
import { checkStreams, deployLedger, type DeployOptions, deployOptions, deployStreams } from '../streams/deploy.ts';
import { describeDrift } from '../streams/stream-config.ts';
import { createStreamHistory } from '../streams/stream-history.ts';
import { watchStreams } from '../streams/stream-watch.ts';
import { startConsumer } from '../writer/consumer.ts';
import { checkPayloadLimit } from '../writer/payload-limit.ts';
import { watchConnection } from './connection-watch.ts';
import { type MetricsPage, startHealthServer } from './health-server.ts';
import { startLagProbe } from './lag-probe.ts';
import { createMetrics } from './metrics.ts';
import { startMicroService } from './micro-service.ts';
import { secondsAhead, type ServiceStatus, unreadiness } from './service-status.ts';
import { endedOrSilent } from './shutdown.ts';

export interface ServeOptions {
  readonly config: Config;
  readonly logger: ConsumerLogger;
  /** Asks the service to finish the commit in flight and end. */
  readonly stop: AbortSignal;
  /** How long the server may refuse an identity that it took at the start, until this ends. Default 30,000. */
  readonly refusedMs?: number;
}

const RETRY_MS = 1_000;
const REFUSED_MS = 30_000;
const OPTIONS: KnownOptions<ServeOptions> = { config: true, logger: true, stop: true, refusedMs: true };

/**
 * Resolves after `stop`, with nothing in flight.
 *
 * @throws ConsumerError when going on is impossible, or would do harm
 */
export async function serve(options: ServeOptions): Promise<void> {
  checkOptions('serve', options, OPTIONS);
  const { config, logger, stop, refusedMs = REFUSED_MS } = options;
  for (const name of config.ignored) logger.warn({ name }, 'no variable of Waybill: ignored');
  const nc = await connectPatiently(config, logger, stop);
  if (!nc) return;
  try {
    checkPayloadLimit(nc);
    const warning = durabilityWarning(nc);
    if (warning) logger.warn({ server: nc.info?.version }, warning);
    const streams = deployOptions(config);
    const prepared = prepareStreams(nc, { streams, mode: config.streamMode, logger });
    await Promise.race([prepared, whenAborted(stop)]);
    if (stop.aborted) return;
    await work(nc, { config, streams, logger, stop, refusedMs });
  } finally {
    await nc.close();
  }
}

/** A server that is not there yet is waited for; one that refuses this identity, or is too old, is not. */
async function connectPatiently(
  config: Config,
  logger: ConsumerLogger,
  stop: AbortSignal,
): Promise<NatsConnection | null> {
  const servers = config.nats.servers.join(', ');
  while (!stop.aborted) {
    try {
      const nc = await openConnection(config.nats, { name: 'waybill serve' });
      logger.info({ server: nc.getServer(), version: nc.info?.version }, 'connected to NATS');
      return nc;
    } catch (error) {
      const transient =
        error instanceof ConsumerError && ['CANNOT_CONNECT', 'NO_ANSWER', 'JETSTREAM_OFF'].includes(error.code);
      if (!transient || isIdentityRefused(error)) throw error;
      logger.warn({ servers }, `${error.message}; trying again`);
      await pause(RETRY_MS, undefined, { signal: stop }).catch(() => undefined);
    }
  }
  return null;
}

async function prepareStreams(
  nc: NatsConnection,
  { streams, mode, logger }: { streams: DeployOptions; mode: Config['streamMode']; logger: ConsumerLogger },
): Promise<void> {
  if (mode === 'check') {
    const drift = await checkStreams(nc, streams);
    if (drift.length === 0) return;
    throw new ConsumerError(
      'STREAM_DRIFT',
      `the streams are not as WAYBILL_* says (${drift.map(describeDrift).join('; ')}): see waybill deploy --check`,
    );
  }
  // A stream of somebody else that is not there, or may not be read, is waited for: by the consumer, which says so.
  const deployed = await (streams.bind ? deployLedger(nc, streams) : deployStreams(nc, streams));
  for (const { stream, action, drift } of deployed) {
    if (action !== 'unchanged')
      logger.info({ stream, drift: action === 'corrected' ? drift : undefined }, `stream ${action}`);
  }
}

interface Working {
  readonly config: Config;
  readonly streams: DeployOptions;
  readonly logger: ConsumerLogger;
  readonly stop: AbortSignal;
  readonly refusedMs: number;
}

/** Chains, watches, answers, until `stop`. */
async function work(nc: NatsConnection, { config, streams, logger, stop, refusedMs }: Working): Promise<void> {
  const { settings } = config;
  const started = new Date();
  const id = nuid.next();
  const history = createStreamHistory();
  const connection = watchConnection(nc, { settings, logger, refusedMs });
  let lastCommitAt: Date | null = null;
  let commitMs = 0;
  const metrics = createMetrics(() => status());
  await using consumer = await startConsumer({
    nc,
    logger,
    ...settings,
    bind: config.streamMode === 'bind',
    fastPaths: config.fastPaths,
    streamHistory: history,
    onCommit(ms) {
      lastCommitAt = new Date();
      commitMs += ms;
      metrics.observeCommit(ms);
    },
  });
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  using cleanup = new DisposableStack();
  const probe = startLagProbe({ jsm, settings, logger, progress: consumer.status, history });
  cleanup.defer(() => probe.close());
  const watch = watchStreams({ nc, streams, logger, intervalMs: config.checkIntervalMs, onAdvisory: probe.look });
  cleanup.defer(() => watch.close());

  const status = (): ServiceStatus => {
    const { events, seconds, stalledSeconds } = probe.lag();
    return {
      ...consumer.status(),
      lag: events,
      lagSeconds: seconds,
      stalledSeconds,
      lastCommitAt: lastCommitAt?.toISOString() ?? null,
      version: VERSION,
      id,
      started: started.toISOString(),
      clockAheadSeconds: secondsAhead(consumer.status().latestReceived, Date.now()),
      connected: connection.up,
      identityRefusedSince: connection.identityRefusedSince?.toISOString() ?? null,
      reconnects: connection.reconnects,
      drift: watch.drift,
      driftCheckedAt: watch.checkedAt?.toISOString() ?? null,
      refused: connection.denials.current(),
      streams: probe.sizes(),
    };
  };
  cleanup.use(
    startMicroService({
      nc,
      logger,
      id,
      started,
      subject: `${settings.auditPrefix}.>`,
      storedPrefixes: [settings.auditPrefix, settings.ledgerPrefix],
      metadata: { audit: settings.auditStream, ledger: settings.ledgerStream },
      stats() {
        const data = status();
        return {
          requests: data.entries,
          errors: data.rejected,
          lastError: data.lastError,
          processingMs: commitMs,
          data,
        };
      },
    }),
  );
  await using _health = config.http && (await openHealth(config.http, { status, metrics, logger }));
  await Promise.race([consumer.done, watch.harm, connection.lost, whenAborted(stop)]);
  if (!stop.aborted) return;
  logger.info({}, 'asked to stop: finishing the commit in flight');
  if (await endedOrSilent(nc, consumer.close())) return logger.info({}, 'stopped');
  logger.warn({}, 'stopped without an answer of the server: the next start looks at what was on its way');
  // Ends what waits for an answer.
  await nc.close();
}

function whenAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

async function openHealth(
  at: { host: string; port: number },
  { status, metrics, logger }: { status: () => ServiceStatus; metrics: MetricsPage; logger: ConsumerLogger },
): Promise<AsyncDisposable> {
  const health = () => {
    const now = status();
    return { alive: now.role !== 'closed', unready: unreadiness(now), status: now };
  };
  const server = await startHealthServer(at, { health, metrics });
  logger.info({ url: server.url }, 'health endpoints');
  return server;
}
