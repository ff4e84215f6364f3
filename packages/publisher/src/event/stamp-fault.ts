import { SchemaError } from '@waybill/schema';
import type { Drop } from '../drop.ts';

export type StampFault = Pick<Drop, 'reason' | 'detail' | 'cause'>;

/** Why an event could not be stamped, from what stamping threw. */
export function stampFault(cause: unknown): StampFault {
  const reason = cause instanceof SchemaError && cause.code === 'TOO_LARGE' ? 'too_large' : 'invalid';
  return { reason, detail: cause instanceof Error ? cause.message : String(cause), cause };
}
