/** The service: connects, looks after the streams, chains, and ends cleanly when it is asked to. */
import type { NatsConnection } from '@nats-io/nats-core';
import { setTimeout as pause } from 'node:timers/promises';
import type { Config } from './config.ts';
import { durabilityWarning, isRefused, openConnection } from './connect.ts';
import { type Consumer, type ConsumerLogger, startConsumer } from './consumer.ts';
import { checkStreams, deployLedger, type DeployOptions, deployStreams } from './deploy.ts';
import { ConsumerError } from './errors.ts';
import { startHealthServer } from './http.ts';

export interface ServeOptions {
  readonly config: Config;
  readonly logger: ConsumerLogger;
  /** Asks the service to finish the commit in flight and end. */
  readonly stop: AbortSignal;
}

const RETRY_MS = 1_000;

/**
 * Resolves after `stop`, with nothing in flight.
 *
 * @throws ConsumerError when going on is impossible, or would do harm
 */
export async function serve({ config, logger, stop }: ServeOptions): Promise<void> {
  for (const name of config.ignored) logger.warn({ name }, 'no variable of Waybill: ignored');
  const nc = await connectPatiently(config, logger, stop);
  if (!nc) return;
  try {
    const warning = durabilityWarning(nc);
    if (warning) logger.warn({ server: nc.info?.version }, warning);
    await prepareStreams(nc, config, logger);
    await using consumer = await startConsumer({ nc, logger, ...config.settings, bind: config.streamMode === 'bind' });
    const link = watchLink(nc, logger);
    await using _health = config.http && (await openHealth(config.http, { consumer, link, logger }));
    const stopped = new Promise<void>((resolve) => {
      if (stop.aborted) resolve();
      else stop.addEventListener('abort', () => resolve(), { once: true });
    });
    await Promise.race([consumer.done, stopped]);
    if (!stop.aborted) return;
    logger.info({}, 'asked to stop: finishing the commit in flight');
    await consumer.close();
    logger.info({}, 'stopped');
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
      if (!transient || isRefused(error)) throw error;
      logger.warn({ servers }, `${error.message}; trying again`);
      await pause(RETRY_MS, undefined, { signal: stop }).catch(() => undefined);
    }
  }
  return null;
}

async function prepareStreams(nc: NatsConnection, config: Config, logger: ConsumerLogger): Promise<void> {
  const { settings, replicas, auditMaxAgeMs, auditMaxBytes, ledgerMaxBytes, streamMode } = config;
  const options: DeployOptions = {
    ...settings,
    replicas,
    auditMaxAgeMs,
    auditMaxBytes,
    ledgerMaxBytes,
    bind: streamMode === 'bind',
  };
  if (streamMode === 'check') {
    const drift = await checkStreams(nc, options);
    if (drift.length === 0) return;
    const fields = drift.map(
      ({ stream, field, wanted, found }) =>
        `${stream} ${field} is ${JSON.stringify(found)}, wanted ${JSON.stringify(wanted)}`,
    );
    throw new ConsumerError(
      'STREAM_DRIFT',
      `the streams are not as WAYBILL_* says (${fields.join('; ')}): see waybill deploy --check`,
    );
  }
  // A stream of somebody else that is not there, or may not be read, is waited for: by the consumer, which says so.
  const deployed = await (options.bind ? deployLedger(nc, options) : deployStreams(nc, options));
  for (const { stream, action, drift } of deployed) {
    if (action !== 'unchanged')
      logger.info({ stream, drift: action === 'corrected' ? drift : undefined }, `stream ${action}`);
  }
}

interface Link {
  up: boolean;
}

function watchLink(nc: NatsConnection, logger: ConsumerLogger): Link {
  const link: Link = { up: true };
  const watch = async (): Promise<void> => {
    for await (const status of nc.status()) {
      if (status.type === 'disconnect') {
        link.up = false;
        logger.warn({ server: status.server }, 'disconnected from NATS, connecting again');
      } else if (status.type === 'reconnect') {
        link.up = true;
        logger.info({ server: status.server }, 'connected to NATS again');
      } else if (status.type === 'error') {
        logger.warn({ err: status.error }, 'NATS reported an error');
      }
    }
  };
  watch().catch((error: unknown) => logger.error({ err: error }, 'no longer watching the connection'));
  return link;
}

async function openHealth(
  at: { host: string; port: number },
  { consumer, link, logger }: { consumer: Consumer; link: Link; logger: ConsumerLogger },
): Promise<AsyncDisposable> {
  const server = await startHealthServer(at, () => {
    const status = consumer.status();
    const working = status.role === 'writer' || status.role === 'standby';
    return { alive: status.role !== 'closed', ready: working && link.up, status: { ...status, connected: link.up } };
  });
  logger.info({ url: server.url }, 'health endpoints');
  return server;
}
