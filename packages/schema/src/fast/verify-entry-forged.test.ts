import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { digestOf, fastSha256, makeChain } from '../../test-support/chain.ts';
import { partOf } from '../../test-support/part.ts';
import { compareVerdicts, runWith } from '../../test-support/shortcut.ts';
import { originOf } from '../event/origin.ts';
import { ZERO_HASH } from '../hash.ts';
import { canonicalJson } from '../json/canonical.ts';
import type { Json, JsonObject } from '../json/json.ts';
import { type CoreOrigin, emptyHead, type Entry, type Head } from '../ledger/entry.ts';
import { appendEntry } from '../ledger/running-head.ts';
import { NO_TOTALS, NO_VOLUME, type Volume } from '../ledger/volume.ts';
import { verify, type VerifyOptions } from '../verify/verify.ts';
import { createEntryReader } from './verify-entry.ts';

const compare = (lines: readonly string[], options: VerifyOptions = {}): number =>
  compareVerdicts(createEntryReader, lines, options);

const ID = '01997b3c-0000-7000-8000-000000000001';

/**
 * The next entry of a forger, who adds whatever the event states. An honest writer counts a value that is no size as
 * unknown.
 */
function billAnything(before: Entry | null, event: JsonObject, seq: number, isHonest: boolean): Entry {
  const { size_bytes: size, skipped } = event['data'] as JsonObject;
  const kind =
    { 'casartifact.uploaded': 'upload', 'casartifact.downloaded': 'download' }[event['type'] as string] ?? 'none';
  const moved = kind === 'upload' && skipped === true ? 'deduplicated' : kind;
  const isSize = typeof size === 'number' && (!isHonest || (Number.isSafeInteger(size) && size >= 0));
  const bytes = moved !== 'none' && isSize ? String(size) : null;
  const totals = structuredClone(before?.core.totals ?? NO_TOTALS) as unknown as Record<string, Record<string, string>>;
  const tally = totals[{ upload: 'uploads', download: 'downloads' }[moved] ?? 'deduplicated'] as Record<string, string>;
  if (moved !== 'none') {
    tally['count'] = String(Number(tally['count']) + 1);
    if (bytes === null) tally['unknown'] = String(Number(tally['unknown']) + 1);
    else tally['bytes'] = String(Number(tally['bytes']) + Number(bytes));
  }
  const text = canonicalJson(event);
  const core = {
    v: 1,
    orgid: 'acme',
    seq,
    prev_hash: before?.hash ?? ZERO_HASH,
    received: '2026-01-01T00:00:00.000Z',
    source: { stream: 'AUDIT', seq, subject: 's' },
    origin: null,
    event_hash: fastSha256(text),
    volume: { kind: moved, bytes },
    totals: { ...totals, events: String(seq) },
  };
  return { core, event, hash: fastSha256(canonicalJson(core)) } as unknown as Entry;
}

describe('verification with the shortcut and without it, of what a forger chained with right hashes', () => {
  it('say the same of what somebody chained with right hashes, whatever it is', () => {
    const size = fc.oneof(
      fc.nat(9),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.constantFrom(-1, 1.5, 1e21, 2 ** 53, '7', null),
    );
    const event = fc.record(
      {
        type: fc.constantFrom('casartifact.uploaded', 'casartifact.downloaded', 'a.b'),
        orgid: fc.constantFrom('acme', 'acme', 'acme', 'other', '_unattributed', 7),
        data: fc.record(
          { digest: fc.constantFrom('d', 7), size_bytes: size, skipped: fc.boolean() },
          { requiredKeys: [] },
        ),
        producer: fc.constantFrom('p', 'p', 'a b', 7),
        producerseq: fc.constantFrom('1', '2', '3', '01', 5, '9007199254740993'),
        kind: fc.constantFrom('watermark', 'x'),
        EventType: fc.constantFrom('AUDIT_EVENT', 'x'),
        Data: fc.constantFrom<Json>({ OrgID: 'acme' }, null),
      },
      { requiredKeys: ['orgid', 'type'] },
    ) as fc.Arbitrary<JsonObject>;
    const bytes = fc.oneof(size.map(String), fc.constant(null));
    const volume: fc.Arbitrary<Volume> = fc.oneof(
      fc.constant(NO_VOLUME),
      fc.record({ kind: fc.constantFrom('upload', 'download', 'deduplicated'), bytes }) as fc.Arbitrary<Volume>,
    );
    const received = fc.constantFrom(
      '2026-01-01T00:00:00.000Z',
      '2026-01-01T00:00:00.001Z',
      '2026-13-01T00:00:00.000Z',
    );
    const subject = fc.constantFrom('s', 's', 'audit.é', 'a"b', 'a\u007f');
    const step = fc.record({
      event,
      volume,
      fits: fc.boolean(),
      received,
      subject,
      source: fc.constantFrom(1, 1, 1, 0, -1, 0.5),
      index: fc.constantFrom(null, null, 0, 1, 255, 256, -1, 0.5),
      stream: fc.constantFrom('AUDIT', 'AUDIT', 'ANOTHER', 'ü'),
      origin: fc.constantFrom<CoreOrigin | 'of the event' | null>(
        'of the event',
        'of the event',
        null,
        { producer: 'p', producerseq: '1' },
        { producer: 'p', producerseq: '01' },
      ),
    });
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 2, maxLength: 4 }),
        fc.constantFrom('acme', 'acme', '_system', '_unattributed'),
        (steps, orgid) => {
          let head: Head = emptyHead(orgid);
          let source = 0;
          const lines = steps.map((one) => {
            source += one.source;
            const { data } = one.event as { data?: { size_bytes?: string | number | null } };
            const stated: Volume = {
              kind: 'upload',
              bytes: data?.size_bytes === undefined ? null : String(data.size_bytes),
            };
            const next = appendEntry(
              head,
              {
                received: one.received,
                source: {
                  stream: one.stream,
                  seq: source,
                  ...(one.index !== null && { index: one.index }),
                  subject: one.subject,
                },
                origin: one.origin === 'of the event' ? originOf(one.event) : one.origin,
                event: canonicalJson(one.event),
                // BigInt refuses fractions, so they cannot get into totals.
                volume:
                  one.fits && /^\d+$/.test(stated.bytes ?? '0')
                    ? stated
                    : { ...one.volume, bytes: /^\d+$/.test(one.volume.bytes ?? '') ? one.volume.bytes : null },
              },
              fastSha256,
            );
            ({ head } = next);
            return next.line;
          });
          compare(lines);
        },
      ),
      { numRuns: partOf(5_000) },
    );
  });

  it('say the same of events that are plain but for their data, whose bill somebody made by the same sums', () => {
    const verdicts = new Map<string, number>();
    const taken = { lines: 0 };
    const size = fc.oneof(
      fc.nat(9),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => (n === 0 ? 0 : n)),
      fc.constantFrom(1e12, -1e12, -1, 0.5, 1e21, 1e15, 2 ** 53 - 1, 2 ** 53, 2 ** 60, '7', '', null, true, [5], {
        n: 5,
      }),
    );
    const data = fc.record(
      {
        digest: fc.constantFrom(digestOf('a'), digestOf('b'), 'd', 7, null),
        size_bytes: size,
        skipped: fc.constantFrom(true, false, 'true', null),
        transferred_bytes: size,
        more: fc.constant(1),
      },
      { requiredKeys: [] },
    );
    const one = fc.record({
      data,
      type: fc.constantFrom('casartifact.uploaded', 'casartifact.uploaded', 'casartifact.downloaded', 'a.b'),
      outcome: fc.constantFrom(undefined, undefined, 'success', 'failure', 'x'),
      isHonest: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(one, { minLength: 2, maxLength: 5 }), (steps) => {
        let before: Entry | null = null;
        const lines = steps.map(({ data, type, outcome, isHonest }, i) => {
          const event = {
            id: ID,
            orgid: 'acme',
            source: '//x',
            specversion: '1.0',
            time: '2026-01-01T00:00:00.000Z',
            type,
            data,
            ...(outcome !== undefined && { outcome }),
          } as unknown as JsonObject;
          before = billAnything(before, event, i + 1, isHonest);
          return canonicalJson(before as unknown as Json);
        });
        taken.lines += compare(lines);
        const { verdict, totals } = verify(lines, { sha256: fastSha256 });
        verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
        expect(JSON.stringify(totals)).not.toMatch(/[-.e+]\d/);
      }),
      { numRuns: partOf(3_000) },
    );
    expect(taken.lines).toBeGreaterThan(partOf(100));
    expect([...verdicts.keys()].toSorted()).toEqual(['ok', 'tampered']);
  });

  it('say the same of a size that cannot be added to sums that are no longer doubles', () => {
    const { lines, head } = makeChain('acme', [{ what: 'upload', artifact: 1, bytes: 2 ** 53 - 1, producer: null }]);
    const event = canonicalJson({
      type: 'casartifact.uploaded',
      orgid: 'acme',
      data: { digest: 'd', size_bytes: 1.5 },
    });
    const source = { stream: 'AUDIT', seq: 9, subject: 's' };
    const { line } = appendEntry(
      head,
      { received: head.received, source, origin: null, event, volume: { kind: 'upload', bytes: '1' } },
      fastSha256,
    );
    expect(compare([...lines, line])).toBe(0);
  });

  it('say the same where numbers run out of digits', () => {
    const event = canonicalJson({ type: 'casartifact.uploaded', orgid: 'acme', data: { digest: 'd', size_bytes: 9 } });
    const nothing = canonicalJson({ type: 'a.b', orgid: 'acme' });
    const volume: Volume = { kind: 'upload', bytes: '9' };
    const nines = '9'.repeat(32);
    const most = { count: '5', bytes: nines, unknown: '0' };
    for (const [seq, totals] of [
      [5, { ...NO_TOTALS, uploads: most }],
      // The plain way judges the first entry, which is the last one that fits.
      [5, { ...NO_TOTALS, events: `${'9'.repeat(31)}8` }],
      [5, { ...NO_TOTALS, uploads: { ...most, bytes: '0', count: nines } }],
      [Number.MAX_SAFE_INTEGER - 1, NO_TOTALS],
    ] as const) {
      let head: Head = {
        orgid: 'acme',
        seq,
        hash: 'a'.repeat(64),
        received: '',
        sourceSeq: 0,
        sourceIndex: -1,
        totals,
      };
      const lines = [NO_VOLUME, volume, volume].map((added, n) => {
        const source = { stream: 'AUDIT', seq: 1 + n, subject: 's' };
        const next = appendEntry(
          head,
          {
            received: '2026-01-01T00:00:00.000Z',
            source,
            origin: null,
            event: added === volume ? event : nothing,
            volume: added,
          },
          fastSha256,
        );
        ({ head } = next);
        return next.line;
      });
      compare(lines, { fromSeq: seq + 1 });
      expect(runWith(lines, createEntryReader, { fromSeq: seq + 1 }).report).toMatchObject({
        verdict: 'tampered',
        entries: 1,
      });
    }
  });
});
