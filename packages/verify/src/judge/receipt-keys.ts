import { isPublicKey, type ReceiptKeys } from '@waybill/schema/verify';
import * as crypto from 'node:crypto';
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { VerifyError } from '../errors.ts';

/** The DER of an Ed25519 public key (RFC 8410) is this and the 32 bytes of the key. */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/**
 * Checks receipts (docs/reference/format.md §2) with `node:crypto`. Its OpenSSL checks the equation without cofactor.
 *
 * @param publicKeys by key id: base64 of the 32 bytes of an Ed25519 public key
 * @throws VerifyError BAD_ARGUMENT naming the key id
 */
export function createReceiptKeys(publicKeys: ReadonlyMap<string, string>): ReceiptKeys {
  const keys = new Map<string, { raw: Uint8Array; key: KeyObject }>();
  for (const [keyid, text] of publicKeys) {
    const raw = readPublicKey(keyid, text);
    const der = Buffer.concat([SPKI_PREFIX, raw]);
    keys.set(keyid, { raw, key: createPublicKey({ key: der, format: 'der', type: 'spki' }) });
  }
  return {
    find: (keyid) => keys.get(keyid)?.raw ?? null,
    fits({ keyid, signature, text }) {
      const known = keys.get(keyid);
      return known !== undefined && verify(null, Buffer.from(text), known.key, signature);
    },
  };
}

/** How a key is named that nobody has given a name. @param raw the 32 bytes of a public key */
export function keyidOf(raw: Uint8Array): string {
  return crypto.hash('sha256', raw, 'hex').slice(0, 16);
}

/** @throws VerifyError BAD_ARGUMENT when signatures are required, and there is no key to check them with */
export function checkSignersGiven(
  name: string,
  { requireSigned = false, receiptKeys }: { readonly requireSigned?: boolean; readonly receiptKeys?: ReceiptKeys },
): void {
  if (requireSigned && !receiptKeys)
    throw new VerifyError('BAD_ARGUMENT', `${name}: requireSigned needs receiptKeys, the keys of those who sign`);
}

function readPublicKey(keyid: string, text: string): Buffer {
  const raw = Buffer.from(text, 'base64');
  // Strictly: each key has exactly one text.
  if (raw.length === 32 && raw.toString('base64') === text && isPublicKey(raw)) return raw;
  throw new VerifyError(
    'BAD_ARGUMENT',
    `the public key of ${keyid} is ${JSON.stringify(text)}: expected the base64 of the 32 bytes of an Ed25519 public key, ` +
      'of a point that is written in its canonical form and is not of small order; is a character lost or mistyped?',
  );
}
