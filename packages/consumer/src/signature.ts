import type { VerifySignature } from '@waybill/schema';
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { ConsumerError } from './errors.ts';

/** The DER of an Ed25519 public key (RFC 8410) is this and the 32 bytes of the key. */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/**
 * Checks receipts (docs/format.md §2) with `node:crypto`.
 *
 * @param publicKeys by key id: base64 of the 32 bytes of an Ed25519 public key
 * @throws ConsumerError BAD_ARGUMENT naming the key id
 */
export function createSignatureVerifier(publicKeys: ReadonlyMap<string, string>): VerifySignature {
  const keys = new Map<string, KeyObject>([...publicKeys].map(([keyid, text]) => [keyid, readPublicKey(keyid, text)]));
  return ({ keyid, signature, text }) => {
    const key = keys.get(keyid);
    if (!key) return null;
    const bytes = decodeBase64(signature, 64);
    return bytes !== null && verify(null, Buffer.from(text), key, bytes);
  };
}

function readPublicKey(keyid: string, text: string): KeyObject {
  const raw = decodeBase64(text, 32);
  if (!raw) {
    throw new ConsumerError(
      'BAD_ARGUMENT',
      `the public key of ${keyid} is ${JSON.stringify(text)}: expected the base64 of the 32 bytes of an Ed25519 public key`,
    );
  }
  return createPublicKey({ key: Buffer.concat([SPKI_PREFIX, raw]), format: 'der', type: 'spki' });
}

/** Strictly: one text for each value. */
function decodeBase64(text: string, length: number): Buffer | null {
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === length && bytes.toString('base64') === text ? bytes : null;
}
