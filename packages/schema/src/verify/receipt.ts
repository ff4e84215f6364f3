/**
 * Receipts: events that carry the signature of whoever published them, which the ledger's operator cannot forge.
 * `docs/format.md` §2 and §11 say how they are formed and when one is valid:
 *
 *     signature = base64( Ed25519( key named by keyid, UTF-8 of JCS(event without signature) ) )
 *
 * The equation is injected, so that this runs everywhere; the encodings are checked here, so that all agree.
 */
import { isChainloop } from '../event/chainloop.ts';
import { canonicalJson } from '../json/canonical.ts';
import type { JsonObject } from '../json/json.ts';
import { isPublicKey, isSignature } from './ed25519-encoding.ts';

export interface Receipt {
  readonly keyid: string;
  /** 32 bytes: the canonical encoding of a point that is not of small order. */
  readonly publicKey: Uint8Array;
  /** 64 bytes in form: S is below the group's order, R is canonical and not of small order. */
  readonly signature: Uint8Array;
  /** What was signed: its UTF-8 bytes. */
  readonly text: string;
}

export interface ReceiptKeys {
  /** The 32 bytes of an Ed25519 public key; null: it is not known. */
  find(keyid: string): Uint8Array | null;
  /** Whether the signature fits: RFC 8032's equation without cofactor, and nothing else. */
  fits(receipt: Receipt): boolean;
}

/** The same where only an asynchronous check is at hand, as WebCrypto's. */
export interface AsyncReceiptKeys {
  find(keyid: string): Uint8Array | null;
  fits(receipt: Receipt): Promise<boolean>;
}

export interface ReceiptCounts {
  /** Signed by a known key, and the signature is right. */
  readonly verified: number;
  /** Signed by a key that the verifier was not given, or by one that is not named. */
  readonly unknown: number;
  /** No `signature`: never signed, or stripped of it, which nothing in the event can show. */
  readonly unsigned: number;
  /** Chainloop's, which have no signatures. */
  readonly foreign: number;
}

/** The text that a receipt's signature is over: canonical JSON of the event without `signature`. */
export function signedText(event: JsonObject): string {
  const { signature: _, ...rest } = event;
  return canonicalJson(rest);
}

export interface ReceiptReader {
  /** Takes in the next entry's event. @returns the receipt that has to fit, what is wrong with it, or null: there is none to check */
  take(event: JsonObject): Receipt | string | null;
  /** Says that the receipt taken last fits. */
  noteVerified(): void;
  read(): ReceiptCounts;
}

export function createReceiptReader(find: ReceiptKeys['find']): ReceiptReader {
  let verified = 0;
  let unknown = 0;
  let unsigned = 0;
  let foreign = 0;
  const usable = new Map<string, boolean>();

  function isUsable(keyid: string, publicKey: Uint8Array): boolean {
    let known = usable.get(keyid);
    if (known === undefined) usable.set(keyid, (known = isPublicKey(publicKey)));
    return known;
  }

  return {
    take(event) {
      // Members of these names mean nothing in Chainloop's dialect.
      if (isChainloop(event)) {
        foreign++;
        return null;
      }
      if (!Object.hasOwn(event, 'signature')) {
        unsigned++;
        return null;
      }
      const { keyid } = event;
      const publicKey = typeof keyid === 'string' ? find(keyid) : null;
      if (typeof keyid !== 'string' || publicKey === null) {
        unknown++;
        return null;
      }
      const signature = decodeSignature(event['signature']);
      if (!signature || !isSignature(signature) || !isUsable(keyid, publicKey)) return wrongSignature(keyid);
      return { keyid, publicKey, signature, text: signedText(event) };
    },
    noteVerified() {
      verified++;
    },
    read: () => ({ verified, unknown, unsigned, foreign }),
  };
}

export function wrongSignature(keyid: string): string {
  return `signature is not that of the key ${keyid} over the event`;
}

/** One text for each value: 64 bytes leave four bits of the last character, which are 0. */
const SIGNATURE_PATTERN = /^[A-Za-z0-9+/]{85}[AQgw]==$/;

function decodeSignature(value: unknown): Uint8Array | null {
  if (typeof value !== 'string' || !SIGNATURE_PATTERN.test(value)) return null;
  return Uint8Array.from(atob(value), (char) => char.charCodeAt(0));
}
