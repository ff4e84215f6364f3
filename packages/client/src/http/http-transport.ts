/**
 * The `http/` room: questions over HTTP, by `fetch`. It knows routes, tokens and problem documents; what an answer says
 * is read in `calls/`. A token leaves it in one header only.
 *
 * This file is that transport.
 */
import { ClientError, errorOfProblem } from '../error.ts';
import { orAborted } from '../time-limit.ts';
import type { OpenReply, Question, Reply, Transport } from '../transport.ts';
import { readBody } from './read-body.ts';
import { checkReaderUrl, requestOf } from './reader-url.ts';
import { checkToken, currentToken, type Token } from './token.ts';

export interface HttpOptions {
  /** Of the reader: `https://…`, or `http://` on this machine. It may have a path that stands before every route. */
  readonly url: string;
  /** Absent where nobody has to prove anything. */
  readonly token?: Token | undefined;
  /** Default: the global one. */
  readonly fetch?: typeof globalThis.fetch | undefined;
}

/** @throws ClientError INVALID_OPTIONS */
export function createHttpTransport({ url, token, fetch = globalThis.fetch }: HttpOptions): Transport {
  const base = checkReaderUrl(url);
  if (token !== undefined && typeof token !== 'function') checkToken(token);

  async function send({ operation, input, form, signal }: Question): Promise<Response> {
    const { method, path, body } = requestOf(operation, input);
    const headers = new Headers({ accept: `${form}, application/problem+json` });
    if (token !== undefined) headers.set('authorization', `Bearer ${await orAborted(currentToken(token), signal)}`);
    if (body !== null) headers.set('content-type', 'application/json');
    const response = await fetch(base + path, {
      method,
      headers,
      body,
      signal,
      // A redirect would take the token somewhere else.
      redirect: 'manual',
      credentials: 'omit',
      cache: 'no-store',
      referrerPolicy: 'no-referrer',
    });
    if (response.ok && contentType(response) === form) return response;
    throw await errorOf(response, base);
  }

  return {
    async ask(question): Promise<Reply> {
      try {
        const response = await send(question);
        return { text: await readBody(response), header: (name) => response.headers.get(name) };
      } catch (error) {
        throw asClientError(error, question.signal, base);
      }
    },
    async open(question): Promise<OpenReply> {
      try {
        const response = await send(question);
        return { pieces: piecesOf(response, question.signal, base), header: (name) => response.headers.get(name) };
      } catch (error) {
        throw asClientError(error, question.signal, base);
      }
    },
  };
}

/** By a reader: not every browser iterates a stream. */
async function* piecesOf(response: Response, signal: AbortSignal, base: string): AsyncGenerator<string> {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  try {
    for (;;) {
      const next = await reader?.read();
      if (next === undefined || next.done) return;
      yield decoder.decode(next.value, { stream: true });
    }
  } catch (error) {
    throw asClientError(error, signal, base);
  } finally {
    // Nobody reads the rest: its end, or its error, is of no interest.
    reader?.cancel().catch(() => undefined);
  }
}

function contentType({ headers }: Response): string {
  return (headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
}

/** What an answer says that is none. A proxy before the reader may have answered. */
async function errorOf(response: Response, base: string): Promise<ClientError> {
  const { status } = response;
  const isProblem = contentType(response) === 'application/problem+json';
  const retryAfterMs = retryAfter(response.headers.get('retry-after'));
  const problem = isProblem ? errorOfProblem(parsed(await readBody(response))) : null;
  if (problem?.retryAfterMs === undefined && problem !== null && retryAfterMs !== undefined)
    return new ClientError(problem.code, problem.detail, { status: problem.status, retryAfterMs });
  if (problem !== null) return problem;
  if (!response.bodyUsed) await response.body?.cancel();
  if (response.type === 'opaqueredirect' || (status >= 300 && status < 400))
    return new ClientError('BAD_ANSWER', `${base} redirects: give the address that it leads to`, { status });
  const what = `${base} answers with HTTP status ${status}, and not as a reader does`;
  if (status === 429) return new ClientError('RATE_LIMITED', what, { status, retryAfterMs });
  const isGateway = status === 502 || status === 503 || status === 504;
  return new ClientError(isGateway ? 'UNREACHABLE' : 'BAD_ANSWER', what, { status, retryAfterMs });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Seconds, or a date (RFC 9110 §10.2.3). */
function retryAfter(header: string | null): number | undefined {
  if (header === null) return undefined;
  const ms = /^\d{1,9}$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

function asClientError(error: unknown, signal: AbortSignal, base: string): ClientError {
  if (signal.aborted) return signal.reason as ClientError;
  if (error instanceof ClientError) return error;
  const { cause } = error as { cause?: { code?: unknown } };
  const why = typeof cause?.code === 'string' ? cause.code : (error as Error).message;
  return new ClientError('UNREACHABLE', `no connection to ${base}, or it broke: ${why}`, { cause: error });
}
