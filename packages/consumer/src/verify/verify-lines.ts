import type { ChainReport } from '@waybill/schema';
import * as verify from '@waybill/verify/internal';
import { asConsumerError } from '../verify-error.ts';

export type { VerifyLinesOptions } from '@waybill/verify/internal';

/**
 * Verifies one chain from its replayed lines, as bytes. Memory does not grow with their number. Needs no NATS.
 *
 * @throws ConsumerError BAD_ARGUMENT
 */
export async function verifyLines(
  chunks: AsyncIterable<Uint8Array>,
  options: verify.VerifyLinesOptions = {},
): Promise<ChainReport> {
  try {
    return await verify.verifyLines(chunks, options);
  } catch (error) {
    throw asConsumerError(error);
  }
}
