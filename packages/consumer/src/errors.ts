/**
 * Why the consumer could not do what it was asked. The union is closed; `docs/reference/errors.md` lists exactly these
 * codes.
 *
 * - `BAD_CONFIG`: an environment variable has a value that cannot be used, or a name that Waybill does not know
 * - `BAD_ARGUMENT`: a function or a command was called with a value that cannot be used
 * - `CANNOT_CONNECT`: there is no NATS connection: nobody answers, the identity is not accepted, or TLS fails
 * - `CANNOT_READ`: a file that was given to a command cannot be read
 * - `CANNOT_WRITE`: the standard output takes no more
 * - `CANNOT_CREATE`: a file cannot be written, or another one is there and is not overwritten
 * - `NO_CHAIN`: with `--must-exist`, the organization has no chain
 * - `NOT_LOST`: a loss was to be acknowledged, and the chain lacks no such events
 * - `NOT_CHAINED`: an acknowledgement is stored, and no writer has chained it in time
 * - `NOT_FINAL`: a final answer was asked for, and what is received before its end is not all chained
 * - `SERVER_TOO_OLD`: the nats-server lacks what Waybill needs
 * - `PAYLOAD_LIMIT`: the server's `max_payload` is smaller than a block may be
 * - `JETSTREAM_OFF`: the server or the account has no JetStream
 * - `NO_PERMISSION`: the NATS identity may not do this
 * - `NO_STREAM`: a stream does not exist
 * - `STREAM_DRIFT`: a stream's configuration is not the wanted one, and must not or cannot be corrected here; or the
 *   ledger's configuration was changed while the service wrote to it
 * - `DESTRUCTIVE_CHANGE`: correcting a stream would delete data or loosen its protection
 * - `NO_ANSWER`: the server did not answer in time
 * - `LEDGER_DAMAGED`: a block in the ledger cannot be read
 * - `NEWER_LEDGER`: a newer version has written to the ledger, and this one must not continue it
 * - `NO_TOKEN`: there is no token with this id
 * - `UNAUTHENTICATED`: who asks has not proven who they are
 * - `RATE_LIMITED`: too many requests; `retryAfterMs` says when the next one is answered
 * - `UNAVAILABLE`: who asks cannot be checked at the moment; nobody is let in
 * - `FORBIDDEN`: who asks may not ask this, or not from there
 * - `NOT_FOUND`: there is no such thing, or who asks may not see it
 * - `METHOD_NOT_ALLOWED`: the path has no such method
 * - `NOT_ACCEPTABLE`: the answer has none of the forms that were asked for
 * - `TOO_LARGE`: a request is too large
 * - `BUSY`: the reader answers as many questions as it can; ask again
 * - `TIMED_OUT`: an answer took too long
 * - `STREAM_RESET`: AUDIT ends before what the ledger has of it, or has other events under the same numbers
 * - `ALREADY_PUSHED`: a metering engine, or the journal of what was pushed, has another value for that time
 * - `ENGINE_REFUSED`: a metering engine does not take a value, a meter or the key
 * - `ENGINE_UNREACHABLE`: a metering engine gave no usable answer, also when it was asked again
 * - `JOURNAL_LOCKED`: another run has the journal of what was pushed
 * - `JOURNAL_DAMAGED`: the journal of what was pushed cannot be read
 */
export const CONSUMER_ERROR_CODES = [
  'BAD_CONFIG',
  'BAD_ARGUMENT',
  'CANNOT_CONNECT',
  'CANNOT_READ',
  'CANNOT_WRITE',
  'CANNOT_CREATE',
  'NO_CHAIN',
  'NOT_LOST',
  'NOT_CHAINED',
  'NOT_FINAL',
  'SERVER_TOO_OLD',
  'PAYLOAD_LIMIT',
  'JETSTREAM_OFF',
  'NO_PERMISSION',
  'NO_STREAM',
  'STREAM_DRIFT',
  'DESTRUCTIVE_CHANGE',
  'NO_ANSWER',
  'LEDGER_DAMAGED',
  'NEWER_LEDGER',
  'NO_TOKEN',
  'UNAUTHENTICATED',
  'RATE_LIMITED',
  'UNAVAILABLE',
  'FORBIDDEN',
  'NOT_FOUND',
  'METHOD_NOT_ALLOWED',
  'NOT_ACCEPTABLE',
  'TOO_LARGE',
  'BUSY',
  'TIMED_OUT',
  'STREAM_RESET',
  'ALREADY_PUSHED',
  'ENGINE_REFUSED',
  'ENGINE_UNREACHABLE',
  'JOURNAL_LOCKED',
  'JOURNAL_DAMAGED',
] as const;

export type ConsumerErrorCode = (typeof CONSUMER_ERROR_CODES)[number];

export interface ConsumerErrorOptions extends ErrorOptions {
  readonly retryAfterMs?: number;
}

/** The one error class of `@waybill/consumer`; the message says what was attempted and with which value. */
export class ConsumerError extends Error {
  override readonly name = 'ConsumerError';
  readonly code: ConsumerErrorCode;
  /** Milliseconds after which the same request may succeed, where that is known. */
  readonly retryAfterMs: number | undefined;

  constructor(code: ConsumerErrorCode, message: string, options?: ConsumerErrorOptions) {
    super(message, options);
    this.code = code;
    this.retryAfterMs = options?.retryAfterMs;
  }
}
