/**
 * Why a call had no answer. What a reader says comes with the reader's code (`API_ERRORS` of the schema); these are the
 * client's own. The list is closed; `docs/reference/errors.md` has exactly these codes.
 *
 * - `INVALID_OPTIONS`: the client was made or called with something that cannot be used
 * - `NO_TOKEN`: the function that gives the token has failed
 * - `UNREACHABLE`: nobody answers there, or the connection broke
 * - `NO_PERMISSION`: the NATS identity may not ask this
 * - `TIMEOUT`: there was no answer in time
 * - `ABORTED`: the caller's signal was aborted; `cause` is its reason
 * - `TRUNCATED`: a sequence was cut off, and going on did not help
 * - `BAD_ANSWER`: what answers is no reader, or not one that this client understands
 */
import type { ApiErrorCode, Problem } from '@waybill/schema/api';

export const CLIENT_ERROR_CODES = [
  'INVALID_OPTIONS',
  'NO_TOKEN',
  'UNREACHABLE',
  'NO_PERMISSION',
  'TIMEOUT',
  'ABORTED',
  'TRUNCATED',
  'BAD_ANSWER',
] as const;

/** One of the client's own, or one of the reader's. A newer reader may have codes that this type does not name. */
export type ClientErrorCode = (typeof CLIENT_ERROR_CODES)[number] | ApiErrorCode;

export interface ClientErrorOptions extends ErrorOptions {
  readonly status?: number | undefined;
  readonly retryAfterMs?: number | undefined;
}

/** The one error class of `@waybill/client`. No message, and no cause that the client itself adds, has the token. */
export class ClientError extends Error {
  override readonly name = 'ClientError';
  readonly code: ClientErrorCode;
  /** Of an answer over HTTP, or the one that it would have there. Absent when nobody answered. */
  readonly status: number | undefined;
  /** What was asked and what is wrong with it. For people; it may change. */
  readonly detail: string;
  /** Milliseconds after which the same question may be answered, when the reader says so. */
  readonly retryAfterMs: number | undefined;

  constructor(code: ClientErrorCode, detail: string, options: ClientErrorOptions = {}) {
    super(detail, 'cause' in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.detail = detail;
    this.status = options.status;
    this.retryAfterMs = options.retryAfterMs;
  }
}

const MAX_DETAIL = 2_000;

/** The error that a problem document (RFC 9457) describes; null: it is none of a reader's. */
export function errorOfProblem(value: unknown): ClientError | null {
  if (typeof value !== 'object' || value === null) return null;
  const { code, detail, status, retry_after: seconds } = value as Partial<Record<keyof Problem, unknown>>;
  if (typeof code !== 'string' || typeof detail !== 'string' || typeof status !== 'number') return null;
  return new ClientError(code as ClientErrorCode, detail.slice(0, MAX_DETAIL), {
    status,
    retryAfterMs: typeof seconds === 'number' && seconds >= 0 ? seconds * 1000 : undefined,
  });
}
