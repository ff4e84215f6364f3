import { API_ERRORS, type ApiErrorCode, type Problem, problemType } from '@waybill/schema/api';
import { ConsumerError, type ConsumerErrorCode } from '../errors.ts';

/** The NATS server cannot be asked just now. */
const NO_SERVER: ReadonlySet<ConsumerErrorCode> = new Set(['CANNOT_CONNECT', 'JETSTREAM_OFF']);
/** What these say is for the operator: it names streams, positions and chains. */
const FOR_OPERATORS: Readonly<Partial<Record<ApiErrorCode, string>>> = {
  INTERNAL: 'the reader failed; its log says why',
  LEDGER_DAMAGED: 'a block that the answer needs cannot be read; the log of the reader says which',
  NEWER_LEDGER: 'the answer needs a newer version of the reader; its log says why',
  NO_ANSWER: 'the NATS server did not answer; ask again',
};
const RETRY_S = 1;
/** The ledger is seldom more than a few seconds behind. */
const FINAL_RETRY_S = 5;

/** What an error says to whoever asked. */
export function problemOf(error: unknown): Problem {
  const code = codeOf(error);
  const { status, title } = API_ERRORS[code];
  const detail = FOR_OPERATORS[code] ?? (error as Error).message;
  const seconds = retrySeconds(code, error);
  return {
    type: problemType(code),
    title,
    status,
    code,
    detail,
    ...(seconds !== null && { retry_after: seconds }),
  };
}

/** Whether the operator has to know. */
export function isFault(code: string): boolean {
  return code === 'INTERNAL' || code === 'LEDGER_DAMAGED' || code === 'NEWER_LEDGER';
}

function codeOf(error: unknown): ApiErrorCode {
  if (!(error instanceof ConsumerError)) return 'INTERNAL';
  if (NO_SERVER.has(error.code)) return 'NO_ANSWER';
  return error.code in API_ERRORS ? (error.code as ApiErrorCode) : 'INTERNAL';
}

function retrySeconds(code: ApiErrorCode, error: unknown): number | null {
  if (!('retry' in API_ERRORS[code])) return null;
  const ms = error instanceof ConsumerError ? error.retryAfterMs : undefined;
  if (ms !== undefined) return Math.max(1, Math.ceil(ms / 1000));
  return code === 'NOT_FINAL' ? FINAL_RETRY_S : RETRY_S;
}
