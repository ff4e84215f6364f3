/** Exit codes of `waybill`, after BSD's sysexits.h. `verify` and `deploy --check` use 1 to 4 for what they find. */
import type { ConsumerErrorCode } from '../errors.ts';

export const EXIT_CODES = {
  BAD_ARGUMENT: 64,
  LEDGER_DAMAGED: 65,
  STREAM_RESET: 65,
  NOT_LOST: 65,
  CANNOT_READ: 66,
  NO_CHAIN: 66,
  NO_TOKEN: 66,
  CANNOT_CONNECT: 69,
  NO_ANSWER: 69,
  NO_STREAM: 69,
  JETSTREAM_OFF: 69,
  SERVER_TOO_OLD: 69,
  UNAVAILABLE: 69,
  CANNOT_CREATE: 73,
  CANNOT_WRITE: 74,
  NOT_FINAL: 75,
  NOT_CHAINED: 75,
  RATE_LIMITED: 75,
  NO_PERMISSION: 77,
  UNAUTHENTICATED: 77,
  BAD_CONFIG: 78,
  PAYLOAD_LIMIT: 78,
  STREAM_DRIFT: 78,
  DESTRUCTIVE_CHANGE: 78,
  NEWER_LEDGER: 78,
  ALREADY_PUSHED: 73,
  ENGINE_REFUSED: 76,
  ENGINE_UNREACHABLE: 69,
  JOURNAL_LOCKED: 75,
  JOURNAL_DAMAGED: 65,
  // Of the API. No command throws them.
  FORBIDDEN: 77,
  NOT_FOUND: 66,
  METHOD_NOT_ALLOWED: 64,
  NOT_ACCEPTABLE: 64,
  TOO_LARGE: 65,
  BUSY: 75,
  TIMED_OUT: 75,
} as const satisfies Record<ConsumerErrorCode, number>;

/** The exit code for an error that nobody foresaw. */
export const UNFORESEEN = 70;
