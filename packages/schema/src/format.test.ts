/** Holds `docs/format.md`, `docs/format-example.py` and the code to each other. */
import { spawnSync } from 'node:child_process';
import { createHash, createPrivateKey, createPublicKey, sign, verify as verifyBytes } from 'node:crypto';
import { mkdtempDisposableSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeChain, type Spec } from '../test-support/chain.ts';
import { DOCS, exampleLines, fencedBlocks } from '../test-support/docs.ts';
import { anyJson } from '../test-support/json.ts';
import {
  admit,
  appendEntry,
  BUILT_IN_EVENTS,
  canonicalJson,
  createSizeMemory,
  emptyHead,
  type Entry,
  EPOCH_STRIDE,
  type JsonObject,
  formatBlock,
  formatTrailer,
  type Json,
  MAX_BATCH_BYTES,
  MAX_BATCH_EVENTS,
  MAX_DEPTH,
  MAX_EVENT_BYTES,
  MAX_LINE_BYTES,
  MAX_PRODUCERS,
  NO_VOLUME,
  parseBlock,
  parseEntry,
  type ProducerWindows,
  readMessage,
  REJECTIONS,
  signedText,
  SIZE_WINDOW,
  type SystemRecord,
  transferOf,
  VERDICT_EXIT_CODES,
  verify,
  type Volume,
} from './index.ts';

const program = join(DOCS, 'format-example.py');
const text = readFileSync(join(DOCS, 'format.md'), 'utf8');
const acme = exampleLines('acme');
const system = exampleLines('_system');
const hasPython = spawnSync('python3', ['--version']).status === 0;
const encoder = new TextEncoder();

describe('the example', () => {
  it('verifies', () => {
    expect(verify(acme)).toMatchObject({ verdict: 'ok', orgid: 'acme', entries: 4, missing: '0' });
    // Before the late event.
    expect(verify(acme.slice(0, 3))).toMatchObject({ verdict: 'incomplete', missing: '1' });
    expect(verify(system)).toMatchObject({ verdict: 'ok', orgid: '_system', entries: 1 });
  });

  it('is what this code makes of its events', () => {
    let head = emptyHead('acme');
    const sizes = createSizeMemory();
    const producers: ProducerWindows = new Map();
    const made: string[] = [];
    let block = '';
    for (const { core, event } of acme.map(parseEntry)) {
      const message = readMessage(core.source.subject, encoder.encode(JSON.stringify(event, null, 1)));
      if (message.form !== 'single') throw new Error('an array');
      const { reading } = message;
      if (!reading.ok) throw new Error(reading.detail);
      const transfer = transferOf(reading.event);
      const volume = transfer ? sizes.resolve(core.seq, transfer) : NO_VOLUME;
      if (transfer) sizes.note(core.seq, transfer, volume);
      if (reading.origin) admit(producers, reading.origin.producer, reading.origin.producerseq, core.seq);
      const next = appendEntry(head, {
        received: core.received,
        source: core.source,
        event: reading.canonical,
        volume,
      });
      head = next.head;
      made.push(next.line);
      if (core.seq === 3) block = formatBlock(made, formatTrailer({ head, producers }, 1, 4));
    }
    expect(made).toEqual(acme);
    const trailer = fencedBlocks(join(DOCS, 'format.md'), 'json trailer')[0];
    expect(block).toBe(`${acme.slice(0, 3).join('\n')}\n${trailer}`);
    expect(parseBlock(block).trailer.watermark).toBe(4);
    expect(producers.get('b1f0')).toEqual({ last: 3, missing: [], seen: 4 });
  });

  it.skipIf(!hasPython)('is what python3 computes without this code', () => {
    const { stdout, stderr } = spawnSync('python3', [program], { encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(stdout).toBe(`${[...acme, ...system].join('\n')}\n`);
  });
});

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

describe.skipIf(!hasPython)('the verifier in python', () => {
  function verifyInPython(content: string | Uint8Array): { status: number | null; out: string } {
    using folder = mkdtempDisposableSync(join(tmpdir(), 'waybill-format-'));
    const file = join(folder.path, 'chain.ndjson');
    writeFileSync(file, content);
    const { status, stdout, stderr } = spawnSync('python3', [program, 'verify', file], { encoding: 'utf8' });
    expect(stderr).toBe('');
    return { status, out: stdout };
  }

  it('agrees about good chains of hostile data', () => {
    const notes = fc.sample(anyJson, 200);
    const specs = notes.map((_, i): Spec => ({
      what: (['upload', 'skip', 'download', 'chainloop'] as const)[i % 4] ?? 'other',
      artifact: i % 5,
      bytes: i % 3 ? i : null,
      producer: i % 2,
      note: 'ü\u007f\u2028',
    }));
    const { lines, head } = makeChain('acme', specs);
    let other = head;
    const more = notes.map((note, i) => {
      const event = canonicalJson({ orgid: 'acme', data: { note } });
      const next = appendEntry(other, {
        received: head.received,
        source: { stream: 'ü', seq: head.sourceSeq + 1 + i, subject: '\u0001"' },
        event,
        volume: NO_VOLUME,
      });
      other = next.head;
      return next.line;
    });
    expect(verify([...lines, ...more]).verdict).toBe('ok');
    const { status, out } = verifyInPython(`${[...lines, ...more].join('\n')}\n`);
    expect(out).toContain(`ok - 400 entries of acme, head ${other.hash}`);
    expect(status).toBe(0);
  });

  it.each<[string, string, string, number]>([
    ['watermark', '_system', 'ok', 0],
    ['streams', '_system', 'ok', 0],
    ['gap', '_system', 'tampered', 1],
    ['streams', 'acme', 'tampered', 1],
  ])(
    'agrees about a record of kind %s at the sequence of the one before it, in %s: %s',
    (kind, orgid, verdict, code) => {
      let head = emptyHead(orgid);
      const lines = [1, 2, 2].map((seq) => {
        const event = { orgid, kind: seq === 1 ? 'rejected' : kind };
        const source = { stream: 'AUDIT', seq, subject: '' };
        const received = '2026-01-05T09:00:00.000Z';
        const next = appendEntry(head, { received, source, event: canonicalJson(event), volume: NO_VOLUME });
        head = next.head;
        return next.line;
      });
      expect(verify(lines)).toMatchObject({ verdict, problem: code === 0 ? null : { seq: 3 } });
      expect(verifyInPython(`${lines.join('\n')}\n`).status).toBe(code);
    },
  );
  it('knows nothing of epochs, and need not', () => {
    const at = '2026-01-05T09:00:00.000Z';
    const record: SystemRecord = { kind: 'epoch', epoch: 1, stream: 'theirs', created: at, first: 1, watermark: 0 };
    const records: [number, SystemRecord][] = [
      [EPOCH_STRIDE, record],
      [EPOCH_STRIDE + 2, { kind: 'gap', first: EPOCH_STRIDE + 1, last: EPOCH_STRIDE + 2 }],
      [EPOCH_STRIDE + 2, { kind: 'watermark', seq: EPOCH_STRIDE + 2 }],
      [3 * EPOCH_STRIDE, { ...record, epoch: 3, first: 2, watermark: EPOCH_STRIDE + 2 }],
      [3 * EPOCH_STRIDE + 2, { kind: 'gap', first: 3 * EPOCH_STRIDE + 2, last: 3 * EPOCH_STRIDE + 2 }],
    ];
    let head = emptyHead('_system');
    const lines = records.map(([seq, event]) => {
      const source = { stream: 'theirs', seq, subject: '' };
      const next = appendEntry(head, { received: at, source, event: canonicalJson({ ...event }), volume: NO_VOLUME });
      head = next.head;
      return next.line;
    });
    expect(verify(lines).verdict).toBe('ok');
    expect(verifyInPython(`${lines.join('\n')}\n`).status).toBe(0);
    // An epoch that begins twice, or at a number that was used.
    const again = appendEntry(head, {
      received: at,
      source: { stream: 'theirs', seq: 3 * EPOCH_STRIDE, subject: '' },
      event: canonicalJson({ ...record, epoch: 3 }),
      volume: NO_VOLUME,
    });
    expect(verify([...lines, again.line])).toMatchObject({ verdict: 'tampered', problem: { seq: 6 } });
    expect(verifyInPython(`${[...lines, again.line].join('\n')}\n`).status).toBe(1);
  });

  it('agrees about bad ones, and odd ones', () => {
    const spec: Spec = { what: 'upload', artifact: 1, bytes: 5, producer: 1 };
    const { lines, head } = makeChain('acme', [spec, spec, spec, spec]);
    const gap = makeChain('acme', [spec, spec], (n) => n * 2).lines;
    const erased = lines.with(1, canonicalJson({ ...(JSON.parse(lines[1] as string) as Entry), event: null } as never));
    const blank = (line: string): string => canonicalJson({ ...(JSON.parse(line) as Entry), event: null } as never);
    const many = Array.from({ length: MAX_PRODUCERS + 2 }, (_, i): Spec => ({
      ...spec,
      producer: i % (MAX_PRODUCERS + 1),
    }));
    const forgotten = makeChain('acme', many, () => 1).lines;
    const fewer = makeChain('acme', many.toSpliced(9, 1), () => 1).lines;
    const nest = (levels: number): Json => (levels === 0 ? 0 : [nest(levels - 1)]);
    const next = (event: Json, volume: Volume = NO_VOLUME): string[] => {
      const source = { stream: 'AUDIT', seq: 99, subject: '' };
      const received = '2026-02-31T00:00:00.000Z';
      return [...lines, appendEntry(head, { received, source, event: canonicalJson(event), volume }).line];
    };
    const last = (changed: string[]): string[] => [...changed.slice(0, -1), blank(changed.at(-1) as string)];
    const cases = [
      forgotten,
      forgotten.with(64, blank(forgotten[64] as string)),
      fewer,
      next({ orgid: 'acme', data: nest(63) }),
      next({ orgid: 'acme', producer: 'p' }),
      next({ orgid: 'acme', producer: 'ü', producerseq: '1' }),
      next({ orgid: 'acme', type: 'casartifact.uploaded', data: { size_bytes: '5' } }, { kind: 'upload', bytes: null }),
      last(next({}, { kind: 'none', bytes: '5' })),
      last(next({}, { kind: 'upload', bytes: '5', from: 1 })),
      last(next({}, { kind: 'deduplicated', bytes: '5', from: 5 })),
      last(next({}, { kind: 'deduplicated', bytes: '9007199254740992', from: 1 })),
      last(next({}, { kind: 'deduplicated', bytes: '5', from: 1 })),
      lines.with(2, (lines[2] as string).replace('"size_bytes":5', '"size_bytes":6')),
      lines.toSpliced(1, 1),
      lines.toSpliced(1, 0, lines[0] as string),
      [lines[1] as string],
      [...lines, 'x'],
      ['', ...lines],
      ['hello'],
      [''],
      gap,
      erased,
    ];
    for (const bad of cases) {
      const { verdict, problem } = verify(bad);
      const { status, out } = verifyInPython(`${bad.join('\n')}\n`);
      expect(out).toMatch(problem ? `${verdict} at seq ${problem.seq} ` : `${verdict} -`);
      expect(status).toBe(VERDICT_EXIT_CODES[verdict]);
    }
  }, 120_000);

  it('agrees about transfers that failed, sizes that are none, and events of nobody', () => {
    const digest = `sha256:${'a'.repeat(64)}`;
    const type = 'casartifact.uploaded';
    const failed = (data: JsonObject): JsonObject => ({
      orgid: 'acme',
      type,
      outcome: 'failure',
      data: { digest, ...data },
    });
    const upload = (data: JsonObject): JsonObject => ({ orgid: 'acme', type, data: { digest, ...data } });
    const nobody: JsonObject = { ...upload({ size_bytes: 5 }), orgid: '_unattributed', claimedorg: 'Acme' };
    const login = { EventType: 'AUDIT_EVENT', Timestamp: 'now', Data: { ActionType: 'UserLoggedIn', OrgID: null } };
    const unknown: Volume = { kind: 'upload', bytes: null };
    const skipped: Volume = { kind: 'deduplicated', bytes: null };
    const cases: readonly (readonly [JsonObject, Volume])[][] = [
      [[failed({ size_bytes: 5 }), NO_VOLUME]],
      [[failed({ size_bytes: 5 }), { kind: 'upload', bytes: '5' }]],
      [
        [failed({ size_bytes: 5, transferred_bytes: 3 }), { kind: 'upload', bytes: '3' }],
        [upload({ skipped: true }), skipped],
      ],
      [
        [failed({ transferred_bytes: 3 }), { kind: 'upload', bytes: '3' }],
        [upload({ skipped: true }), { ...skipped, bytes: '3', from: 1 }],
      ],
      [[failed({ skipped: true, transferred_bytes: 3 }), NO_VOLUME]],
      [[failed({ transferred_bytes: -3 }), NO_VOLUME]],
      [
        [
          { ...failed({ size_bytes: 5 }), outcome: 'Failure' },
          { kind: 'upload', bytes: '5' },
        ],
      ],
      ...[-5, 1.5, 2 ** 53, '5', null, true].map((size_bytes) => [[upload({ size_bytes }), unknown] as const]),
      [[upload({ size_bytes: -5 }), { kind: 'upload', bytes: '-5' }]],
      [
        [nobody, NO_VOLUME],
        [login, NO_VOLUME],
      ],
      [[nobody, { kind: 'upload', bytes: '5' }]],
      [
        [{ ...nobody, producer: 'p' }, NO_VOLUME],
        [{ ...nobody, producer: '-', producerseq: '1' }, NO_VOLUME],
      ],
    ];
    const verdicts = cases.map((events) => {
      let head = emptyHead((events[0]?.[0]['orgid'] as string | undefined) ?? '_unattributed');
      const lines = events.map(([event, volume], n) => {
        const source = { stream: 'AUDIT', seq: n + 1, subject: '' };
        const received = '2026-01-05T09:00:00.000Z';
        const next = appendEntry(head, { received, source, event: canonicalJson(event), volume });
        head = next.head;
        return next.line;
      });
      const { verdict } = verify(lines);
      expect(verifyInPython(`${lines.join('\n')}\n`).status).toBe(VERDICT_EXIT_CODES[verdict]);
      return verdict;
    });
    const bad = new Set([1, 3, 13, 15]);
    expect(verdicts).toEqual(cases.map((_, i) => (bad.has(i) ? 'tampered' : 'ok')));
  }, 120_000);
});

describe('the page', () => {
  it('states the limits of the code', () => {
    for (const limit of [SIZE_WINDOW, MAX_LINE_BYTES, MAX_EVENT_BYTES])
      expect(text).toContain(limit.toLocaleString('en'));
    expect(text).toContain('base* is `epoch` × 10^12');
    expect(EPOCH_STRIDE).toBe(10 ** 12);
    expect(text).toContain(`At most ${MAX_DEPTH} arrays`);
  });

  it('lists the types, and the limits of what holds several', () => {
    const section = text.slice(text.indexOf('**Types.**'), text.indexOf('**No organization.**'));
    const types = [...section.matchAll(/^\| (`.*?`) +\| /gm)].flatMap(([, names]) => [
      ...(names ?? '').matchAll(/`(.*?)`/g),
    ]);
    expect(types.map((match) => match[1]).filter((type) => type !== 'data')).toEqual(
      BUILT_IN_EVENTS.map(({ type }) => type),
    );
    for (const limit of [MAX_BATCH_BYTES, MAX_BATCH_EVENTS]) expect(text).toContain(limit.toLocaleString('en'));
  });

  it('lists the reasons in their order, and the verdicts with their exit codes', () => {
    const section = text.slice(text.indexOf('## 5.'), text.indexOf('## 6.'));
    expect([...section.matchAll(/^\| `(\w+)` \|/gm)].map((m) => m[1])).toEqual([...REJECTIONS]);
    const verdicts = [...text.matchAll(/^\| `(\w+)` \| (\d) \|/gm)].map((m) => [m[1], Number(m[2])]);
    expect(Object.fromEntries(verdicts)).toEqual(VERDICT_EXIT_CODES);
  });
});
