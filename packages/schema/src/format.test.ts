/** Holds `docs/format.md`, `docs/format-example.py` and the code to each other. */
import { spawnSync } from 'node:child_process';
import { createHash, createPrivateKey, createPublicKey, sign, verify as verifyBytes } from 'node:crypto';
import { mkdtempDisposableSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyValue, setSomewhere } from '../test-support/any-value.ts';
import { fastSha256, makeChain, type Spec } from '../test-support/chain.ts';
import { DOCS, exampleLines, fencedBlocks } from '../test-support/docs.ts';
import { anyJson } from '../test-support/json.ts';
import { erase, forge, runFile, toBytes } from '../test-support/verdicts.ts';
import {
  appendEntry,
  appendLine,
  BUILT_IN_EVENTS,
  canonicalJson,
  createSizeMemory,
  emptyChain,
  emptyHead,
  type Entry,
  EPOCH_STRIDE,
  formatBlock,
  formatTrailer,
  isJsonObject,
  type Json,
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
  originOf,
  parseBlock,
  parseEntry,
  readMessage,
  REJECTIONS,
  signedText,
  SIZE_WINDOW,
  SYSTEM_KINDS,
  type SystemRecord,
  transferOf,
  VERDICT_EXIT_CODES,
  verify,
  type Volume,
} from './index.ts';
import { CHECKED, NOT_CHECKED } from './verify/verdict.ts';

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
      // The fifth message is an array, of which this is the first.
      const message = readMessage(source.subject, encoder.encode(source.index === 0 ? `[ ${own} ]` : own));
      const reading = message.form === 'single' ? message.reading : message.elements[0]?.reading;
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
      const reading = message.form === 'single' ? message.reading : message.elements[1]?.reading;
      expect(reading).toEqual({ ok: false, reason: event?.['reason'], detail: event?.['detail'] });
    }
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
        origin: null,
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
        const next = appendEntry(head, {
          received,
          source,
          origin: null,
          event: canonicalJson(event),
          volume: NO_VOLUME,
        });
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
      const next = appendEntry(head, {
        received: at,
        source,
        origin: null,
        event: canonicalJson({ ...event }),
        volume: NO_VOLUME,
      });
      head = next.head;
      return next.line;
    });
    expect(verify(lines).verdict).toBe('ok');
    expect(verifyInPython(`${lines.join('\n')}\n`).status).toBe(0);
    // An epoch that begins twice, or at a number that was used.
    const again = appendEntry(head, {
      received: at,
      source: { stream: 'theirs', seq: 3 * EPOCH_STRIDE, subject: '' },
      origin: null,
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
    // 65 ranges and more of one publisher, and 4,097 of all, until one comes that is beyond.
    const number = (n: number): number => 2 * (Math.floor((n - 1) / 70) + 1);
    const ranged = Array.from({ length: 70 * 65 }, (_, i): Spec => ({
      what: 'other',
      artifact: 0,
      bytes: null,
      producer: i % 70,
    }));
    const manyRanges = makeChain('acme', ranged, number).lines;
    const beyond = makeChain('acme', [spec, spec], () => 1).lines;
    const nest = (levels: number): Json => (levels === 0 ? 0 : [nest(levels - 1)]);
    const next = (event: Json, volume: Volume = NO_VOLUME): string[] => {
      const source = { stream: 'AUDIT', seq: 99, subject: '' };
      const received = '2026-02-31T00:00:00.000Z';
      const origin = originOf(event as JsonObject);
      return [...lines, appendEntry(head, { received, source, origin, event: canonicalJson(event), volume }).line];
    };
    const last = (changed: string[]): string[] => [...changed.slice(0, -1), blank(changed.at(-1) as string)];
    const cases = [
      forgotten,
      forgotten.with(64, blank(forgotten[64] as string)),
      fewer,
      manyRanges,
      [...manyRanges.slice(0, MAX_MISSING + 2), ...beyond],
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
    expect(compareAll(cases.map(toBytes)).size).toBe(4);
  }, 60_000);

  it('agrees about first lines that are no canonical JSON, or of a newer version', () => {
    const [good = ''] = makeChain('acme', [{ what: 'upload', artifact: 1, bytes: 5, producer: 1 }]).lines;
    // Neither mark is there, so that the verdict tells rule 2 from rule 4.
    const line = good.replace('{"core":', '{"core": ').replace('"volume":', ' "volume":');
    const changes: [string, string][] = [
      ['"v":1', '"v":1.0'],
      ['"v":1', '"v":1,"v":1'],
      ['"v":1', '"v":2,"v":1'],
      ['"v":1', '"v":1,"v":0'],
      ['"v":1', '"v":1,"v":2'],
      ['"seq":1', '"seq":1e400'],
      ['"stream":"AUDIT"', String.raw`"stream":"\ud800"`],
      ...['1e400', `1${'0'.repeat(5000)}`, '-0', '5.0', '9007199254740993', 'NaN', '-Infinity', '5,"size_bytes":5'].map(
        (size): [string, string] => ['"size_bytes":5', `"size_bytes":${size}`],
      ),
    ];
    const newer = (change: JsonObject): string => {
      const core = { event_hash: '', prev_hash: '0'.repeat(64), seq: 1, v: 2, ...change };
      return canonicalJson({ core, event: null, hash: fastSha256(canonicalJson(core)) });
    };
    const mark = ',"v":1,"volume":{"bytes":';
    const login = (OrgID: Json): JsonObject => ({ EventType: 'AUDIT_EVENT', Data: { OrgID } });
    const files = [
      ...changes.flatMap(([from, to]) => [line.replace(from, to), good.replace(from, to)]),
      ...[{}, { orgid: '' }, { orgid: '_x' }, { orgid: 7 }, { orgid: 'acme' }, { orgid: '_system' }].map(newer),
      newer({ orgid: 'acme', prev_hash: 'A'.repeat(64) }),
      'x'.repeat(MAX_LINE_BYTES + 1 - mark.length) + mark,
      'x'.repeat(MAX_LINE_BYTES + 2 - mark.length) + mark,
      ...['', null, '_unattributed', '_system'].flatMap((OrgID) => forge([{ event: login(OrgID) }], '_unattributed')),
    ];
    expect([...compareAll(files.map((file) => encoder.encode(file))).keys()].toSorted()).toEqual([
      'ok',
      'tampered',
      'unreadable',
    ]);
  }, 60_000);

  /** Many files at once: starting python takes longer than most of them. */
  function compareAll(files: readonly Uint8Array[]): Map<string, number> {
    using folder = mkdtempDisposableSync(join(tmpdir(), 'waybill-format-'));
    const names = files.map((bytes, i) => {
      const file = join(folder.path, `${i}.ndjson`);
      writeFileSync(file, bytes);
      return file;
    });
    const run = spawnSync('python3', [program, 'verify-all', folder.path, String(files.length)], { encoding: 'utf8' });
    expect(run.stderr).toBe('');
    const said = run.stdout.trimEnd().split('\n');
    expect(said).toHaveLength(names.length);
    const verdicts = new Map<string, number>();
    for (const [i, bytes] of files.entries()) {
      const { verdict, problem } = runFile(bytes);
      expect(said[i], Buffer.from(bytes).toString()).toBe(problem ? `${verdict} at seq ${problem.seq}` : verdict);
      verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
    }
    return verdicts;
  }

  /** Two organizations, a reserved chain each, in which events came alone and several in a message; some are erased. */
  const rich = [
    makeChain(
      'acme',
      (['upload', 'skip', 'download', 'chainloop', 'other', 'skip', 'upload', 'skip'] as const).map((what, i) => ({
        what,
        artifact: i % 3,
        bytes: i % 2 ? null : i,
        producer: i % 2,
        note: 'ü😀',
        ...(i > 3 && { index: i }),
      })),
      (n) => (n % 4) + 1 + Math.floor(n / 4) * 4,
    ).lines.map((line, i) => (i === 2 || i === 6 ? erase(line) : line)),
    forge(
      ['rejected', 'duplicate', 'gap', 'watermark', 'streams', 'of_tomorrow'].map((kind, i) => ({
        event: { kind },
        source: Math.min(i + 1, 4),
        ...(i >= 3 && { index: 2 }),
      })),
      '_system',
    ),
    forge([{ event: { orgid: '_unattributed', claimedorg: 'a b', producer: 'p', producerseq: '1' } }], '_unattributed'),
  ];

  it('agrees about 3,000 files of which one byte was changed', () => {
    const change = fc.tuple(fc.nat(rich.length - 1), fc.nat(), fc.integer({ min: 1, max: 255 }));
    const files = fc.sample(change, 3_000).map(([which, place, flip]) => {
      const bytes = toBytes(rich[which] as string[]);
      const at = place % bytes.length;
      return bytes.with(at, (bytes[at] as number) ^ flip);
    });
    const verdicts = compareAll(files);
    expect(verdicts.get('tampered')).toBeGreaterThan(2_500);
  }, 300_000);

  it('agrees about files that were put together in another way', () => {
    const edit = fc.tuple(fc.nat(rich.length - 1), fc.nat(), fc.nat(), fc.nat(6));
    const files = fc.sample(edit, 500).map(([which, place, second, how]) => {
      const lines = rich[which] as string[];
      const [i, j] = [place % lines.length, second % lines.length];
      const [a, b] = [lines[i] as string, lines[j] as string];
      const other = rich[second % rich.length] as string[];
      const edited = [
        lines,
        lines.toSpliced(i, 1),
        lines.toSpliced(i, 0, a),
        lines.with(i, b).with(j, a),
        lines.with(i, erase(a)),
        lines.toSpliced(i, 0, other[j % other.length] as string),
        lines.slice(0, i),
      ];
      return toBytes(edited[how] as string[]);
    });
    expect(compareAll(files).size).toBeGreaterThan(2);
  }, 300_000);

  it('agrees about every field with any value in it, whose hashes are right', () => {
    const change = fc.tuple(fc.nat(rich.length - 1), fc.nat(), fc.nat(), anyValue, fc.boolean());
    const files = fc.sample(change, 3_000).flatMap(([which, place, path, value, adds]) => {
      const lines = rich[which] as string[];
      const at = place % lines.length;
      const changed = setSomewhere(JSON.parse(lines[at] as string) as JsonObject, path, value, adds);
      if (!changed) return [];
      const { core, event = null } = changed;
      if (!isJsonObject(core)) return [toBytes(lines.with(at, canonicalJson(changed)))];
      // Sometimes all of the chain up to there: nothing after it would fit.
      const isErased = event === null;
      const event_hash = isErased || path % 3 === 0 ? (core['event_hash'] ?? null) : fastSha256(canonicalJson(event));
      const rehashed = 'event_hash' in core ? { ...core, event_hash } : core;
      const hash = 'hash' in changed ? { hash: fastSha256(canonicalJson(rehashed)) } : {};
      return [toBytes([...lines.slice(0, at), canonicalJson({ ...changed, core: rehashed, ...hash })])];
    });
    const verdicts = compareAll(files);
    expect([...verdicts.keys()].toSorted()).toEqual(['incomplete', 'ok', 'tampered', 'unreadable']);
  }, 300_000);

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
        const next = appendEntry(head, {
          received,
          source,
          origin: originOf(event),
          event: canonicalJson(event),
          volume,
        });
        head = next.head;
        return next.line;
      });
      const { verdict } = verify(lines);
      expect(verifyInPython(`${lines.join('\n')}\n`).status).toBe(VERDICT_EXIT_CODES[verdict]);
      return verdict;
    });
    const bad = new Set([1, 3, 13, 15]);
    expect(verdicts).toEqual(cases.map((_, i) => (bad.has(i) ? 'tampered' : 'ok')));
  }, 300_000);
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

  it('has the members of a report, and what it counts as checked and not checked', () => {
    const section = text.slice(text.indexOf('**The report**'), text.indexOf('**Against AUDIT.**'));
    const [, members = ''] = /^report +=(.*?)\n\w+ +=/ms.exec(section) ?? [];
    const report = verify(acme, { receiptKeys: { find: () => null, fits: () => false } });
    expect(new Set(members.match(/\b(?!and|with|public|keys)\w+/g))).toEqual(new Set(Object.keys(report)));
    const [, receipts = ''] = /^receipts = \{(.*)\}/m.exec(section) ?? [];
    expect(receipts.match(/\w+/g)).toEqual(Object.keys(report.receipts ?? {}));
    const phrases = [...section.matchAll(/^\|.*?\| `(.+?)` \|/gm)].map((match) => match[1]);
    expect(new Set(phrases)).toEqual(new Set(['what', ...Object.values(CHECKED), ...Object.values(NOT_CHECKED)]));
  });

  it('lists the kinds of records', () => {
    const kinds = [...text.matchAll(/^\| `\{ kind: "(\w+)"/gm)].map((match) => match[1]);
    expect(new Set(kinds)).toEqual(new Set(SYSTEM_KINDS));
  });
});
