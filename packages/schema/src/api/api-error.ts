/**
 * What an answer says when there is none: an RFC 9457 problem with a code of `docs/reference/errors.md`. Codes that are
 * not listed here never leave a reader: they become `INTERNAL`.
 */
import * as z from 'zod';

interface ApiError {
  /** HTTP status (RFC 9110). */
  readonly status: number;
  /** The same for each problem of this code. */
  readonly title: string;
  /** The same question may be answered later. */
  readonly retry?: true;
}

export const API_ERRORS = {
  BAD_ARGUMENT: { status: 400, title: 'The question makes no sense' },
  UNAUTHENTICATED: { status: 401, title: 'Nobody known asks' },
  FORBIDDEN: { status: 403, title: 'This may not be asked' },
  NOT_FOUND: { status: 404, title: 'There is no such thing, or it may not be seen' },
  METHOD_NOT_ALLOWED: { status: 405, title: 'The path has no such method' },
  NOT_ACCEPTABLE: { status: 406, title: 'The answer has none of these forms' },
  NOT_FINAL: { status: 409, title: 'The answer is not final yet', retry: true },
  TOO_LARGE: { status: 413, title: 'The request is too large' },
  RATE_LIMITED: { status: 429, title: 'Too many requests', retry: true },
  INTERNAL: { status: 500, title: 'The reader failed' },
  LEDGER_DAMAGED: { status: 500, title: 'A block of the ledger cannot be read' },
  NEWER_LEDGER: { status: 500, title: 'A newer version has written to the ledger' },
  BUSY: { status: 503, title: 'The reader has too much to do', retry: true },
  TIMED_OUT: { status: 503, title: 'The answer took too long', retry: true },
  UNAVAILABLE: { status: 503, title: 'Who asks cannot be checked at the moment', retry: true },
  NO_ANSWER: { status: 503, title: 'The NATS server did not answer', retry: true },
} as const satisfies Readonly<Record<string, ApiError>>;

export type ApiErrorCode = keyof typeof API_ERRORS;
export const API_ERROR_CODES = Object.keys(API_ERRORS) as readonly ApiErrorCode[];

/** Names the entry of the errors page that the code has there. */
export function problemType(code: ApiErrorCode): string {
  return `urn:waybill:error:${code}`;
}

export const Problem = z
  .object({
    type: z.string().describe('`urn:waybill:error:` and the code.'),
    title: z.string().describe('The same for each problem of this code.'),
    status: z.int().describe('The HTTP status.'),
    code: z.string().describe('A code of the errors page (docs/reference/errors.md). Match on it.'),
    detail: z.string().describe('What was asked and what is wrong with it. For people; it may change.'),
    retry_after: z.int().optional().describe('Seconds after which the same question may be answered.'),
  })
  .meta({ id: 'Problem', description: 'Why there is no answer (RFC 9457).' });
export type Problem = z.infer<typeof Problem>;
