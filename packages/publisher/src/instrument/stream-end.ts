/** Follows a stream to its end, without an `error` listener: one would hide the error from the service. */
import { errorMonitor } from 'node:events';
import { finished } from 'node:stream';
import type { Ends } from './ends.ts';

/** The part of Node's streams that is read here. Streams in the style of before Node 0.10 lack the states. */
interface NodeStream {
  on(event: string | symbol, listener: (error?: unknown) => void): unknown;
  readonly destroyed?: boolean;
  readonly errored?: unknown;
  /** undefined: the stream has no such side. */
  readonly readableEnded?: boolean;
  readonly readableAborted?: boolean;
  readonly writableFinished?: boolean;
  readonly writableAborted?: boolean;
}

export function isNodeStream(value: object): value is NodeStream {
  const { on, pipe } = value as Record<string, unknown>;
  // `write` and `end` prove nothing: a database connection may have them.
  return typeof on === 'function' && (typeof pipe === 'function' || 'writableFinished' in value);
}

export function watchNodeStream(stream: NodeStream, ends: Ends): void {
  const { readableEnded, writableFinished } = stream;
  if (stream.destroyed === true) return closed(stream, ends);
  if ((readableEnded ?? writableFinished) !== undefined && bothEnded(stream)) return ends.finished();
  const ended = (): void => {
    if (bothEnded(stream)) ends.finished();
  };
  stream.on(errorMonitor, ends.failed);
  stream.on('end', ended);
  stream.on('finish', ended);
  stream.on('close', () => closed(stream, ends));
}

/** Whether every side that the stream has ended. */
function bothEnded({ readableEnded, writableFinished }: NodeStream): boolean {
  return readableEnded !== false && writableFinished !== false;
}

/** A side that a duplex does not have never ends, and is not cut off either. */
function closed(stream: NodeStream, ends: Ends): void {
  if (stream.errored !== null && stream.errored !== undefined) return ends.failed(stream.errored);
  const { readableAborted, readableEnded, writableAborted, writableFinished } = stream;
  if (!(readableAborted ?? readableEnded === false) && !(writableAborted ?? writableFinished === false)) {
    return ends.finished();
  }
  const error = new Error('the stream was closed before its end');
  ends.failed(Object.assign(error, { code: 'ERR_STREAM_PREMATURE_CLOSE' }));
}

export function isWebStream(value: object): value is ReadableStream | WritableStream {
  return value instanceof ReadableStream || value instanceof WritableStream;
}

/** Node reads the stream's internal state, so the stream is neither locked nor read. */
export function watchWebStream(stream: ReadableStream | WritableStream, ends: Ends): void {
  finished(stream as never, (error) => {
    if (error) ends.failed(error);
    else ends.finished();
  });
}
