/**
 * A message of a stream in the answer to a direct get (ADR-31). The server adds lines to the headers of the message.
 * They say which message it is.
 *
 * These lines are read as bytes, from the end of the headers, where the server puts them. Everything before them was
 * written by the publisher, who may write any header, such as `Nats-Sequence: 7`, and even a status, such as a `204
 * EOB` that would end the answer. The client's own parser would also trim white space off the subject, and would so
 * report another subject than the stream has.
 */
import type { Msg } from '@nats-io/nats-core';

export interface DirectMessage {
  readonly seq: number;
  readonly subject: string;
  /** When the stream stored it: RFC 3339, UTC, milliseconds (cut, not rounded). */
  readonly received: string;
  readonly payload: Uint8Array;
  /**
   * Sequence of the message before it in the same answer; 0 for the first; null when the answer has only this message.
   */
  readonly previous: number | null;
}

const SEQUENCE = 'Nats-Sequence: ';
const SUBJECT = 'Nats-Subject: ';
const TIME = 'Nats-Time-Stamp: ';
const PREVIOUS = 'Nats-Last-Sequence: ';
/** The server adds six lines. */
const MAX_LINES = 8;
const LINE_FEED = 10;
const LINE_BREAK = 2;

/** @returns null when it is no message of a stream but a status, which has none of these lines */
export function readDirectMessage({ data: payload }: Pick<Msg, 'data'>): DirectMessage | null {
  // In the client's memory, as on the wire, the headers end where the payload begins.
  const before = Buffer.from(payload.buffer, 0, payload.byteOffset);
  let seq = -1;
  let received = '';
  let previous: number | null = null;
  let end = before.length - LINE_BREAK;
  for (let line = 0; line < MAX_LINES && end > 0; line++) {
    end -= LINE_BREAK;
    const start = before.lastIndexOf(LINE_FEED, end - 1) + 1;
    const text = before.toString('latin1', start, end);
    if (text.startsWith(PREVIOUS)) previous = Number(text.slice(PREVIOUS.length));
    else if (text.startsWith(TIME)) received = toMilliseconds(text.slice(TIME.length));
    else if (text.startsWith(SEQUENCE)) seq = Number(text.slice(SEQUENCE.length));
    else if (text.startsWith(SUBJECT)) {
      if (!(seq > 0) || received === '') return null;
      return { seq, subject: before.toString('utf8', start + SUBJECT.length, end), received, payload, previous };
    } else if (text.startsWith('NATS/1.0')) return null;
    end = start;
  }
  return null;
}

/**
 * Cuts a time to milliseconds. The server leaves out zeros at the end: `…:37.12Z`, `…:37Z`.
 *
 * @param time RFC 3339, UTC, up to nanoseconds
 */
export function toMilliseconds(time: string): string {
  const dot = time.indexOf('.');
  if (dot < 0) return `${time.slice(0, -1)}.000Z`;
  return `${time.slice(0, dot)}.${time
    .slice(dot + 1, -1)
    .slice(0, 3)
    .padEnd(3, '0')}Z`;
}
