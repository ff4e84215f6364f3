import { generateKeyPairSync, sign, verify as verifyBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { digestOf, fastSha256 } from '../test-support/chain.ts';
import {
  appendEntry,
  artifactUploaded,
  createDataCheck,
  emptyHead,
  type JsonObject,
  signedText,
  stampEvent,
  type VerifySignature,
  verify,
} from './index.ts';

const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const stamp = { id: '01997b3c-0000-7000-8000-000000000001', source: '//x', time: '2026-01-01T00:00:00.000Z' };
const sign64 = (text: string): string => sign(null, Buffer.from(text), privateKey).toString('base64');
const verifySignature: VerifySignature = ({ keyid, signature, text }) =>
  keyid === 'key-1' ? verifyBytes(null, Buffer.from(text), publicKey, Buffer.from(signature, 'base64')) : null;

function make(receipt: { keyid?: string; sign?: (text: string) => string } = { keyid: 'key-1', sign: sign64 }) {
  const { fields } = artifactUploaded({ orgid: 'acme', digest: digestOf('a'), size_bytes: 1 });
  return stampEvent('casartifact.uploaded', fields, { ...stamp, ...receipt }, createDataCheck());
}

function chainOf(...texts: string[]): string[] {
  let head = emptyHead('acme');
  return texts.map((event, i) => {
    const source = { stream: 'AUDIT', seq: i + 1, subject: 'audit.casartifact.uploaded.acme' };
    const volume = { kind: 'upload', bytes: '1' } as const;
    const next = appendEntry(head, { received: stamp.time, source, event, volume }, fastSha256);
    head = next.head;
    return next.line;
  });
}

describe('stampEvent with a key', () => {
  it('signs the canonical text of everything else, the key id included', () => {
    const { event, text } = make();
    const { signature, ...rest } = JSON.parse(text) as { signature: string };
    expect(signedText(event as unknown as JsonObject)).toBe(make({ keyid: 'key-1' }).text);
    expect(JSON.stringify(rest)).toBe(make({ keyid: 'key-1' }).text);
    expect(signature).toMatch(/^[A-Za-z0-9+/]{86}==$/);
    expect(text).toBe(JSON.stringify(event));
  });

  it('refuses what is no signature, and leaves throwing to the caller', () => {
    expect(() => make({ keyid: 'k', sign: () => 'short' })).toThrow('signature');
    expect(() =>
      make({
        keyid: 'k',
        sign: () => {
          throw new Error('no key');
        },
      }),
    ).toThrow('no key');
  });
});

describe('verify with keys', () => {
  const good = make().text;

  it('counts receipts by what is known of them, and says nothing without keys', () => {
    const lines = chainOf(
      good,
      make({ keyid: 'key-2', sign: sign64 }).text,
      make({}).text,
      make({ keyid: 'key-1' }).text,
    );
    expect(verify(lines, { verifySignature })).toMatchObject({
      verdict: 'ok',
      receipts: { verified: 1, unknown: 1, unsigned: 2 },
    });
    expect(verify(lines)).not.toHaveProperty('receipts');
  });

  it('finds what an operator changed who can compute every hash', () => {
    const forged = good.replace('"size_bytes":1', '"size_bytes":1,"was":2');
    expect(verify(chainOf(good, forged)).verdict).toBe('ok');
    expect(verify(chainOf(good, forged), { verifySignature })).toMatchObject({
      verdict: 'tampered',
      problem: { seq: 2, detail: 'signature is not that of the key key-1 over the event' },
      receipts: { verified: 1 },
    });
  });

  it('finds another key under the same id', () => {
    const other = generateKeyPairSync('ed25519').privateKey;
    const { text } = make({ keyid: 'key-1', sign: (t) => sign(null, Buffer.from(t), other).toString('base64') });
    expect(verify(chainOf(text), { verifySignature }).verdict).toBe('tampered');
  });

  it('takes an erased receipt on trust, as it does any erased event', () => {
    const [line = ''] = chainOf(good);
    const erased = line.replace(/"event":.*,"hash"/, '"event":null,"hash"');
    expect(verify([erased], { verifySignature })).toMatchObject({
      erased: 1,
      receipts: { verified: 0, unknown: 0, unsigned: 0 },
    });
  });
});
