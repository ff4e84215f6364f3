/** Messages for tests, and their readings. */
import { readMessage } from '../src/internal.ts';
import type { JsonObject } from '../src/json/json.ts';
import type { Reading } from '../src/message/read-message.ts';

export const SUBJECT = 'audit.casartifact.uploaded.acme';
export const digest = `sha256:${'a'.repeat(64)}`;
export const event: JsonObject = {
  specversion: '1.0',
  id: '01997b3c-0000-7000-8000-000000000001',
  source: '//cas.example/artifact-cas',
  type: 'casartifact.uploaded',
  time: '2026-01-01T00:00:00.000Z',
  orgid: 'acme',
  data: { digest, size_bytes: 5 },
};
export const cas = {
  EventType: 'AUDIT_EVENT',
  Timestamp: '2026-01-01T00:00:00Z',
  Data: {
    ActionType: 'CASArtifactUploaded',
    TargetType: 'CASArtifact',
    OrgID: 'acme',
    Info: { digest: 'a'.repeat(64) },
  },
};
const encoder = new TextEncoder();
export const bytesOf = (value: unknown): Uint8Array =>
  encoder.encode(typeof value === 'string' ? value : JSON.stringify(value));
/** The reading of a message that is no array. */
export function readBytes(subject: string, payload: Uint8Array): Reading {
  const message = readMessage(subject, payload);
  if (message.form === 'batch') throw new Error('an array');
  const { reading } = message;
  if (reading.ok && 'acknowledged' in reading) throw new Error('an acknowledgement');
  return reading;
}
export const read = (value: unknown, subject = SUBJECT): Reading => readBytes(subject, bytesOf(value));
export const without = (object: JsonObject, name: string): JsonObject =>
  Object.fromEntries(Object.entries(object).filter(([member]) => member !== name));
