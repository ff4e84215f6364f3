/**
 * Tokens as text: `wb_<id>_<secret>`. The id is 80 random bits, the secret 256, both in base32 (RFC 4648 §6) in lower
 * case without padding: 16 and 52 characters. A double click selects all of it, and no character needs escaping.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

export interface TokenText {
  /** Names the token. Not secret. */
  readonly id: string;
  /** All of it. Secret. */
  readonly text: string;
}

const ID_BYTES = 10;
const SECRET_BYTES = 32;
const TOKEN_PATTERN = /^wb_([a-z2-7]{16})_[a-z2-7]{51}[aq]$/;
export const TOKEN_ID_PATTERN = /^[a-z2-7]{16}$/;

/** A new token: 256 bits of the system's random source. */
export function makeToken(): TokenText {
  const id = base32(randomBytes(ID_BYTES));
  return { id, text: `wb_${id}_${base32(randomBytes(SECRET_BYTES))}` };
}

/** null: not the text of a token. Each token has exactly one text. */
export function parseToken(text: string): TokenText | null {
  const id = TOKEN_PATTERN.exec(text)?.[1];
  return id === undefined ? null : { id, text };
}

/** SHA-256 in hex of a token's whole text: all that is ever stored of its secret. */
export function hashOfToken({ text }: TokenText): string {
  return createHash('sha256').update(text).digest('hex');
}

/**
 * Whether a token has this hash, in constant time. Without a hash (no such token) the same work is done, and the answer
 * is false.
 *
 * @param hash 64 hex digits; null: none
 */
export function hasHash(token: TokenText, hash: string | null): boolean {
  const isEqual = timingSafeEqual(Buffer.from(hashOfToken(token), 'hex'), Buffer.from(hash ?? NO_HASH, 'hex'));
  return isEqual && hash !== null;
}

const NO_HASH = '0'.repeat(64);
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';

function base32(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let count = 0;
  for (const byte of bytes) {
    bits = (bits << 8) | byte;
    for (count += 8; count >= 5; count -= 5) text += ALPHABET[(bits >> (count - 5)) & 31];
    bits &= 31;
  }
  return count === 0 ? text : text + ALPHABET[(bits << (5 - count)) & 31];
}
