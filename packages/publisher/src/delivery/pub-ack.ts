/**
 * Answers to a published message: JetStream's PubAck (ADR-1 and ADR-22 of nats-architecture-and-design), or "no
 * responders".
 */
import type { Ack } from '../ack.ts';

export type Answer =
  | { readonly kind: 'stored'; readonly ack: Ack }
  /** Not stored now, perhaps later: no stream or no leader, a full stream, a busy server. */
  | { readonly kind: 'retry'; readonly detail: string }
  /** Not stored, however often it is sent. */
  | { readonly kind: 'too_large'; readonly detail: string };

interface AnswerMessage {
  readonly data: Uint8Array;
  readonly headers?: { readonly code: number } | undefined;
}

/** JSStreamMessageExceedsMaximumErr, JSStreamHeaderExceedsMaximumErr */
const TOO_LARGE = new Set([10054, 10097]);

const decoder = new TextDecoder();

const encoder = new TextEncoder();

/**
 * Reads answers. Those of the stream that answered last differ in one number only, and are read without parsing JSON.
 */
export function createAnswerReader(): (message: AnswerMessage) => Answer {
  let stream = '';
  /** `{"stream":"…","seq":` */
  let beginning = new Uint8Array();
  return (message) => {
    const seq = beginning.length === 0 ? null : readSequence(message.data, beginning);
    if (seq !== null) return { kind: 'stored', ack: { stream, seq, duplicate: false } };
    const answer = readAnswer(message);
    if (answer.kind === 'stored' && answer.ack.stream !== stream) {
      stream = answer.ack.stream;
      beginning = encoder.encode(`{"stream":${JSON.stringify(stream)},"seq":`);
    }
    return answer;
  };
}

/**
 * Reads the digits between this beginning and `}`. null: the answer is not so, or has too many digits for a safe
 * integer.
 */
function readSequence(data: Uint8Array, beginning: Uint8Array): number | null {
  const end = data.length - 1;
  const digits = end - beginning.length;
  if (digits < 1 || digits > 15 || data[end] !== CLOSING_BRACE) return null;
  for (let i = 0; i < beginning.length; i++) if (data[i] !== beginning[i]) return null;
  let seq = 0;
  for (let i = beginning.length; i < end; i++) {
    const digit = (data[i] as number) - ZERO;
    if (digit < 0 || digit > 9) return null;
    seq = seq * 10 + digit;
  }
  return seq;
}

const CLOSING_BRACE = 0x7d;
const ZERO = 0x30;

/** Reads any answer. After an unknown one the message is sent again. */
export function readAnswer(message: AnswerMessage): Answer {
  if (message.data.length === 0) {
    const code = message.headers?.code;
    return {
      kind: 'retry',
      detail: code === 503 ? 'no stream answers (503)' : `an empty answer (${code ?? 'no status'})`,
    };
  }
  const body = parse(decoder.decode(message.data));
  if (body === null) return { kind: 'retry', detail: 'an answer that is no PubAck' };
  // An error has the stream's name too, so it is checked first.
  if (body.error !== undefined) return readError(body.error);
  if (typeof body.stream !== 'string' || typeof body.seq !== 'number') {
    return { kind: 'retry', detail: 'an answer that is no PubAck' };
  }
  return { kind: 'stored', ack: { stream: body.stream, seq: body.seq, duplicate: body.duplicate === true } };
}

function readError(error: unknown): Answer {
  const { code, err_code, description } = (error ?? {}) as Record<string, unknown>;
  const detail = `${String(description)} (${String(err_code ?? code)})`;
  // 10077 wraps any error of the store, such as that the message does not fit.
  const misfit = err_code === 10077 && /message (size )?to{1,2} large/i.test(String(description));
  return { kind: TOO_LARGE.has(Number(err_code)) || misfit ? 'too_large' : 'retry', detail };
}

function parse(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
