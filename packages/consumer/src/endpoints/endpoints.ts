/**
 * The `endpoints/` room: the operations table over NATS. Each operation is an endpoint of a NATS service, on
 * `waybill.v1.<operation>.<orgid>`, or without an organization where the question is about all of them. It turns messages
 * into questions and answers into messages. What an answer says is decided in `api/`; who may ask is decided by the
 * server, whose permissions name subjects.
 *
 * This file subscribes, and counts.
 */
import type { Msg, NatsConnection } from '@nats-io/nats-core';
import { type OperationName, ROUTES, subjectOf } from '@waybill/schema/routes';
import { problemOf } from '../api/problem.ts';
import type { Reader } from '../api/reader.ts';
import type { ConsumerLogger } from '../logger.ts';
import { type Endpoint, type EndpointStats, startDiscovery } from '../nats/discovery.ts';
import { pause } from '../pause.ts';
import { VERSION } from '../version.ts';
import { createAdmission } from './admission.ts';
import { answerMessage, type Answering, ASKED_OF_ALL } from './answer-message.ts';
import { isOfOne, organizationOf } from './read-question.ts';
import { mayAnswer, payloadRoom, respondProblem } from './reply.ts';

export interface EndpointsOptions {
  readonly nc: NatsConnection;
  readonly reader: Reader;
  readonly logger: ConsumerLogger;
  /** Names this instance. */
  readonly id: string;
  readonly limits?: Partial<EndpointLimits>;
}

interface EndpointLimits extends Pick<Answering, 'pageMs' | 'unknownMs'> {
  /** Questions that are being answered: all of them, and of one organization. More are refused with BUSY. */
  readonly open: number;
  readonly openOfOne: number;
}

const LIMITS: EndpointLimits = { open: 256, openOfOne: 32, pageMs: 10_000, unknownMs: 500 };
const QUEUE = 'waybill';
const OPERATIONS = Object.keys(ROUTES) as OperationName[];
/** Of a server that has not said anything else. */
const MAX_PAYLOAD = 1024 * 1024;
/** What stands around the entries of a page: its cursor, the head, and a comma for each entry. */
const PAGE_FRAME = 8_192;
/** The end of a service waits so long for an answer that is on its way. */
const LEAVE_MS = 5_000;

export interface Endpoints extends AsyncDisposable {
  /** Takes no more questions, and waits for what is being answered. */
  close(): Promise<void>;
}

export function startEndpoints({ nc, reader, logger, id, ...options }: EndpointsOptions): Endpoints {
  const limits = { ...LIMITS, ...options.limits };
  const room = payloadRoom(nc.info?.max_payload ?? MAX_PAYLOAD);
  const pageBytes = Math.min(reader.limits.pageBytes, room - PAGE_FRAME);
  const stop = new AbortController();
  const answering: Answering = {
    ...limits,
    reader: { ...reader, limits: { ...reader.limits, pageBytes } },
    logger,
    room,
    stop: stop.signal,
  };
  const admission = createAdmission({ all: limits.open, ofOne: limits.openOfOne });
  const running = new Set<Promise<void>>();
  const counts = new Map(OPERATIONS.map((operation) => [endpointOf(operation).name, noneCounted()]));

  async function answerOne(operation: OperationName, message: Msg): Promise<void> {
    const counted = counts.get(endpointOf(operation).name) ?? noneCounted();
    const began = performance.now();
    const problem = await answerMessage(answering, operation, message);
    counted.requests++;
    counted.processingMs += performance.now() - began;
    if (problem === null) return;
    counted.errors++;
    counted.lastError = `${problem.status}:${problem.code}`;
  }

  function onMessage(operation: OperationName, error: Error | null, message: Msg): void {
    // The connection watch reports a missing permission.
    if (error || message.reply === undefined || !mayAnswer(message.reply)) return;
    let release: () => void;
    try {
      release = admission.admit(isOfOne(operation) ? organizationOf(message.subject) : '');
    } catch (busy) {
      return respondProblem(message, problemOf(busy));
    }
    const work = answerOne(operation, message)
      .catch((cause: unknown) => logger.debug({ err: cause, subject: message.subject }, 'could not answer'))
      .finally(() => {
        running.delete(work);
        release();
      });
    running.add(work);
  }

  const subscriptions = OPERATIONS.map((operation) => {
    const { subject, queueGroup } = endpointOf(operation);
    const callback = (error: Error | null, message: Msg): void => onMessage(operation, error, message);
    return nc.subscribe(subject, { callback, ...(queueGroup !== '' && { queue: queueGroup }) });
  });
  const discovery = startDiscovery({
    nc,
    service: {
      name: 'waybill-reader',
      id,
      version: VERSION,
      description: 'Answers questions about usage, bills, entries and verifications',
      metadata: { ledger: reader.settings.ledgerStream },
      started: new Date(),
    },
    endpoints: OPERATIONS.map(endpointOf),
    statsOf: ({ name }) => counts.get(name) ?? noneCounted(),
    mayAnswer,
    onError: (err, subject) => logger.debug({ err, subject }, 'could not answer a service request'),
  });
  const close = async (): Promise<void> => {
    for (const subscription of subscriptions) subscription.unsubscribe();
    discovery[Symbol.dispose]();
    stop.abort();
    const left = new AbortController();
    await Promise.race([Promise.all(running), pause(LEAVE_MS, left.signal)]);
    left.abort();
  };
  return { close, [Symbol.asyncDispose]: close };
}

/** Names of endpoints have no dots. */
function endpointOf(operation: OperationName): Endpoint {
  return {
    name: operation.replace('.', '-'),
    subject: subjectOf(operation, isOfOne(operation) ? '*' : undefined),
    queueGroup: operation === ASKED_OF_ALL ? '' : QUEUE,
  };
}

function noneCounted(): { -readonly [K in keyof EndpointStats]: EndpointStats[K] } {
  return { requests: 0, errors: 0, lastError: null, processingMs: 0 };
}
