/**
 * Answers `$SRV.PING|INFO|STATS`, the discovery of NATS services (ADR-32), so that `nats micro ls|info|stats waybill`
 * finds every consumer. What it does is shown as one endpoint, `chain`, on the subjects of events: a publish there is
 * answered with the stream's acknowledgement, and a request is an event that was chained.
 *
 * By ourselves because the official package (`@nats-io/services`) is behind the client on the registry, and because
 * services there have request handlers, of which there is none here.
 */
import { type Msg, type NatsConnection, nanos } from '@nats-io/nats-core';
import type { ConsumerLogger } from '../logger.ts';
import { VERSION } from '../version.ts';

/** What STATS says of the endpoint. */
interface ServiceStats {
  readonly requests: number;
  readonly errors: number;
  readonly lastError: string | null;
  readonly processingMs: number;
  /** The same as `/status`. */
  readonly data: object;
}

export interface MicroServiceOptions {
  readonly nc: NatsConnection;
  readonly logger: ConsumerLogger;
  /** Of this instance. */
  readonly id: string;
  readonly started: Date;
  /** Subjects of events. */
  readonly subject: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly stats: () => ServiceStats;
  /** Prefixes of subjects that streams store: no answer goes there. */
  readonly storedPrefixes: readonly string[];
}

const NAME = 'waybill';
const VERBS = ['PING', 'INFO', 'STATS'] as const;

export function isServiceSubject(subject: string): boolean {
  return subject.startsWith('$SRV.');
}

/** Every instance answers, also the ones that stand by: there is no queue group. */
export function startMicroService({
  nc,
  logger,
  id,
  started,
  subject,
  metadata,
  stats,
  storedPrefixes,
}: MicroServiceOptions): Disposable {
  const identity = (verb: (typeof VERBS)[number]): object => ({
    type: `io.nats.micro.v1.${verb.toLowerCase()}_response`,
    name: NAME,
    id,
    version: VERSION,
    metadata,
  });
  const endpoint = { name: 'chain', subject, queue_group: '' };

  const answers: Record<(typeof VERBS)[number], () => object> = {
    PING: () => identity('PING'),
    INFO: () => ({
      ...identity('INFO'),
      description: 'Writes every event into the hash chain of its organization',
      endpoints: [{ ...endpoint, metadata: {} }],
    }),
    STATS: () => {
      const { requests, errors, lastError, processingMs, data } = stats();
      const processing = nanos(Math.round(processingMs));
      return {
        ...identity('STATS'),
        started: started.toISOString(),
        endpoints: [
          {
            ...endpoint,
            num_requests: requests,
            num_errors: errors,
            last_error: lastError ?? '',
            processing_time: processing,
            average_processing_time: requests === 0 ? 0 : Math.round(processing / requests),
            data,
          },
        ],
      };
    },
  };

  /**
   * Who asks says where the answer goes, and it goes there with this service's rights: into the ledger, for example. So it
   * goes nowhere that a stream stores or the server itself listens to.
   */
  function isInbox(reply: string): boolean {
    return !reply.startsWith('$') && !storedPrefixes.some((prefix) => reply.startsWith(`${prefix}.`));
  }

  function onRequest(verb: (typeof VERBS)[number], error: Error | null, message: Msg): void {
    // A missing right is reported by whoever watches the connection; the service goes on without being found.
    if (error || !message.reply || !isInbox(message.reply)) return;
    try {
      message.respond(JSON.stringify(answers[verb]()));
    } catch (cause) {
      logger.debug({ err: cause, subject: message.subject }, 'could not answer a service request');
    }
  }

  const subscriptions = VERBS.flatMap((verb) =>
    [`$SRV.${verb}`, `$SRV.${verb}.${NAME}`, `$SRV.${verb}.${NAME}.${id}`].map((asked) =>
      nc.subscribe(asked, { callback: (error, message) => onRequest(verb, error, message) }),
    ),
  );
  return {
    [Symbol.dispose]() {
      for (const subscription of subscriptions) subscription.unsubscribe();
    },
  };
}
