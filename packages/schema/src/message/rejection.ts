import { SchemaError } from '../error.ts';

/** Why a message, or an element of one, is no event. The reason stands in a record of the `_system` chain. */
export const REJECTIONS = [
  'too_large',
  'bad_subject',
  'not_json',
  'not_exact',
  'not_canonical',
  'not_an_event',
  /** Reading failed for a reason that nobody foresaw: a bug here. The message is kept, and the chain goes on. */
  'unexpected',
] as const;
export type Rejection = (typeof REJECTIONS)[number];

export interface RejectedReading {
  readonly ok: false;
  readonly reason: Rejection;
  /** The rule in fixed words. They contain nothing of the message. */
  readonly detail: string;
}

const REJECTION_OF: Partial<Record<SchemaError['code'], Rejection>> = {
  NOT_JSON: 'not_json',
  NOT_EXACT: 'not_exact',
  NOT_CANONICAL: 'not_canonical',
  NOT_AN_EVENT: 'not_an_event',
  TOO_LARGE: 'too_large',
};

/**
 * What an error says about a message. The words of an error that is not ours are left out: they are the platform's,
 * and the same bytes have to give the same record everywhere.
 */
export function rejectionOf(error: unknown): RejectedReading {
  const reason = error instanceof SchemaError && error.rule !== undefined ? REJECTION_OF[error.code] : undefined;
  if (reason === undefined) return { ok: false, reason: 'unexpected', detail: 'reading it failed' };
  return { ok: false, reason, detail: (error as SchemaError).rule as string };
}
