/** What `serve` does before it can write: it connects and prepares the streams. */
import type { NatsConnection } from '@nats-io/nats-core';
import { ConsumerError, type ConsumerErrorCode } from '../errors.ts';
import type { ConsumerLogger } from '../logger.ts';
import { pause } from '../pause.ts';
import type { Config } from '../config/config.ts';
import { openConnection } from '../nats/connect.ts';
import { isAuthError } from '../nats/nats-error.ts';
import { checkStreams, deployLedger, type DeployOptions, deployStreams } from '../streams/deploy.ts';
import { describeDrift } from '../streams/stream-config.ts';

const RETRY_MS = 1_000;
/** Errors of a server that is starting, or that cannot be reached just now. */
const PASSING: ReadonlySet<ConsumerErrorCode> = new Set(['CANNOT_CONNECT', 'NO_ANSWER', 'JETSTREAM_OFF']);

/**
 * Connects, and waits for a server that is not there yet. It does not wait when the server does not accept the
 * identity, or is too old.
 *
 * @returns null when the signal was aborted first
 */
export async function connectPatiently(
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
      const isPassing = error instanceof ConsumerError && PASSING.has(error.code);
      if (!isPassing || isAuthError(error)) throw error;
      logger.warn({ servers }, `${error.message}; trying again`);
      await pause(RETRY_MS, stop);
    }
  }
  return null;
}

/** Creates and corrects the streams, or compares them, as the mode says. @throws ConsumerError STREAM_DRIFT, … */
export async function prepareStreams(
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
  // With `bind`, the writer waits for a stream of events that is not there or may not be read, and reports that.
  const deployed = await (streams.bind ? deployLedger(nc, streams) : deployStreams(nc, streams));
  for (const { stream, action, drift } of deployed) {
    if (action !== 'unchanged')
      logger.info({ stream, drift: action === 'corrected' ? drift : undefined }, `stream ${action}`);
  }
}
