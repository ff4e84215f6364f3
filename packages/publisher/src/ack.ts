/** Answers to a published message: JetStream's PubAck (ADR-1 and ADR-22 of nats-architecture-and-design), or "no responders". */

/** Where an event was stored. */
export interface Ack {
  readonly stream: string;
  readonly seq: number;
  /** The stream had it already from an earlier try. */
  readonly duplicate: boolean;
}

export type Answer =
  | { readonly kind: 'stored'; readonly ack: Ack }
  /** Not stored now; it may be later: no stream or no leader yet, stream full, server busy. */
  | { readonly kind: 'retry'; readonly detail: string }
  /** Never stored, however often it is sent. */
  | { readonly kind: 'too_large'; readonly detail: string };

interface AnswerMessage {
  readonly data: Uint8Array;
  readonly headers?: { readonly code: number } | undefined;
}

/** JSStreamMessageExceedsMaximumErr, JSStreamHeaderExceedsMaximumErr */
const TOO_LARGE = new Set([10054, 10097]);

const decoder = new TextDecoder();

/** Total: an answer that is none of the known ones is a reason to try again. */
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
  // Errors of a stream carry its name too, so the error comes first.
  if (body.error !== undefined) return readError(body.error);
  if (typeof body.stream !== 'string' || typeof body.seq !== 'number') {
    return { kind: 'retry', detail: 'an answer that is no PubAck' };
  }
  return { kind: 'stored', ack: { stream: body.stream, seq: body.seq, duplicate: body.duplicate === true } };
}

function readError(error: unknown): Answer {
  const { code, err_code, description } = (error ?? {}) as Record<string, unknown>;
  const detail = `${String(description)} (${String(err_code ?? code)})`;
  // 10077 wraps whatever the store said, which may be that the message does not fit.
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
