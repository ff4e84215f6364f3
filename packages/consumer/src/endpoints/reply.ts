/** Answers and problems as messages. Errors are those of NATS services (ADR-32 of NATS), with a problem document. */
import { headers, type Msg, type MsgHdrs } from '@nats-io/nats-core';
import type { Problem } from '@waybill/schema/api';
import { ConsumerError } from '../errors.ts';

/**
 * Where answers go: to inboxes, and to what the server makes of an inbox of another account. The asker chooses the
 * subject and the answer is published with the reader's rights, so any other one is a way to write where only a reader
 * may.
 */
export function mayAnswer(reply: string): boolean {
  return reply.startsWith('_INBOX.') || reply.startsWith('_R_.');
}

/** For headers and the protocol around a payload. */
const OVERHEAD = 4_096;

/** The most bytes of an answer over this connection. */
export function payloadRoom(maxPayload: number): number {
  return maxPayload - OVERHEAD;
}

/** @throws ConsumerError TOO_LARGE when no message holds it */
export function checkRoom(bytes: number, room: number, what: string): void {
  if (bytes <= room) return;
  const hint = 'ask for less at once: a smaller limit, a longer step, a shorter period; or over HTTP';
  throw new ConsumerError('TOO_LARGE', `${what} has ${bytes} bytes, and a message at most ${room}: ${hint}`);
}

export function respond(message: Msg, text: string | Uint8Array, named: Readonly<Record<string, string>> = {}): void {
  message.respond(text, { headers: headersOf(named) });
}

export function respondProblem(message: Msg, problem: Problem): void {
  const named = { 'Nats-Service-Error': oneLine(problem.detail), 'Nats-Service-Error-Code': String(problem.status) };
  message.respond(`${JSON.stringify(problem)}\n`, { headers: headersOf(named) });
}

function headersOf(named: Readonly<Record<string, string>>): MsgHdrs {
  const all = headers();
  for (const [name, value] of Object.entries(named)) all.set(name, value);
  return all;
}

const MAX_ERROR = 256;

/** Headers are ASCII without line feeds. The problem document has the whole text. */
function oneLine(text: string): string {
  return text.slice(0, MAX_ERROR).replaceAll(/[^\x20-\x7e]/g, '?');
}
