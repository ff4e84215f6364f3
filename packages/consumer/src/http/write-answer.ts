/** Answers and problems as HTTP responses. */
import type { MediaType } from '@waybill/schema/api';
import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { problemOf } from '../api/problem.ts';
import type { Answer, StreamAnswer, StreamItem } from '../api/reader.ts';
import { type BodyLimits, bodyStream, type BodyStream } from './body-stream.ts';
import { etagOf, matchesEtag } from './etag.ts';

/** Milliseconds after which a browser opens a stream of events again. */
const RETRY = 'retry: 2000\n\n';
const CHARSET = '; charset=utf-8';

export interface Writing {
  readonly status: 200 | 202;
  /** Ends a stream. */
  readonly stop: AbortController;
  readonly breakOff: BodyStream['breakOff'];
  readonly limits?: Partial<BodyLimits> | undefined;
}

export function writeAnswer(c: Context, answer: Answer, writing: Writing): Response {
  for (const [name, value] of Object.entries(answer.headers ?? {})) c.header(name, value);
  c.header('Content-Type', contentType(answer.form));
  if (answer.kind === 'stream') return writeStream(c, answer, writing);
  if (!answer.isFinal) return c.body(answer.text, writing.status);
  const etag = etagOf(answer.text);
  c.header('ETag', etag);
  c.header('Cache-Control', 'private, no-cache');
  c.header('Vary', 'Authorization, Accept');
  if (!matchesEtag(c.req.header('if-none-match'), etag)) return c.body(answer.text, writing.status);
  c.header('Content-Type', undefined);
  return c.body(null, 304);
}

function writeStream(
  c: Context,
  { form, items, invalid }: StreamAnswer,
  { stop, breakOff, limits }: Writing,
): Response {
  // Some proxies collect an answer before they pass it on.
  c.header('X-Accel-Buffering', 'no');
  const onCancel = (): void => stop.abort();
  if (c.req.raw.method === 'HEAD') {
    onCancel();
    return c.body(null);
  }
  const isEvents = form === 'text/event-stream';
  return c.body(
    bodyStream({
      items,
      invalid,
      textOf: isEvents ? eventText : lineText,
      ...(isEvents && { opening: RETRY, heartbeat: ': still here\n\n' }),
      onCancel,
      breakOff,
      ...(limits && { limits }),
    }),
  );
}

function lineText({ line }: StreamItem): string {
  return `${line}\n`;
}

/** A line has no line feeds and no carriage returns: it is canonical JSON. */
function eventText({ line, id }: StreamItem): string {
  return `${id === undefined ? '' : `id: ${id}\n`}data: ${line}\n\n`;
}

function contentType(form: MediaType): string {
  return form === 'application/json' ? form : `${form}${CHARSET}`;
}

export function writeProblem(c: Context, error: unknown): Response {
  const problem = problemOf(error);
  for (const name of ['ETag', 'Vary', 'Content-Type']) c.header(name, undefined);
  c.header('Cache-Control', 'no-store');
  c.header('Content-Type', 'application/problem+json');
  if (problem.retry_after !== undefined) c.header('Retry-After', String(problem.retry_after));
  if (problem.code === 'UNAUTHENTICATED') c.header('WWW-Authenticate', 'Bearer');
  return c.body(`${JSON.stringify(problem)}\n`, problem.status as ContentfulStatusCode);
}
