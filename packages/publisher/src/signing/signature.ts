import { Buffer } from 'node:buffer';
import { canonicalJson } from '@waybill/schema';
import { type JsonObject, MAX_EVENT_BYTES, parseJson } from '@waybill/schema/internal';
import type { SigningIdentity } from '../signing-identity.ts';

/** Adds a signature to an event's text; null: the receipt would be too large. */
export function withSignature(text: string, { keyid, sign }: SigningIdentity): string | null {
  const event: JsonObject = { ...(parseJson(text) as JsonObject), keyid };
  const receipt = canonicalJson({ ...event, signature: sign(canonicalJson(event)) });
  return Buffer.byteLength(receipt) > MAX_EVENT_BYTES ? null : receipt;
}
