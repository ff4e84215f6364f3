import type { BillSigner } from '@waybill/schema';
import { keyidOf } from '@waybill/verify/internal';
import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { ConsumerError } from '../errors.ts';

/** The DER of an Ed25519 private key (RFC 8410) is this, followed by the 32 bytes of the seed. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

export interface BillSignerOptions {
  /** An Ed25519 private key: base64 of its 32-byte seed, or its PKCS #8 as PEM. */
  readonly secret: string;
  /** Default: the first 16 hexadecimal characters of the SHA-256 of the public key. */
  readonly keyid?: string | undefined;
}

/** Signs bills. `publicKey` is the base64 of its 32 bytes, as `waybill verify --key` takes it. */
export interface PublicBillSigner extends BillSigner {
  readonly publicKey: string;
}

/** @throws ConsumerError BAD_ARGUMENT. No message contains the secret */
export function createBillSigner({ secret, keyid }: BillSignerOptions): PublicBillSigner {
  const key = readSecret(secret);
  const raw = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32);
  const name = keyid ?? keyidOf(raw);
  if (!/^[^=]{1,128}$/.test(name))
    throw new ConsumerError('BAD_ARGUMENT', 'keyid: expected 1-128 characters without an equals sign');
  return {
    keyid: name,
    publicKey: raw.toString('base64'),
    sign: (text) => sign(null, Buffer.from(text), key).toString('base64'),
  };
}

function readSecret(secret: string): KeyObject {
  let key: KeyObject | null = null;
  try {
    key = secret.includes('-----BEGIN') ? createPrivateKey(secret) : seedKey(secret.trim());
  } catch {
    key = null;
  }
  if (key?.asymmetricKeyType === 'ed25519') return key;
  throw new ConsumerError(
    'BAD_ARGUMENT',
    'the secret is no Ed25519 private key: expected base64 of 32 bytes, or PKCS #8 as PEM',
  );
}

function seedKey(text: string): KeyObject | null {
  const seed = Buffer.from(text, 'base64');
  if (seed.length !== 32) return null;
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
}
