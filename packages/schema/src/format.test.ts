/** Holds `docs/reference/format.md`, `docs/reference/format-example.py` and the code to each other. */
import { spawnSync } from 'node:child_process';
import { createHash, createPrivateKey, createPublicKey, sign, verify as verifyBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DOCS, exampleLines, fencedBlocks } from '../test-support/docs.ts';
import { hasPython } from '../test-support/python.ts';
import {
  appendLine,
  BUILT_IN_EVENTS,
  canonicalJson,
  createSizeMemory,
  emptyChain,
  EPOCH_STRIDE,
  formatBlock,
  formatTrailer,
  type JsonObject,
  MAX_BATCH_BYTES,
  MAX_BATCH_EVENTS,
  MAX_CHAIN_MISSING,
  MAX_DEPTH,
  MAX_EVENT_BYTES,
  MAX_LINE_BYTES,
  MAX_MISSING,
  MAX_PRODUCERS,
  NO_VOLUME,
  parseBlock,
  parseEntry,
  type Reading,
  readMessage,
  REJECTIONS,
  signedText,
  SIZE_WINDOW,
  SYSTEM_KINDS,
  transferOf,
  VERDICT_EXIT_CODES,
  verify,
} from './internal.ts';
import { CHECKED, NOT_CHECKED } from './verify/verdict.ts';

const program = join(DOCS, 'format-example.py');
const text = readFileSync(join(DOCS, 'format.md'), 'utf8');
const acme = exampleLines('acme');
const system = exampleLines('_system');
const encoder = new TextEncoder();

describe('the example', () => {
  it('verifies', () => {
    expect(verify(acme)).toMatchObject({ verdict: 'ok', orgid: 'acme', entries: 4, missing: '0' });
    // Without the late event.
    expect(verify(acme.slice(0, 3))).toMatchObject({ verdict: 'incomplete', missing: '1' });
    expect(verify(system)).toMatchObject({ verdict: 'ok', orgid: '_system', entries: 2 });
  });

  it('is what this code makes of its events', () => {
    const chain = emptyChain('acme');
    const sizes = createSizeMemory();
    const made: string[] = [];
    let block = '';
    for (const { core, event } of acme.map(parseEntry)) {
      const { source, received, seq } = core;
      const own = JSON.stringify(event, null, 1);
      // The fifth message is an array, and this is its first element.
      const message = readMessage(source.subject, encoder.encode(source.index === 0 ? `[ ${own} ]` : own));
      const reading = readingAt(message, 0);
      if (!reading?.ok) throw new Error(reading?.detail);
      const transfer = transferOf(reading.event);
      const volume = transfer ? sizes.resolve(seq, transfer) : NO_VOLUME;
      if (transfer) sizes.note(seq, transfer, volume);
      const { origin } = reading;
      if (origin) chain.producers.admit(origin.producer, origin.producerseq, seq);
      made.push(appendLine(chain.head, { received, source, origin, event: reading.canonical, volume }));
      if (seq === 3) block = formatBlock(made, formatTrailer(chain, 1, 4));
    }
    expect(made).toEqual(acme);
    const trailer = fencedBlocks(join(DOCS, 'format.md'), 'json trailer')[0];
    expect(block).toBe(`${acme.slice(0, 3).join('\n')}\n${trailer}`);
    expect(parseBlock(block).trailer.watermark).toBe(4);
    expect(JSON.parse(chain.producers.formatAll())).toEqual({ b1f0: { last: 3, missing: [], floor: 0, seen: 4 } });
  });

  it('has the records that this code makes of what is no event', () => {
    for (const { core, event } of system.map(parseEntry)) {
      const { subject, index } = core.source;
      const payload = Buffer.from(event?.['payload'] as string, 'base64').toString();
      const message = readMessage(subject, encoder.encode(index === undefined ? payload : `[{},${payload}]`));
      const reading = readingAt(message, 1);
      expect(reading).toEqual({ ok: false, reason: event?.['reason'], detail: event?.['detail'] });
    }
  });

  it.skipIf(!hasPython)('is what python3 computes without this code', () => {
    const { stdout, stderr } = spawnSync('python3', [program], { encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(stdout).toBe(`${[...acme, ...system].join('\n')}\n`);
  });
});

/** Of an array, the reading of one element. */
function readingAt(message: ReturnType<typeof readMessage>, index: number): Reading | undefined {
  if (message.form === 'control') throw new Error('an acknowledgement');
  return message.form === 'single' ? message.reading : message.elements[index]?.reading;
}

describe('the receipt, which openssl signed', () => {
  const line = fencedBlocks(join(DOCS, 'format.md'), 'json receipt')[0]?.trimEnd() ?? '';
  const { keyid, signature, ...event } = JSON.parse(line) as JsonObject & { keyid: string; signature: string };
  // RFC 8032 §7.1, test 1, in PKCS #8.
  const seed = '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60';
  const der = Buffer.from(`302e020100300506032b657004220420${seed}`, 'hex');
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const signed = signedText({ keyid, signature, ...event });

  it('is canonical, and a message', () => {
    expect(canonicalJson(JSON.parse(line) as JsonObject)).toBe(line);
    const message = readMessage('audit.run.started.acme', encoder.encode(line));
    expect(message).toMatchObject({ form: 'single', reading: { ok: true, canonical: line } });
  });

  it('has the signature and the key id that the page says', () => {
    const publicKey = createPublicKey(privateKey);
    const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
    expect(text).toContain(`\`${raw.toString('base64')}\``);
    expect(createHash('sha256').update(raw).digest('hex').slice(0, 16)).toBe(keyid);
    expect(signed).toBe(canonicalJson({ ...event, keyid }));
    expect(verifyBytes(null, Buffer.from(signed), publicKey, Buffer.from(signature, 'base64'))).toBe(true);
    expect(sign(null, Buffer.from(signed), privateKey).toString('base64')).toBe(signature);
  });
});

describe('the page', () => {
  it('states the limits of the code', () => {
    for (const limit of [SIZE_WINDOW, MAX_LINE_BYTES, MAX_EVENT_BYTES, MAX_PRODUCERS])
      expect(text).toContain(limit.toLocaleString('en'));
    expect(text).toContain(`has ${MAX_MISSING + 1} ranges now`);
    expect(text).toContain(`has ${(MAX_CHAIN_MISSING + 1).toLocaleString('en')} ranges now`);
    expect(text).toContain('base* is `epoch` × 10^12');
    expect(EPOCH_STRIDE).toBe(10 ** 12);
    expect(text).toContain(`At most ${MAX_DEPTH} arrays`);
  });

  it('lists the types, and the limits of what holds several', () => {
    const section = text.slice(text.indexOf('**Types.**'), text.indexOf('**No organization.**'));
    const types = [...section.matchAll(/^- (`[^:]*`):/gm)].flatMap(([, names]) => [
      ...(names ?? '').matchAll(/`(.*?)`/g),
    ]);
    expect(types.map((match) => match[1])).toEqual(BUILT_IN_EVENTS.map(({ type }) => type));
    for (const limit of [MAX_BATCH_BYTES, MAX_BATCH_EVENTS]) expect(text).toContain(limit.toLocaleString('en'));
  });

  it('lists the reasons in their order, and the verdicts with their exit codes', () => {
    const section = text.slice(text.indexOf('## 5.'), text.indexOf('## 6.'));
    expect([...section.matchAll(/^\| `(\w+)` \|/gm)].map((m) => m[1])).toEqual([...REJECTIONS]);
    const verdicts = [...text.matchAll(/^\| `(\w+)` \| (\d) \|/gm)].map((m) => [m[1], Number(m[2])]);
    expect(Object.fromEntries(verdicts)).toEqual(VERDICT_EXIT_CODES);
  });

  it('has the members of a report, and what it counts as checked and not checked', () => {
    const section = text.slice(text.indexOf('**The report**'), text.indexOf('**Against AUDIT.**'));
    const [, members = ''] = /^report +=(.*?)\n\w+ +=/ms.exec(section) ?? [];
    const report = verify(acme, { receiptKeys: { find: () => null, fits: () => false } });
    const known = ['acknowledged', 'acknowledged_ends'] satisfies (keyof typeof report)[];
    expect(new Set(members.match(/\b(?!and|with|public|keys|acknowledgements)\w+/g))).toEqual(
      new Set([...Object.keys(report), ...known]),
    );
    const [, receipts = ''] = /^receipts = \{(.*)\}/m.exec(section) ?? [];
    expect(receipts.match(/\w+/g)).toEqual(Object.keys(report.receipts ?? {}));
    const phrases = [...section.matchAll(/^\|.*?\| `(.+?)` \|/gm)].map((match) => match[1]);
    expect(new Set(phrases)).toEqual(new Set(['what', ...Object.values(CHECKED), ...Object.values(NOT_CHECKED)]));
  });

  it('lists the kinds of records', () => {
    const kinds = [...text.matchAll(/^- `\{ kind: "(\w+)"/gm)].map((match) => match[1]);
    expect(new Set(kinds)).toEqual(new Set(SYSTEM_KINDS));
  });
});
