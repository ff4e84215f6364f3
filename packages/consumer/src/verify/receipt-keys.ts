import type { ReceiptKeys } from '@waybill/schema';
import * as verify from '@waybill/verify/internal';
import { asConsumerError } from '../verify-error.ts';

/**
 * Checks receipts (docs/reference/format.md §2) with `node:crypto`. Its OpenSSL checks the equation without cofactor.
 *
 * @param publicKeys by key id: base64 of the 32 bytes of an Ed25519 public key
 * @throws ConsumerError BAD_ARGUMENT naming the key id
 */
export function createReceiptKeys(publicKeys: ReadonlyMap<string, string>): ReceiptKeys {
  try {
    return verify.createReceiptKeys(publicKeys);
  } catch (error) {
    throw asConsumerError(error);
  }
}

/** @throws ConsumerError BAD_ARGUMENT when signatures are required, and there is no key to check them with */
export function checkSignersGiven(...[name, options]: Parameters<typeof verify.checkSignersGiven>): void {
  try {
    verify.checkSignersGiven(name, options);
  } catch (error) {
    throw asConsumerError(error);
  }
}
