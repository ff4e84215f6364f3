import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { runStarted } from '@waybill/schema';
import { createDataCheck, MAX_EVENT_BYTES, signedText, stampEvent } from '@waybill/schema/internal';
import { expect, test } from 'vitest';
import type { PendingEvent } from '../pending-event.ts';
import { createSigner } from '../signing/signer.ts';
import { restoreEvent } from './restore-event.ts';
import { createSigning } from './signing.ts';

const secret = generateKeyPairSync('ed25519').privateKey;
const QUIET = { info: () => {}, warn: () => {} };
const id = '0197c0de-0000-7000-8000-000000000002';
const ENVELOPE = { id, source: '//x', time: '2026-01-05T09:00:00.000Z', producer: 'b1f0', producerseq: '1' };

function pending(name: string): PendingEvent {
  const { text } = stampEvent(runStarted.type, { orgid: 'acme', runid: 'r', name }, ENVELOPE, createDataCheck());
  const event = restoreEvent({ ordinal: 0, subject: 's', text }, { segment: null, adopted: false, waiter: null });
  return event as PendingEvent;
}

test('an event that is signed afterwards is the same as one that is signed at once', () => {
  const signer = createSigner({ secret });
  const { keyid, sign } = signer.peek() as NonNullable<ReturnType<typeof signer.peek>>;
  const event = pending('Zoë 😀 \u2028');
  expect(event.unsigned).toBe('no_key');
  createSigning({ signer, logger: QUIET, resume: () => {} }).sign(event);
  expect(event.unsigned).toBe(null);
  const fields = { orgid: 'acme', runid: 'r', name: 'Zoë 😀 \u2028' };
  const atOnce = stampEvent(runStarted.type, fields, { ...ENVELOPE, keyid, sign }, createDataCheck());
  expect(event.text).toBe(atOnce.text);
  const parsed = JSON.parse(event.text) as { signature: string };
  const signature = Buffer.from(parsed.signature, 'base64');
  expect(verify(null, Buffer.from(signedText(parsed)), createPublicKey(secret), signature)).toBe(true);
});

test('an event without room for a signature stays unsigned, and is counted when it is stored', () => {
  const signing = createSigning({ signer: createSigner({ secret }), logger: QUIET, resume: () => {} });
  const { text: short } = pending('x');
  const filled = short.replace('"name":"x"', `"name":"${'x'.repeat(MAX_EVENT_BYTES - short.length + 1)}"`);
  const place = { segment: null, adopted: false, waiter: null };
  const event = restoreEvent({ ordinal: 0, subject: 's', text: filled }, place) as PendingEvent;
  const { text } = event;
  expect(text.length).toBe(MAX_EVENT_BYTES);
  signing.sign(event);
  expect(event.text).toBe(text);
  signing.stored(event);
  expect(signing.unsigned()).toEqual({ no_key: 0, too_large: 1, adopted: 0 });
});
