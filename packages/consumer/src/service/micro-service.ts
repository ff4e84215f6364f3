/**
 * The writer among NATS services: `nats micro ls|info|stats waybill` finds every consumer. It shows one endpoint,
 * `chain`, on the subjects of events. Who publishes there gets the stream's acknowledgement; the endpoint's number of
 * requests is that of chained events.
 */
import type { NatsConnection } from '@nats-io/nats-core';
import type { ConsumerLogger } from '../logger.ts';
import { type EndpointStats, startDiscovery } from '../nats/discovery.ts';
import { VERSION } from '../version.ts';

export interface MicroServiceOptions {
  readonly nc: NatsConnection;
  readonly logger: ConsumerLogger;
  /** Names this instance. */
  readonly id: string;
  readonly started: Date;
  /** Subjects of events. */
  readonly subject: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** What STATS says. `data` is the same object as `/status` shows. */
  readonly stats: () => EndpointStats;
  /** Prefixes of subjects that streams store. No answer is sent to them. */
  readonly storedPrefixes: readonly string[];
}

export function isServiceSubject(subject: string): boolean {
  return subject.startsWith('$SRV.');
}

/** Every instance answers, also one that stands by. */
export function startMicroService(options: MicroServiceOptions): Disposable {
  const { nc, logger, id, started, subject, metadata, stats, storedPrefixes } = options;
  return startDiscovery({
    nc,
    service: {
      name: 'waybill',
      id,
      version: VERSION,
      description: 'Writes every event into the hash chain of its organization',
      metadata,
      started,
    },
    endpoints: [{ name: 'chain', subject, queueGroup: '' }],
    statsOf: stats,
    // Not to a subject that a stream stores or that the server listens to.
    mayAnswer: (reply) => !reply.startsWith('$') && !storedPrefixes.some((prefix) => reply.startsWith(`${prefix}.`)),
    onError: (err, asked) => logger.debug({ err, subject: asked }, 'could not answer a service request'),
  });
}
