/**
 * Answers `$SRV.PING|INFO|STATS`, the discovery of NATS services (ADR-32), so that `nats micro ls|info|stats waybill`
 * finds every consumer. It shows one endpoint, `chain`, on the subjects of events. Who publishes there gets the
 * stream's acknowledgement; the endpoint's number of requests is that of chained events.
 *
 * The official package (`@nats-io/services`) is not used: it is older than the client, and its services need request
 * handlers, of which there are none here.
 */
import { type Msg, type NatsConnection, nanos } from '@nats-io/nats-core';
import type { ConsumerLogger } from '../logger.ts';
import { VERSION } from '../version.ts';

/** What STATS says about the endpoint. */
interface ServiceStats {
  readonly requests: number;
  readonly errors: number;
  readonly lastError: string | null;
  readonly processingMs: number;
  /** The same object as `/status` shows. */
  readonly data: object;
}

export interface MicroServiceOptions {
  readonly nc: NatsConnection;
  readonly logger: ConsumerLogger;
  /** Names this instance. */
  readonly id: string;
  readonly started: Date;
  /** Subjects of events. */
  readonly subject: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly stats: () => ServiceStats;
  /** Prefixes of subjects that streams store. No answer is sent to them. */
  readonly storedPrefixes: readonly string[];
}

const NAME = 'waybill';
const VERBS = ['PING', 'INFO', 'STATS'] as const;

export function isServiceSubject(subject: string): boolean {
  return subject.startsWith('$SRV.');
}

/** Every instance answers, also one that stands by: there is no queue group. */
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
   * The requester chooses the subject of the answer, and the answer is published with this service's permissions, which
   * include the ledger. So no answer goes to a subject that a stream stores or that the server listens to.
   */
  function isInbox(reply: string): boolean {
    return !reply.startsWith('$') && !storedPrefixes.some((prefix) => reply.startsWith(`${prefix}.`));
  }

  function onRequest(verb: (typeof VERBS)[number], error: Error | null, message: Msg): void {
    // The connection watch reports a missing permission. Without it, discovery does not find this service.
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
