/** Text and its bytes in UTF-8 (RFC 3629). */
import { SchemaError } from '../error.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The most bytes of UTF-8 that one UTF-16 code unit takes. */
export const MAX_UTF8_PER_UNIT = 3;

/** @throws SchemaError NOT_JSON when the bytes are not UTF-8 */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new SchemaError('NOT_JSON', 'is not UTF-8', { cause, rule: 'is not UTF-8' });
  }
}

/** Bytes of a text in UTF-8. */
export function utf8Length(text: string): number {
  return encoder.encode(text).length;
}

/** Whether a text has more than `maxBytes` bytes in UTF-8. A text that is short in any case is not encoded. */
export function isLongerThan(text: string, maxBytes: number): boolean {
  return text.length * MAX_UTF8_PER_UNIT > maxBytes && utf8Length(text) > maxBytes;
}
