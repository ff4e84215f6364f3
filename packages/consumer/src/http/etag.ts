import { createHash } from 'node:crypto';

/** A strong ETag: another one exactly when the bytes are others. No two forms of an answer have the same bytes. */
export function etagOf(text: string): string {
  return `"${createHash('sha256').update(text).digest('base64url')}"`;
}

/** Whether an `If-None-Match` header names this ETag (RFC 9110 §13.1.2: by weak comparison). */
export function matchesEtag(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  if (header.trim() === '*') return true;
  return header.split(',').some((one) => one.trim().replace(/^W\//, '') === etag);
}
