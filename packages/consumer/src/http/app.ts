/**
 * The `http/` room: the operations table over HTTP, with hono. It turns requests into questions and answers into
 * responses, and writes the OpenAPI document. What an answer says is decided in `api/`, and who asks in `access/`.
 *
 * This file is the whole application, without a socket.
 */
import { type OperationName, OPERATIONS } from '@waybill/schema/api';
import { type Context, Hono } from 'hono';
import { ConsumerError } from '../errors.ts';
import { answer } from '../api/answer.ts';
import { isFault, problemOf } from '../api/problem.ts';
import type { Reader } from '../api/reader.ts';
import { chooseForm } from './accept.ts';
import type { BodyLimits } from './body-stream.ts';
import { createHostCheck } from './hosts.ts';
import { openApiDocument } from './openapi.ts';
import { MAX_BODY, MAX_URL, readInput, tooLarge } from './read-question.ts';
import { writeAnswer, writeProblem } from './write-answer.ts';

export interface AppOptions {
  readonly reader: Reader;
  /** Host names that requests may be for, besides those of this machine. */
  readonly hosts: readonly string[];
  /** Aborted when the service ends: streams end then. */
  readonly stop: AbortSignal;
  readonly bodyLimits?: Partial<BodyLimits>;
}

/** What @hono/node-server adds to a request. */
interface Bindings {
  readonly incoming?: { readonly socket: { readonly remoteAddress?: string } };
  readonly outgoing?: { destroy(): void };
}
export type App = Hono<{ Bindings: Bindings }>;

export function createApp(options: AppOptions): App {
  const { hosts } = options;
  const { logger } = options.reader;
  const app: App = new Hono();
  const hostCheck = createHostCheck(hosts);
  const document = `${JSON.stringify(openApiDocument())}\n`;

  app.onError((error, c) => {
    if (isFault(problemOf(error).code)) logger.error({ err: error, path: c.req.path }, 'a question had no answer');
    return writeProblem(c, error);
  });
  app.use(async (c, next) => {
    c.header('Cache-Control', 'no-store');
    c.header('X-Content-Type-Options', 'nosniff');
    c.header('Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'");
    c.header('Referrer-Policy', 'no-referrer');
    if (c.req.url.length > MAX_URL) throw new ConsumerError('TOO_LARGE', `the URL is longer than ${MAX_URL}`);
    // A request may name a host in its first line too (RFC 9112 §3.2.2).
    const named = new URL(c.req.url).host;
    hostCheck.check(named, c.req.header('origin'));
    hostCheck.check(c.req.header('host') ?? named, undefined);
    if (Number(c.req.header('content-length') ?? 0) > MAX_BODY) throw tooLarge();
    await next();
  });
  app.get('/openapi.json', (c) => c.body(document, 200, { 'Content-Type': 'application/json' }));
  for (const name of Object.keys(OPERATIONS) as OperationName[]) {
    const { method, path } = OPERATIONS[name].http;
    app.on(method, honoPath(path), (c) => respond(c, name, options));
  }
  for (const path of ['/openapi.json', ...Object.values(OPERATIONS).map(({ http }) => http.path)])
    app.all(honoPath(path), (c) => {
      const methods = methodsOf(path);
      c.header('Allow', methods.join(', '));
      throw new ConsumerError('METHOD_NOT_ALLOWED', `${c.req.method} ${path}: expected ${methods.join(', ')}`);
    });
  app.notFound((c) => {
    const what = `there is nothing at ${c.req.path.slice(0, 256)}: see /openapi.json`;
    return writeProblem(c, new ConsumerError('NOT_FOUND', what));
  });
  return app;
}

async function respond(
  c: Context<{ Bindings: Bindings }>,
  name: OperationName,
  options: AppOptions,
): Promise<Response> {
  const { reader, bodyLimits } = options;
  const { incoming, outgoing } = (c.env as Bindings | undefined) ?? {};
  const address = incoming?.socket.remoteAddress ?? '';
  const principal = await reader.access.authenticate(c.req.header('authorization'), address);
  const { forms, status, path } = OPERATIONS[name].http;
  const form = chooseForm(forms, c.req.header('accept'));
  const input = await readInput(c, name);
  if (form === 'text/event-stream') goOnAfter(c, input);
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, options.stop, c.req.raw.signal]);
  const found = await answer(reader, { operation: name, input, principal, form, signal });
  if (status === 202 && found.kind === 'whole') {
    const { id } = JSON.parse(found.text) as { id: string };
    c.header('Location', `${path.replace('{orgid}', input['orgid'] ?? '')}/${id}`);
  }
  const breakOff = (error: unknown): boolean => {
    reader.logger.warn({ operation: name, principal: principal.id, err: error }, 'a stream broke off');
    outgoing?.destroy();
    return outgoing !== undefined;
  };
  return writeAnswer(c, found, { status, stop, breakOff, limits: bodyLimits });
}

/** What a browser sends when it opens a stream of events again. It counts more than the address that it repeats. */
function goOnAfter(c: Context, input: Record<string, string>): void {
  const last = c.req.header('last-event-id');
  if (last !== undefined && last !== '') input['after'] = last;
}

function methodsOf(path: string): string[] {
  const methods = Object.values(OPERATIONS)
    .filter(({ http }) => http.path === path)
    .map(({ http }) => http.method);
  return (methods.length === 0 ? ['GET'] : methods).flatMap((method) =>
    method === 'GET' ? ['GET', 'HEAD'] : [method],
  );
}

function honoPath(path: string): string {
  return path.replaceAll(/\{([a-z]+)\}/g, ':$1');
}
