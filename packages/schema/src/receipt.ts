/**
 * Receipts: events that carry the signature of whoever published them, which the ledger's operator cannot forge.
 * `docs/format.md` §2 says how they are formed:
 *
 *     signature = base64( Ed25519( key named by keyid, UTF-8 of JCS(event without signature) ) )
 *
 * The cryptography is injected, so that this runs everywhere.
 */
import { canonicalJson } from './canonical.ts';
import { isChainloop } from './chainloop.ts';
import type { Json, JsonObject } from './json.ts';

export interface Receipt {
  readonly keyid: string;
  /** Base64 of 64 bytes, as it stands in the event. */
  readonly signature: string;
  /** What was signed: its UTF-8 bytes. */
  readonly text: string;
}

/** @returns whether the signature is right; null: the key is not known. Must not throw, whatever it is given. */
export type VerifySignature = (receipt: Receipt) => boolean | null;

export interface ReceiptCounts {
  /** Signed by a known key, and the signature is right. */
  readonly verified: number;
  /** Signed by a key that the verifier was not given, or by one that is not named. */
  readonly unknown: number;
  /** No `signature`: never signed, or stripped of it, which nothing in the event can show. */
  readonly unsigned: number;
}

/** The text that a receipt's signature is over: canonical JSON of the event without `signature`. */
export function signedText(event: JsonObject): string {
  const { signature: _, ...rest } = event;
  return canonicalJson(rest);
}

export interface ReceiptCheck {
  /** The next entry's event. @returns what is wrong with its signature, or null */
  take(event: JsonObject): string | null;
  read(): ReceiptCounts;
}

export function createReceiptCheck(verifySignature: VerifySignature): ReceiptCheck {
  let verified = 0;
  let unknown = 0;
  let unsigned = 0;
  return {
    take(event) {
      const { keyid, signature } = event as { readonly [name: string]: Json | undefined };
      // Members of these names mean nothing in Chainloop's dialect.
      if (isChainloop(event) || typeof signature !== 'string') {
        unsigned++;
        return null;
      }
      if (typeof keyid !== 'string') {
        unknown++;
        return null;
      }
      const right = verifySignature({ keyid, signature, text: signedText(event) });
      if (right === false) return `signature is not that of the key ${keyid} over the event`;
      if (right === null) unknown++;
      else verified++;
      return null;
    },
    read: () => ({ verified, unknown, unsigned }),
  };
}
