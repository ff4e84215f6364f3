import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fastSha256, makeChain } from '../../test-support/chain.ts';
import { anyJson } from '../../test-support/json.ts';
import { partOf } from '../../test-support/part.ts';
import { sha256Hex, ZERO_HASH } from '../hash.ts';
import { canonicalJson } from '../json/canonical.ts';
import type { Json } from '../json/json.ts';
import { type Core, emptyHead, type Entry, formatCore, formatEntry, headOf } from './entry.ts';
import { parseEntry } from './parse-entry.ts';
import { appendEntry } from './running-head.ts';
import { NO_VOLUME, type Tally, type Volume } from './volume.ts';

const hash = fc.stringMatching(/^[0-9a-f]{64}$/);
const count = fc.oneof(
  fc.maxSafeNat().map((n) => Math.max(1, n)),
  fc.integer({ min: 1, max: 9 }),
);
const decimal = fc.bigInt(0n, 10n ** 32n - 1n).map(String);
const tally: fc.Arbitrary<Tally> = fc.record({ count: decimal, bytes: decimal, unknown: decimal });
const hostile = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('audit.a.b.acme', '"}', '\\', '\u0000\n', '\u2028', '😀', '', '\u007f'),
);
const bytes = fc.maxSafeNat().map(String);
const moved: fc.Arbitrary<Volume> = fc.oneof(
  fc.record({ kind: fc.constantFrom('upload', 'download', 'deduplicated'), bytes: fc.option(bytes) }),
  fc.record({ kind: fc.constant('deduplicated' as const), bytes, from: fc.integer({ min: 1, max: 8 }) }),
);
const anyCore: fc.Arbitrary<Core> = fc.record({
  v: fc.constant(1 as const),
  orgid: fc.constantFrom('acme', 'A-b_9', '_system', '_unattributed'),
  seq: count,
  prev_hash: hash,
  received: fc.constant('2026-01-01T00:00:00.000Z'),
  source: fc.record(
    { stream: hostile, seq: count, index: fc.nat(255), subject: hostile },
    { requiredKeys: ['stream', 'seq', 'subject'] },
  ),
  origin: fc.option(
    fc.record({ producer: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/), producerseq: count.map(String) }),
  ),
  event_hash: hash,
  volume: moved,
  totals: fc.record({ events: decimal, uploads: tally, downloads: tally, deduplicated: tally }),
});
/** A core with a volume that its chain and its `seq` permit. */
const core = anyCore.map((one): Core => {
  if (one.orgid === '_system') return { ...one, origin: null, volume: NO_VOLUME };
  if (one.orgid === '_unattributed') return { ...one, volume: NO_VOLUME };
  return { ...one, seq: Math.max(one.seq, (one.volume.from ?? 0) + 1) };
});

describe('formatCore', () => {
  it('is the canonical JSON of the core', () => {
    fc.assert(
      fc.property(core, (core) => {
        expect(formatCore(core)).toBe(canonicalJson(core as unknown as Json));
      }),
      { numRuns: partOf(2000) },
    );
  });

  it('refuses what has no canonical JSON', () => {
    const [one] = fc.sample(core, 1) as [Core];
    expect(() => formatCore({ ...one, source: { ...one.source, subject: '\ud800' } })).toThrow('lone surrogate');
  });
});

describe('an entry', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(core, fc.option(fc.dictionary(fc.string(), anyJson)), hash, (core, event, hash) => {
        const line = formatEntry(formatCore(core), canonicalJson(event), hash);
        expect(line).toBe(canonicalJson({ core, event, hash } as unknown as Json));
        expect(canonicalJson(parseEntry(line) as unknown as Json)).toBe(line);
      }),
    );
  });

  it('is appended to a head by the hash rule', () => {
    const event = '{"orgid":"acme"}';
    const source = { stream: 'AUDIT', seq: 9, subject: 'audit.a.b.acme' };
    const { line, head } = appendEntry(emptyHead('acme'), {
      received: '2026-01-01T00:00:00.000Z',
      source,
      origin: { producer: 'p', producerseq: 3 },
      event,
      volume: NO_VOLUME,
    });
    const entry = parseEntry(line);
    expect(entry.core).toMatchObject({
      v: 1,
      orgid: 'acme',
      seq: 1,
      prev_hash: ZERO_HASH,
      source,
      origin: { producer: 'p', producerseq: '3' },
      event_hash: sha256Hex(event),
      volume: NO_VOLUME,
    });
    expect(entry.hash).toBe(sha256Hex(canonicalJson(entry.core as unknown as Json)));
    expect(headOf(entry)).toEqual(head);
    const second = parseEntry(
      appendEntry(
        head,
        {
          received: '2025-01-01T00:00:00.000Z',
          source: { ...source, seq: 10 },
          origin: null,
          event,
          volume: NO_VOLUME,
        },
        fastSha256,
      ).line,
    );
    expect(second.core).toMatchObject({
      seq: 2,
      prev_hash: head.hash,
      received: '2026-01-01T00:00:00.000Z',
      totals: { events: '2' },
    });
  });
});

describe('parseEntry', () => {
  const line = makeChain('acme', [{ what: 'upload', artifact: 1, bytes: 5, producer: 1 }]).lines[0] as string;
  const change = (path: string, value: unknown): string => {
    const entry = JSON.parse(line) as Record<string, unknown>;
    const steps = path.split('.');
    const name = steps.pop() as string;
    const parent = steps.reduce<Record<string, unknown>>((at, step) => at[step] as Record<string, unknown>, entry);
    if (value === undefined) delete parent[name];
    else parent[name] = value;
    return JSON.stringify(entry);
  };

  it('reads an entry', () => expect((parseEntry(line) satisfies Entry).core.seq).toBe(1));

  it.each<[string, unknown, string]>([
    ['core', null, 'core is null: expected an object'],
    ['core', undefined, 'entry has no core'],
    ['extra', 1, 'entry has the unknown member "extra"'],
    ['event', [], 'event is []'],
    ['event', undefined, 'entry has no event'],
    ['hash', 'A'.repeat(64), 'hash is "AAA'],
    ['core.v', 0, 'core.v is 0: expected 1'],
    ['core.v', '1', 'core.v is "1": expected 1'],
    ['core.v', true, 'core.v is true: expected 1'],
    ['core.v', undefined, 'core has no v'],
    ['core.orgid', '_other', 'core.orgid is "_other"'],
    ['core.seq', 0, 'core.seq is 0'],
    ['core.seq', 2 ** 53, 'core.seq is 9007199254740992'],
    ['core.seq', '1', 'core.seq is "1"'],
    ['core.prev_hash', '0', 'core.prev_hash is "0"'],
    ['core.event_hash', 1, 'core.event_hash is 1'],
    ['core.received', '2026-01-01', 'core.received is "2026-01-01"'],
    ['core.extra', 1, 'core has the unknown member "extra"'],
    ['core.source.seq', 1.5, 'source.seq is 1.5'],
    ['core.source.subject', null, 'source.subject is null'],
    ['core.source.stream', 1, 'source.stream is 1'],
    ['core.source.index', -1, 'source.index is -1'],
    ['core.source.index', 256, 'source.index is 256'],
    ['core.source.index', '0', 'source.index is "0"'],
    ['core.source.index', null, 'source.index is null'],
    ['core.origin', undefined, 'core has no origin'],
    ['core.origin', 'p', 'core.origin is "p"'],
    ['core.origin.extra', 1, 'core.origin has the unknown member "extra"'],
    ['core.origin.producer', 'a b', 'core.origin.producer is "a b"'],
    ['core.origin.producerseq', 1, 'core.origin.producerseq is 1'],
    ['core.origin.producerseq', '01', 'core.origin.producerseq is "01"'],
    ['core.origin.producerseq', '9007199254740992', 'core.origin.producerseq is "9007199254740992"'],
    ['core.received', '2026-13-01T00:00:00.000Z', 'core.received is'],
    ['core.received', '2026-01-01T24:00:00.000Z', 'core.received is'],
    ['core.source.extra', 1, 'source has the unknown member "extra"'],
    ['core.volume.kind', 'theft', 'volume.kind is "theft"'],
    ['core.volume.bytes', 5, 'volume.bytes is 5'],
    ['core.volume.bytes', '05', 'volume.bytes is "05"'],
    ['core.volume.from', 0, 'volume.from is 0'],
    ['core.volume.extra', 0, 'volume has the unknown member "extra"'],
    ['core.totals.events', '-1', 'totals.events is "-1"'],
    ['core.totals.uploads.bytes', '9'.repeat(33), 'totals.uploads.bytes is "999'],
    ['core.totals.downloads', {}, 'totals.downloads has no count'],
    ['core.totals.extra', {}, 'totals has the unknown member "extra"'],
  ])('refuses %s %j', (path, value, message) => {
    expect(() => parseEntry(change(path, value))).toThrow(
      expect.objectContaining({ code: 'NOT_AN_ENTRY', message: expect.stringContaining(message) }) as Error,
    );
  });

  it('says of another version that it is one', () => {
    for (const changed of [change('core.v', 2), change('core', { v: 7 })])
      expect(() => parseEntry(changed)).toThrow(expect.objectContaining({ code: 'NEWER_VERSION' }) as Error);
  });

  it.each(['', 'null', '[]', '{', '"x"', '😀', '{"__proto__":{"core":1,"event":1,"hash":1}}', '['.repeat(100_000)])(
    'refuses %.20s',
    (text) => {
      expect(() => parseEntry(text)).toThrow(expect.objectContaining({ code: 'NOT_AN_ENTRY' }) as Error);
    },
  );
});
