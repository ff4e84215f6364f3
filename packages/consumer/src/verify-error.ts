import { VerifyError } from '@waybill/verify/internal';
import { ConsumerError } from './errors.ts';

/** An error of `@waybill/verify` as one of this package, which has the same codes. Others stay what they are. */
export function asConsumerError(error: unknown): unknown {
  return error instanceof VerifyError ? new ConsumerError(error.code, error.message, { cause: error.cause }) : error;
}
