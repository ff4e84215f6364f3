import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anySpec, fastSha256, makeChain } from '../test-support/chain.ts';
import { mutateText } from '../test-support/mutate-text.ts';
import { canonicalJson } from './canonical.ts';
import { appendEntry, emptyHead, type Entry, type Head } from './entry.ts';
import type { Json, JsonObject } from './json.ts';
import { createSuccessorReader } from './successor.ts';
import type { ChainReport } from './verdict.ts';
import { NO_TOTALS, NO_VOLUME, type Volume } from './volume.ts';
import { createVerifier, type VerifiedEntry, type VerifyOptions } from './verify.ts';

interface Result {
  readonly report: ChainReport;
  readonly entries: readonly ((Entry & Omit<VerifiedEntry, 'entry'>) | null)[];
}

function run(lines: readonly string[], createShortcut: typeof createSuccessorReader, options: VerifyOptions): Result {
  const verifier = createVerifier({ sha256: fastSha256, ...options }, createShortcut);
  const entries = lines.map((line) => {
    const verified = verifier.push(line);
    if (!verified) return null;
    const { entry, isErased, origin } = verified;
    return {
      core: { ...entry.core, totals: entry.core.totals },
      event: entry.event,
      hash: entry.hash,
      isErased,
      origin,
    };
  });
  return { report: verifier.finish(), entries };
}

/** How many lines the shortcut took; what it says has to be what the general way says. */
function compare(lines: readonly string[], options: VerifyOptions = {}): number {
  let taken = 0;
  const counting: typeof createSuccessorReader = (sha256, deriveVolume) => {
    const read = createSuccessorReader(sha256, deriveVolume);
    return (line, last) => {
      const successor = read(line, last);
      if (successor) taken++;
      return successor;
    };
  };
  const short = run(lines, counting, options);
  expect(short).toEqual(run(lines, () => () => null, options));
  return taken;
}

/** The line with other texts of event and core and, if `rehash`, with hashes that are right for these texts. */
function rewrite(
  line: string,
  change: { event?: (text: string) => string; core?: (text: string) => string; rehash: boolean },
): string {
  const eventAt = line.indexOf('}},"event":') + 2;
  let core = line.slice('{"core":'.length, eventAt);
  const event = (change.event ?? String)(line.slice(eventAt + ',"event":'.length, -',"hash":""}'.length - 64));
  if (change.rehash) core = core.replace(/"event_hash":"[^"]*"/, `"event_hash":"${fastSha256(event)}"`);
  core = (change.core ?? String)(core);
  const hash = change.rehash ? fastSha256(core) : line.slice(-66, -2);
  return `{"core":${core},"event":${event},"hash":"${hash}"}`;
}

const anyChain = fc.array(anySpec, { minLength: 2, maxLength: 7 }).map((specs) => makeChain('acme', specs).lines);

describe('the shortcut and the general way', () => {
  it('say the same of good chains, whole and in part, and the shortcut is taken', () => {
    fc.assert(
      fc.property(anyChain, fc.nat(6), (lines, skipped) => {
        compare(lines);
        compare(lines.slice(skipped), { fromSeq: skipped + 1 });
        compare(lines, { expect: [{ seq: 2, hash: 'f'.repeat(64) }] });
      }),
    );
    const what = ['upload', 'download', 'skip', 'other', 'chainloop'] as const;
    const { lines } = makeChain(
      'acme',
      [...what, ...what].map((kind) => ({ what: kind, artifact: 1, bytes: 5, producer: 1, note: 'x' })),
    );
    expect(compare(lines)).toBe(lines.length - 1);
  });

  it('say the same of lines that are written in another way, with and without right hashes', () => {
    fc.assert(
      fc.property(anyChain, fc.nat(), mutateText, mutateText, fc.nat(3), (lines, place, mutate, mutateMore, how) => {
        const at = place % lines.length;
        const changed =
          how === 0
            ? mutate(lines[at] as string)
            : rewrite(lines[at] as string, {
                ...(how !== 2 && { event: mutate }),
                ...(how !== 1 && { core: mutateMore }),
                rehash: true,
              });
        compare(lines.with(at, changed));
      }),
      { numRuns: 5_000 },
    );
  }, 60_000);

  it('say the same of chains with lines that are missing, doubled, swapped, erased or of another chain', () => {
    const others = makeChain('other', [{ what: 'upload', artifact: 1, bytes: 1, producer: null }]).lines;
    fc.assert(
      fc.property(anyChain, fc.nat(), fc.nat(), fc.nat(5), (lines, place, second, how) => {
        const [i, j] = [place % lines.length, second % lines.length];
        const [a, b] = [lines[i] as string, lines[j] as string];
        const erased = canonicalJson({ ...(JSON.parse(a) as JsonObject), event: null });
        const edited = [
          lines.toSpliced(i, 1),
          lines.toSpliced(i, 0, a),
          lines.with(i, b).with(j, a),
          lines.with(i, erased),
          lines.toSpliced(i, 0, ''),
          lines.toSpliced(i, 0, ...others),
        ];
        compare(edited[how] as string[]);
      }),
      { numRuns: 2_000 },
    );
  }, 60_000);

  it('say the same of what somebody chained with right hashes, whatever it is', () => {
    const size = fc.oneof(
      fc.nat(9),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.constantFrom(-1, 1.5, 1e21, 2 ** 53, '7', null),
    );
    const event = fc.record(
      {
        type: fc.constantFrom('casartifact.uploaded', 'casartifact.downloaded', 'a.b'),
        orgid: fc.constantFrom('acme', 'acme', 'acme', 'other', 7),
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
    });
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 2, maxLength: 4 }),
        fc.constantFrom('acme', 'acme', '_system'),
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
                source: { stream: 'AUDIT', seq: source, subject: one.subject },
                event: canonicalJson(one.event),
                // BigInt takes no fractions: those cannot get into totals.
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
      { numRuns: 5_000 },
    );
  }, 60_000);

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
      { received: head.received, source, event, volume: { kind: 'upload', bytes: '1' } },
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
      // The first entry, which is the general way's, is the last that fits.
      [5, { ...NO_TOTALS, events: `${'9'.repeat(31)}8` }],
      [5, { ...NO_TOTALS, uploads: { ...most, bytes: '0', count: nines } }],
      [Number.MAX_SAFE_INTEGER - 1, NO_TOTALS],
    ] as const) {
      let head: Head = { orgid: 'acme', seq, hash: 'a'.repeat(64), received: '', sourceSeq: 0, totals };
      const lines = [NO_VOLUME, volume, volume].map((added, n) => {
        const source = { stream: 'AUDIT', seq: 1 + n, subject: 's' };
        const next = appendEntry(
          head,
          { received: '2026-01-01T00:00:00.000Z', source, event: added === volume ? event : nothing, volume: added },
          fastSha256,
        );
        ({ head } = next);
        return next.line;
      });
      compare(lines, { fromSeq: seq + 1 });
      expect(run(lines, createSuccessorReader, { fromSeq: seq + 1 }).report).toMatchObject({
        verdict: 'tampered',
        entries: 1,
      });
    }
  });
});
