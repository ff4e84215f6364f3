import { createPublicKey, generateKeyPairSync, type KeyObject, sign, verify as verifyBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { digestOf, fastSha256 } from '../../test-support/chain.ts';
import { erase, forge, run } from '../../test-support/verdicts.ts';
import {
  artifactUploaded,
  createAsyncChainVerifier,
  createDataCheck,
  type JsonObject,
  type Receipt,
  type ReceiptKeys,
  signedText,
  stampEvent,
  verify,
} from '../internal.ts';
import { isPublicKey, isSignature } from './ed25519-encoding.ts';

const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
const keyOf = (raw: Uint8Array): KeyObject =>
  createPublicKey({ key: Buffer.concat([SPKI_PREFIX, raw]), format: 'der', type: 'spki' });
const rawOf = (key: KeyObject): Uint8Array => key.export({ format: 'der', type: 'spki' }).subarray(-32);

const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const stamp = { id: '01997b3c-0000-7000-8000-000000000001', source: '//x', time: '2026-01-01T00:00:00.000Z' };
const sign64 = (text: string): string => sign(null, Buffer.from(text), privateKey).toString('base64');

/** Counts the receipts that it is asked about, so that a test sees which ones it was not asked about. */
function keysOf(known: Readonly<Record<string, Uint8Array>> = { 'key-1': rawOf(publicKey) }) {
  const asked: Receipt[] = [];
  const keys: ReceiptKeys = {
    find: (keyid) => known[keyid] ?? null,
    fits(receipt) {
      asked.push(receipt);
      return verifyBytes(null, Buffer.from(receipt.text), keyOf(receipt.publicKey), receipt.signature);
    },
  };
  return { receiptKeys: keys, asked };
}

/** Checks signatures with WebCrypto, which is asynchronous. */
const asyncKeys = {
  find: keysOf().receiptKeys.find,
  async fits({ publicKey: raw, signature, text }: Receipt): Promise<boolean> {
    const key = await crypto.subtle.importKey('raw', Uint8Array.from(raw), 'Ed25519', false, ['verify']);
    return crypto.subtle.verify('Ed25519', key, Uint8Array.from(signature), new TextEncoder().encode(text));
  },
};

function make(receipt: { keyid?: string; sign?: (text: string) => string } = { keyid: 'key-1', sign: sign64 }) {
  const { fields } = artifactUploaded({ orgid: 'acme', digest: digestOf('a'), size_bytes: 1 });
  return stampEvent('casartifact.uploaded', fields, { ...stamp, ...receipt }, createDataCheck());
}

const chainOf = (...texts: string[]): string[] =>
  forge(texts.map((text) => ({ event: JSON.parse(text) as JsonObject, volume: { kind: 'upload', bytes: '1' } })));

const UPLOAD = { kind: 'upload', bytes: '1' } as const;

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
    const chainloop = JSON.stringify({ EventType: 'AUDIT_EVENT', Data: { OrgID: 'acme' }, signature: 'x' });
    const lines = [
      ...chainOf(good, make({ keyid: 'key-2', sign: sign64 }).text, make({}).text, make({ keyid: 'key-1' }).text),
    ];
    expect(verify(lines, keysOf())).toMatchObject({
      verdict: 'ok',
      receipts: { verified: 1, unknown: 1, unsigned: 2, foreign: 0 },
      not_checked: [expect.anything(), { what: 'signatures by keys that are not known here', count: 1 }],
    });
    expect(verify(lines)).not.toHaveProperty('receipts');
    const foreign = forge([{ event: JSON.parse(chainloop) as JsonObject }]);
    expect(verify(foreign, keysOf())).toMatchObject({ verdict: 'ok', receipts: { unsigned: 0, foreign: 1 } });
  });

  it('finds what an operator changed who can compute every hash', () => {
    const forged = good.replace('"size_bytes":1', '"size_bytes":1,"was":2');
    expect(verify(chainOf(good, forged)).verdict).toBe('ok');
    expect(verify(chainOf(good, forged), keysOf())).toMatchObject({
      verdict: 'tampered',
      problem: { seq: 2, detail: 'signature is not that of the key key-1 over the event' },
      receipts: { verified: 1 },
    });
  });

  it('finds another key under the same id', () => {
    const other = generateKeyPairSync('ed25519').privateKey;
    const { text } = make({ keyid: 'key-1', sign: (t) => sign(null, Buffer.from(t), other).toString('base64') });
    expect(verify(chainOf(text), keysOf()).verdict).toBe('tampered');
  });

  const { signature } = JSON.parse(good) as { signature: string };
  it.each<[string, unknown]>([
    ['null', null],
    ['a number', 7],
    ['an object', {}],
    ['nothing', ''],
    ['88 characters without padding', `${signature.slice(0, -2)}AA`],
    ['one that is written in another way', signature.replace(/.==$/, 'B==')],
    ['base64url', signature.replaceAll('+', '-').replaceAll('/', '_').replace('=', '-')],
    ['no padding', signature.slice(0, -2)],
    ['a space', ` ${signature}`],
  ])('finds a signature under a known key that is none: %s', (_name, wrong) => {
    const event = { ...(JSON.parse(good) as JsonObject), signature: wrong } as JsonObject;
    const { receiptKeys, asked } = keysOf();
    const lines = chainOf(JSON.stringify(event));
    expect(verify(lines, { receiptKeys })).toMatchObject({ verdict: 'tampered', problem: { seq: 1 } });
    expect(asked).toEqual([]);
    expect(verify(chainOf(JSON.stringify({ ...event, keyid: 'other' })), keysOf())).toMatchObject({ verdict: 'ok' });
  });

  it.each<[string, string, string]>([
    ['was never signed', make({}).text, 'the event has no signature'],
    ['lost its signature', make({ keyid: 'key-1' }).text, 'the event has no signature'],
    [
      'is signed by another key',
      make({ keyid: 'key-2', sign: sign64 }).text,
      'signed by the key "key-2", which is not',
    ],
    [
      "is in Chainloop's dialect",
      JSON.stringify({ EventType: 'AUDIT_EVENT', Data: { OrgID: 'acme' }, signature: 'x' }),
      "Chainloop's dialect, which has no signatures",
    ],
  ])('with signatures required, finds an event that %s', (_, text, detail) => {
    const volume = text.includes('Chainloop') || text.includes('AUDIT_EVENT') ? {} : { volume: UPLOAD };
    const lines = forge([
      { event: JSON.parse(good) as JsonObject, volume: UPLOAD },
      { event: JSON.parse(text) as JsonObject, ...volume },
    ]);
    expect(verify(lines, keysOf())).toMatchObject({ verdict: 'ok' });
    expect(verify(lines, { ...keysOf(), requireSigned: true })).toMatchObject({
      verdict: 'tampered',
      entries: 1,
      problem: { seq: 2, detail: expect.stringContaining(detail) },
    });
    const withoutKeys = verify(lines, { requireSigned: true });
    expect(withoutKeys).toMatchObject({ verdict: 'tampered', problem: { seq: 1 } });
  });

  it('with signatures required, takes signed and erased events, and records of _system', () => {
    const [first = '', second = ''] = chainOf(good, make({}).text);
    const required = { ...keysOf(), requireSigned: true };
    expect(verify([first, erase(second)], required)).toMatchObject({ verdict: 'ok', erased: 1 });
    expect(verify(forge([{ event: { kind: 'rejected' } }], '_system'), required)).toMatchObject({ verdict: 'ok' });
  });

  it('keeps an erased receipt out of its counts, as it does any erased event', () => {
    const [line = ''] = chainOf(good);
    const erased = line.replace(/"event":.*,"hash"/, '"event":null,"hash"');
    expect(verify([erased], keysOf())).toMatchObject({
      erased: 1,
      receipts: { verified: 0, unknown: 0, unsigned: 0 },
    });
  });

  it('says the same with an asynchronous check', async () => {
    const forged = good.replace('"size_bytes":1', '"size_bytes":1,"was":2');
    const chains = [chainOf(good, good), chainOf(good, forged, good), chainOf(good, make({}).text), ['x'], []];
    for (const lines of chains) {
      for (const requireSigned of [false, true]) {
        const verifier = createAsyncChainVerifier({ sha256: fastSha256, receiptKeys: asyncKeys, requireSigned });
        for (const line of lines) await verifier.push(line);
        expect(verifier.finish()).toEqual(run(lines, { ...keysOf(), requireSigned }));
        expect(verifier.failed).toBe(verifier.finish().verdict === 'tampered');
      }
    }
  });
});

describe('edge cases of Ed25519 (C2SP CCTV)', () => {
  const file = join(import.meta.dirname, '../../test-support/ed25519-vectors.json');
  const { keys, vectors } = JSON.parse(readFileSync(file, 'utf8')) as {
    keys: string[];
    vectors: [key: number, signature: string, message: string, flags: string][];
  };

  it('are judged by the encodings and the equation without cofactor, whatever checks the equation', async () => {
    const verdicts = { good: 0, bad: 0 };
    for (const [key, signature, text, flags] of vectors) {
      const raw = Buffer.from(keys[key] as string, 'hex');
      const bytes = Buffer.from(signature, 'base64');
      const isBad = /low_order_[AR](?![a-z])|non_canonical|residue/.test(flags.replaceAll('component_', 'component.'));
      const isInForm = isPublicKey(raw) && isSignature(bytes);
      const receipt = { keyid: 'k', publicKey: raw, signature: bytes, text };
      expect(isInForm && keysOf().receiptKeys.fits(receipt), flags).toBe(!isBad);
      expect(isInForm && (await asyncKeys.fits(receipt)), flags).toBe(!isBad);
      verdicts[isBad ? 'bad' : 'good']++;
    }
    expect(verdicts.good).toBeGreaterThan(5);
    expect(verdicts.good + verdicts.bad).toBe(914);
  });

  it('are decided for the identity: it is no key, and no R', () => {
    const identity = Buffer.alloc(32);
    identity[0] = 1;
    expect(isPublicKey(identity)).toBe(false);
    expect(isSignature(Buffer.concat([identity, Buffer.alloc(32)]))).toBe(false);
    const { receiptKeys, asked } = keysOf({ 'key-1': identity });
    expect(verify(chainOf(make().text), { receiptKeys }).verdict).toBe('tampered');
    expect(asked).toEqual([]);
  });

  it('are decided for S: it is below the order of the group', () => {
    const order = Buffer.from('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010', 'hex');
    const R = rawOf(publicKey);
    expect(isSignature(Buffer.concat([R, order]))).toBe(false);
    order[0] = 0xec;
    expect(isSignature(Buffer.concat([R, order]))).toBe(true);
    expect(isSignature(Buffer.concat([R, order.subarray(1)]))).toBe(false);
  });

  it('are decided for keys: they are points, written in their one way', () => {
    let points = 0;
    for (let y = 2; y < 200; y++) {
      const raw = Buffer.alloc(32);
      raw[0] = y;
      if (isPublicKey(raw)) points++;
    }
    // About half of all numbers are the y coordinate of a point.
    expect(points).toBeGreaterThan(60);
    expect(points).toBeLessThan(140);
    expect(isPublicKey(rawOf(publicKey))).toBe(true);
    expect(isPublicKey(rawOf(publicKey).subarray(1))).toBe(false);
    expect(isPublicKey(Buffer.alloc(32, 0xff))).toBe(false);
  });
});
