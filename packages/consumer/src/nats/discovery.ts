/**
 * Answers `$SRV.PING|INFO|STATS`, the discovery of NATS services (ADR-32 of NATS), so that `nats micro ls|info|stats`
 * finds a service.
 *
 * The official package (`@nats-io/services`) is not used: it is older than the client, and has handlers of its own.
 */
import { type Msg, type NatsConnection, nanos } from '@nats-io/nats-core';

export interface Endpoint {
  readonly name: string;
  readonly subject: string;
  /** Empty: every instance is asked. */
  readonly queueGroup: string;
}

export interface EndpointStats {
  readonly requests: number;
  readonly errors: number;
  readonly lastError: string | null;
  readonly processingMs: number;
  readonly data?: object;
}

export interface DiscoveryOptions {
  readonly nc: NatsConnection;
  readonly service: {
    readonly name: string;
    /** Names this instance. */
    readonly id: string;
    readonly version: string;
    readonly description: string;
    readonly metadata: Readonly<Record<string, string>>;
    readonly started: Date;
  };
  readonly endpoints: readonly Endpoint[];
  readonly statsOf: (endpoint: Endpoint) => EndpointStats;
  /**
   * The requester chooses the subject of the answer, and the answer is published with this service's permissions. Says
   * whether an answer may go there.
   */
  readonly mayAnswer: (reply: string) => boolean;
  readonly onError: (error: unknown, subject: string) => void;
}

const VERBS = ['PING', 'INFO', 'STATS'] as const;

/** Every instance answers: there is no queue group. */
export function startDiscovery({ nc, service, endpoints, statsOf, mayAnswer, onError }: DiscoveryOptions): Disposable {
  const { name, id, version, metadata, description, started } = service;
  const identity = (verb: (typeof VERBS)[number]): object => ({
    type: `io.nats.micro.v1.${verb.toLowerCase()}_response`,
    name,
    id,
    version,
    metadata,
  });
  const shown = ({ name, subject, queueGroup }: Endpoint): object => ({ name, subject, queue_group: queueGroup });
  const answers: Record<(typeof VERBS)[number], () => object> = {
    PING: () => identity('PING'),
    INFO: () => ({
      ...identity('INFO'),
      description,
      endpoints: endpoints.map((endpoint) => ({ ...shown(endpoint), metadata: {} })),
    }),
    STATS: () => ({
      ...identity('STATS'),
      started: started.toISOString(),
      endpoints: endpoints.map((endpoint) => ({ ...shown(endpoint), ...numbers(statsOf(endpoint)) })),
    }),
  };

  function onRequest(verb: (typeof VERBS)[number], error: Error | null, message: Msg): void {
    // The connection watch reports a missing permission. Without it, discovery does not find this service.
    if (error || !message.reply || !mayAnswer(message.reply)) return;
    try {
      message.respond(JSON.stringify(answers[verb]()));
    } catch (cause) {
      onError(cause, message.subject);
    }
  }

  const subscriptions = VERBS.flatMap((verb) =>
    [`$SRV.${verb}`, `$SRV.${verb}.${name}`, `$SRV.${verb}.${name}.${id}`].map((asked) =>
      nc.subscribe(asked, { callback: (error, message) => onRequest(verb, error, message) }),
    ),
  );
  return {
    [Symbol.dispose]() {
      for (const subscription of subscriptions) subscription.unsubscribe();
    },
  };
}

function numbers({ requests, errors, lastError, processingMs, data }: EndpointStats): object {
  const processing = nanos(Math.round(processingMs));
  return {
    num_requests: requests,
    num_errors: errors,
    last_error: lastError ?? '',
    processing_time: processing,
    average_processing_time: requests === 0 ? 0 : Math.round(processing / requests),
    ...(data && { data }),
  };
}
