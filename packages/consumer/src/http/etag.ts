import { createHash } from 'node:crypto';

/** A strong ETag: another one exactly when the bytes or their form are others. */
export function etagOf(form: string, text: string): string {
  const hash = createHash('sha256').update(form).update('\n').update(text).digest('base64url');
  return `"${hash}"`;
}

/** Whether an `If-None-Match` header names this ETag (RFC 9110 §13.1.2: by weak comparison). */
export function matchesEtag(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  if (header.trim() === '*') return true;
  return header.split(',').some((one) => one.trim().replace(/^W\//, '') === etag);
}
