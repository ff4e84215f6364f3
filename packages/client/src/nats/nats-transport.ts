/**
 * The `nats/` room: questions over an open NATS connection. Each is a request to the subject of its operation and its
 * organization; sequences come in pages. What an answer says is read in `calls/`.
 *
 * This file is that transport.
 */
import { type Route, ROUTES, subjectOf } from '@waybill/schema/routes';
import { ClientError, errorOfProblem } from '../error.ts';
import { orAborted } from '../time-limit.ts';
import type { Question, Reply, Transport } from '../transport.ts';
import type { NatsLike } from './nats-like.ts';

/** The limit of time is the signal's. This one only has to be longer. */
const REQUEST_MS = 600_000;
const TOKEN = /^[A-Za-z0-9_-]+$/;

export function createNatsTransport(nats: NatsLike): Transport {
  return {
    async ask({ operation, input, signal }: Question): Promise<Reply> {
      const { orgid, ...rest } = input;
      const { path }: Route = ROUTES[operation];
      const isOfOne = path.includes('{orgid}');
      // Anything else would be another subject, or several.
      if (isOfOne && !TOKEN.test(orgid ?? ''))
        throw new ClientError('BAD_ARGUMENT', `orgid is ${JSON.stringify(orgid ?? '')}: ${operation} needs one`);
      const subject = subjectOf(operation, isOfOne ? orgid : undefined);
      const payload = new TextEncoder().encode(JSON.stringify(isOfOne ? rest : input));
      let answer: Awaited<ReturnType<NatsLike['request']>>;
      try {
        answer = await orAborted(nats.request(subject, payload, { timeout: REQUEST_MS }), signal);
      } catch (error) {
        throw asClientError(error, { signal, subject, nats });
      }
      const header = (name: string): string | null => answer.headers?.get(name) || null;
      const text = new TextDecoder().decode(answer.data);
      const failed = header('Nats-Service-Error-Code');
      if (failed !== null) throw errorOf(text, { failed, subject, title: header('Nats-Service-Error') ?? '' });
      return { text, header };
    },
  };
}

function errorOf(text: string, { failed, subject, title }: { failed: string; subject: string; title: string }): Error {
  try {
    const problem = errorOfProblem(JSON.parse(text));
    if (problem) return problem;
  } catch {
    // Said below.
  }
  return new ClientError(
    'BAD_ANSWER',
    `${subject} answers with the error ${failed} ${title}, and not as a reader does`,
  );
}

interface Asked {
  readonly signal: AbortSignal;
  readonly subject: string;
  readonly nats: NatsLike;
}

/** By name and code, for both generations of the NATS client. */
function asClientError(error: unknown, { signal, subject, nats }: Asked): ClientError {
  if (signal.aborted) return signal.reason as ClientError;
  const { name, code, message, cause } = error as Error & { code?: unknown };
  const says = [name, code, message, (cause as Error | undefined)?.name].join(' ');
  if (/permission/i.test(says))
    return new ClientError('NO_PERMISSION', `this NATS identity may not ask on ${subject}`, { cause: error });
  const why = /NoResponders|\b503\b|no responders/i.test(says)
    ? 'no reader listens there, or the import is missing'
    : nats.isClosed()
      ? 'the connection is closed'
      : message;
  return new ClientError('UNREACHABLE', `no answer on ${subject}: ${why}`, { cause: error });
}
