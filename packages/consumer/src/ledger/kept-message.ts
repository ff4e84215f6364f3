import { MAX_KEPT_PAYLOAD } from '@waybill/schema';
import { createHash } from 'node:crypto';

/** What a record in `_system` keeps of a message, or of an event in one (`docs/format.md` §10). */
export function keepMessage(
  subject: string,
  payload: Uint8Array,
): { subject: string; size: number; sha256: string; payload: string } {
  const kept = Math.min(payload.length, MAX_KEPT_PAYLOAD);
  return {
    subject: subject.toWellFormed(),
    size: payload.length,
    sha256: createHash('sha256').update(payload).digest('hex'),
    payload: Buffer.from(payload.buffer, payload.byteOffset, kept).toString('base64'),
  };
}
