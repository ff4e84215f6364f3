/**
 * Receipts: events that carry their publisher's signature, which the operator of the ledger cannot forge.
 * `docs/reference/format.md` §2 and §11 say how they are formed and when one is valid:
 *
 *     signature = base64( Ed25519( key named by keyid, UTF-8 of JCS(event without signature) ) )
 *
 * The check of the equation is injected, so that this file runs everywhere. The encodings are checked here, so that all
 * libraries agree.
 */
import { SIGNATURE_PATTERN } from '../event/attribute.ts';
import { show } from '../error.ts';
import { isChainloop } from '../event/chainloop.ts';
import { canonicalJson } from '../json/canonical.ts';
import type { JsonObject } from '../json/json.ts';
import { isPublicKey, isSignature } from './ed25519-encoding.ts';

export interface Receipt {
  readonly keyid: string;
  /** 32 bytes: the canonical encoding of a point that is not of small order. */
  readonly publicKey: Uint8Array;
  /** 64 bytes in the right form: S is below the group's order; R is canonical and not of small order. */
  readonly signature: Uint8Array;
  /** The text whose UTF-8 bytes were signed. */
  readonly text: string;
}

export interface ReceiptKeys {
  /** The 32 bytes of an Ed25519 public key; null: the key is not known. */
  find(keyid: string): Uint8Array | null;
  /** Whether the signature satisfies RFC 8032's equation without cofactor. Nothing else needs to be checked. */
  fits(receipt: Receipt): boolean;
}

/** The same with an asynchronous check, such as WebCrypto's. */
export interface AsyncReceiptKeys {
  find(keyid: string): Uint8Array | null;
  fits(receipt: Receipt): Promise<boolean>;
}

export interface ReceiptCounts {
  /** Signed by a known key, with a right signature. */
  readonly verified: number;
  /** Signed by a key that the verifier does not have, or that the event does not name. */
  readonly unknown: number;
  /** Without `signature`: never signed, or the signature was removed. Nothing in the event tells these apart. */
  readonly unsigned: number;
  /** Chainloop's events, which have no signatures. */
  readonly foreign: number;
}

/** The text that is signed: canonical JSON of the event without `signature`. */
export function signedText(event: JsonObject): string {
  const { signature: _, ...rest } = event;
  return canonicalJson(rest);
}

export interface ReceiptReader {
  /**
   * Reads the next entry's event.
   *
   * @returns the receipt that has to fit; what is wrong with it; or null: there is none to check
   */
  read(event: JsonObject): Receipt | string | null;
  /** To be called when the receipt that was read last fits. */
  countVerified(): void;
  counts(): ReceiptCounts;
}

/** @param isRequired every event has to have a receipt of a known key. What has none is wrong. */
export function createReceiptReader(find: ReceiptKeys['find'], isRequired = false): ReceiptReader {
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
    read(event) {
      // In Chainloop's dialect members of these names have no meaning.
      if (isChainloop(event)) {
        foreign++;
        return isRequired ? "the event is in Chainloop's dialect, which has no signatures" : null;
      }
      if (!Object.hasOwn(event, 'signature')) {
        unsigned++;
        return isRequired ? 'the event has no signature: it was never signed, or its signature was taken away' : null;
      }
      const { keyid } = event;
      const publicKey = typeof keyid === 'string' ? find(keyid) : null;
      if (typeof keyid !== 'string' || publicKey === null) {
        unknown++;
        return isRequired ? `the event is signed by the key ${show(keyid)}, which is not known here` : null;
      }
      const signature = decodeSignature(event['signature']);
      if (!signature || !isSignature(signature) || !isUsable(keyid, publicKey)) return wrongSignature(keyid);
      return { keyid, publicKey, signature, text: signedText(event) };
    },
    countVerified() {
      verified++;
    },
    counts: () => ({ verified, unknown, unsigned, foreign }),
  };
}

export function wrongSignature(keyid: string): string {
  return `signature is not that of the key ${keyid} over the event`;
}

function decodeSignature(value: unknown): Uint8Array | null {
  if (typeof value !== 'string' || !SIGNATURE_PATTERN.test(value)) return null;
  return Uint8Array.from(atob(value), (char) => char.charCodeAt(0));
}
