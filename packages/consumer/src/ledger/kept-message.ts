import { MAX_KEPT_PAYLOAD } from '@waybill/schema/internal';
import { createHash } from 'node:crypto';

/** What a record in `_system` keeps of a message, or of an event in one (`docs/reference/format.md` §10). */
export type KeptMessage = {
  readonly subject: string;
  /** Bytes of the whole payload, and their SHA-256 in hex. */
  readonly size: number;
  readonly sha256: string;
  /** The first bytes of the payload, in base64. */
  readonly payload: string;
};

export function keepMessage(subject: string, payload: Uint8Array): KeptMessage {
  const kept = Math.min(payload.length, MAX_KEPT_PAYLOAD);
  return {
    subject: subject.toWellFormed(),
    size: payload.length,
    sha256: createHash('sha256').update(payload).digest('hex'),
    payload: Buffer.from(payload.buffer, payload.byteOffset, kept).toString('base64'),
  };
}
