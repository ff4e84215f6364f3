/**
 * The `endpoints/` room: the operations table over NATS. Each operation is an endpoint of a NATS service, on
 * `waybill.v1.<operation>.<orgid>`, or without an organization where the question is about all of them. It turns messages
 * into questions and answers into messages. What an answer says is decided in `api/`; who may ask is decided by the
 * server, whose permissions name subjects.
 *
 * This file subscribes, bounds what is answered at once, and answers.
 */
import type { Msg, NatsConnection, Subscription } from '@nats-io/nats-core';
import { type OperationName, ROUTES, subjectOf } from '@waybill/schema/routes';
import { answer } from '../api/answer.ts';
import { isFault, problemOf } from '../api/problem.ts';
import type { Reader } from '../api/reader.ts';
import { ConsumerError } from '../errors.ts';
import type { ConsumerLogger } from '../logger.ts';
import { pause } from '../pause.ts';
import { type Endpoint, type EndpointStats, startDiscovery } from '../nats/discovery.ts';
import { VERSION } from '../version.ts';
import { isOfOne, readQuestion } from './read-question.ts';
import { checkRoom, mayAnswer, payloadRoom, respond, respondProblem } from './reply.ts';
import { readStreamPage } from './stream-page.ts';

export interface EndpointsOptions {
  readonly nc: NatsConnection;
  readonly reader: Reader;
  readonly logger: ConsumerLogger;
  /** Names this instance. */
  readonly id: string;
  readonly limits?: Partial<EndpointLimits>;
}

export interface EndpointLimits {
  /** Questions that are being answered: all of them, and of one organization. More are refused with BUSY. */
  readonly open: number;
  readonly openOfOne: number;
  /** A page of a sequence ends after so many milliseconds, when it has something. */
  readonly pageMs: number;
  /** Only the reader that started a verification knows it. Any other one waits so long before it says that. */
  readonly unknownMs: number;
}

const LIMITS: EndpointLimits = { open: 256, openOfOne: 32, pageMs: 10_000, unknownMs: 500 };
const QUEUE = 'waybill';
/** Every reader is asked: only one of them knows the verification. */
const ASKED_OF_ALL: OperationName = 'verifications.get';
const RETRY_MS = 1_000;
/** The end of a service waits so long for an answer that is on its way. */
const LEAVE_MS = 5_000;

export interface Endpoints extends AsyncDisposable {
  /** Takes no more questions, and waits for what is being answered. */
  close(): Promise<void>;
}

export function startEndpoints(options: EndpointsOptions): Endpoints {
  const { nc, reader, logger, id } = options;
  const limits = { ...LIMITS, ...options.limits };
  const room = payloadRoom(nc.info?.max_payload ?? 1024 * 1024);
  // A page of entries has to fit in a message, with what stands around them.
  const pageBytes = Math.min(reader.limits.pageBytes, room - PAGE_FRAME);
  const asked: Reader = { ...reader, limits: { ...reader.limits, pageBytes } };
  const stop = new AbortController();
  const running = new Set<Promise<void>>();
  const open = new Map<string, number>();
  const counts = new Map<string, Counted>();

  async function answerOne(operation: OperationName, message: Msg): Promise<void> {
    const counted = countedOf(counts, operation);
    const began = performance.now();
    const over = new AbortController();
    try {
      const question = readQuestion(operation, message);
      const signal = AbortSignal.any([over.signal, stop.signal]);
      const found = await answer(asked, { operation, ...question, form: undefined, signal });
      if (found.kind === 'whole') {
        const bytes = Buffer.from(found.text);
        checkRoom(bytes.length, room, 'the answer');
        respond(message, bytes, found.headers);
      } else {
        const { text, next } = await readStreamPage(found, { room, maxMs: limits.pageMs });
        respond(message, text, { ...found.headers, ...(next !== null && { 'Waybill-Next': next }) });
      }
    } catch (error) {
      const problem = problemOf(error);
      if (isFault(problem.code)) logger.error({ err: error, subject: message.subject }, 'a question had no answer');
      counted.errors++;
      counted.lastError = `${problem.status}:${problem.code}`;
      if (operation === ASKED_OF_ALL && problem.code === 'NOT_FOUND') await pause(limits.unknownMs, stop.signal);
      respondProblem(message, problem);
    } finally {
      over.abort();
      counted.requests++;
      counted.processingMs += performance.now() - began;
    }
  }

  function onMessage(operation: OperationName, error: Error | null, message: Msg): void {
    if (error) return logger.error({ err: error, operation }, 'this identity may not answer over NATS');
    if (message.reply === undefined || !mayAnswer(message.reply)) return;
    const one = isOfOne(operation) ? message.subject.slice(message.subject.lastIndexOf('.') + 1) : '';
    const ofOne = open.get(one) ?? 0;
    if (running.size >= limits.open || ofOne >= limits.openOfOne)
      return respondProblem(message, problemOf(tooMany(running.size >= limits.open ? limits.open : limits.openOfOne)));
    open.set(one, ofOne + 1);
    const work = answerOne(operation, message)
      .catch((cause: unknown) => logger.debug({ err: cause, subject: message.subject }, 'could not answer'))
      .finally(() => {
        running.delete(work);
        const left = (open.get(one) ?? 1) - 1;
        if (left > 0) open.set(one, left);
        else open.delete(one);
      });
    running.add(work);
  }

  const operations = Object.keys(ROUTES) as OperationName[];
  const subscriptions: Subscription[] = operations.map((operation) => {
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
    endpoints: operations.map(endpointOf),
    statsOf: ({ name }) => countedOf(counts, name),
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

/** What stands around the entries of a page: its cursor, the head, and a comma for each entry. */
const PAGE_FRAME = 8_192;

/** Names of endpoints have no dots. */
function endpointOf(operation: OperationName): Endpoint {
  return {
    name: operation.replace('.', '-'),
    subject: subjectOf(operation, isOfOne(operation) ? '*' : undefined),
    queueGroup: operation === ASKED_OF_ALL ? '' : QUEUE,
  };
}

type Counted = { -readonly [K in keyof EndpointStats]: EndpointStats[K] };

function countedOf(counts: Map<string, Counted>, operation: string): Counted {
  const name = operation.replace('.', '-');
  const counted = counts.get(name) ?? { requests: 0, errors: 0, lastError: null, processingMs: 0 };
  counts.set(name, counted);
  return counted;
}

function tooMany(most: number): ConsumerError {
  const what = `${most} questions are being answered already: ask again`;
  return new ConsumerError('BUSY', what, { retryAfterMs: RETRY_MS });
}
