import { Buffer } from 'node:buffer';
import { createHash, createPrivateKey, createPublicKey, KeyObject, sign } from 'node:crypto';
import type { SigningIdentity } from '../signing-identity.ts';

/** An Ed25519 private key: base64 of its 32-byte seed, its PKCS #8 as PEM, or a KeyObject. */
export type Secret = string | KeyObject;

/** The DER of an Ed25519 private key (RFC 8410) is this, followed by the 32 bytes of the seed. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

export function createIdentity(secret: Secret, givenKeyid: string | undefined): SigningIdentity {
  const key = readSecret(secret);
  const raw = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32);
  const keyid = givenKeyid ?? createHash('sha256').update(raw).digest('hex').slice(0, 16);
  if (typeof keyid !== 'string' || !/^[^=]{1,128}$/.test(keyid)) {
    throw new Error('keyid: expected 1-128 characters without an equals sign');
  }
  return {
    keyid,
    publicKey: raw.toString('base64'),
    sign: (text) => sign(null, Buffer.from(text), key).toString('base64'),
  };
}

/** No message and no cause contains the secret. */
function readSecret(secret: Secret): KeyObject {
  let key: KeyObject | null = null;
  if (secret instanceof KeyObject) key = secret;
  else if (typeof secret === 'string') {
    try {
      key = secret.includes('-----BEGIN') ? createPrivateKey(secret) : seedKey(secret.trim());
    } catch {
      key = null;
    }
  }
  if (key?.type === 'private' && key.asymmetricKeyType === 'ed25519') return key;
  throw new Error('the secret is no Ed25519 private key: expected base64 of 32 bytes, or PKCS #8 as PEM');
}

function seedKey(text: string): KeyObject | null {
  const seed = Buffer.from(text, 'base64');
  if (seed.length !== 32) return null;
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
}
