import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fastSha256 } from '../../test-support/chain.ts';
import { forge, run } from '../../test-support/verdicts.ts';
import type { JsonObject } from '../json/json.ts';
import { parseEntry } from '../ledger/parse-entry.ts';
import { createAcknowledgements, type LossAcknowledgement } from './acknowledgements.ts';
import type { ChainReport } from './verdict.ts';
import { createChainVerifier } from './verify.ts';

interface Sent {
  readonly producer?: string;
  readonly n: number;
  /** The place of its message in AUDIT. */
  readonly at: number;
  readonly type?: string;
}
interface Said {
  readonly producer?: string;
  readonly first: number;
  readonly last: number | null;
  readonly at: number;
  readonly orgid?: string;
  readonly sha256?: string;
}

const chainOf = (sent: readonly Sent[]): string[] =>
  forge(
    sent.map(({ producer = 'p', n, at, type = 'release.approved' }) => ({
      event: { orgid: 'acme', type, producer, producerseq: String(n) },
      source: at,
    })),
  );

function acknowledgementsOf(said: readonly Said[], orgid = 'acme'): readonly LossAcknowledgement[] {
  const found = createAcknowledgements();
  const records = said.map(
    ({ at, producer = 'p', first, last, ...rest }, i): { event: JsonObject; source: number } => ({
      event: {
        kind: 'acknowledged',
        orgid: rest.orgid ?? 'acme',
        producer,
        first,
        last,
        by: 'ops',
        reason: `reason ${i + 1}`,
        subject: 's',
        size: 1,
        sha256: rest.sha256 ?? String(i),
        payload: '',
      },
      source: at,
    }),
  );
  for (const line of forge(records, '_system')) found.add(parseEntry(line));
  return found.of(orgid);
}

function judge(sent: readonly Sent[], said: readonly Said[], fromSeq = 1): ChainReport {
  const verifier = createChainVerifier({ sha256: fastSha256, fromSeq });
  for (const line of chainOf(sent).slice(fromSeq - 1)) expect(verifier.push(line)).not.toBeNull();
  return verifier.finish(acknowledgementsOf(said));
}

const END = 'producer.closed';

describe('missing events that are acknowledged', () => {
  it('are still listed, with the record, and do not make the verdict incomplete', () => {
    const report = judge(
      [
        { n: 1, at: 1 },
        { n: 5, at: 2, type: END },
      ],
      [{ first: 2, last: 4, at: 3 }],
    );
    const acknowledged = { seq: 1, by: 'ops', reason: 'reason 1' };
    expect(report).toMatchObject({ verdict: 'ok', missing: '3', acknowledged: '3', acknowledged_ends: [] });
    expect(report.holes).toEqual([{ producer: 'p', first: 2, last: 4, acknowledged }]);
  });

  it('are exactly those that are named: one more number stays missing', () => {
    const sent = [
      { n: 1, at: 1 },
      { n: 6, at: 2 },
    ];
    const report = judge(sent, [{ first: 3, last: 4, at: 3 }]);
    expect(report).toMatchObject({ verdict: 'incomplete', missing: '4', acknowledged: '2' });
    // What nobody acknowledged comes first.
    expect(report.holes.map(({ first, last, acknowledged }) => [first, last, acknowledged?.seq])).toEqual([
      [2, 2, undefined],
      [5, 5, undefined],
      [3, 4, 1],
    ]);
    expect(
      judge(sent, [
        { first: 2, last: 5, at: 3 },
        { first: 1, last: 9, at: 4 },
      ]),
    ).toMatchObject({
      verdict: 'ok',
      acknowledged: '4',
    });
  });

  it('do not take the room of those that nobody acknowledged', () => {
    const sent = Array.from({ length: 151 }, (_, i) => ({ n: 2 * (i + 1), at: i + 1 }));
    const report = judge(sent, [{ first: 1, last: 250, at: 200 }]);
    expect(report).toMatchObject({ verdict: 'incomplete', missing: '151', acknowledged: '125' });
    expect(report.holes).toHaveLength(100);
    expect(report.holes.filter((hole) => !hole.acknowledged)).toHaveLength(26);
  });

  it('are none that were lost later, or that nobody could know of', () => {
    const sent = [
      { n: 1, at: 1 },
      { n: 3, at: 2 },
      { n: 5, at: 4 },
    ];
    // It names what was lost since, but was made before.
    expect(judge(sent, [{ first: 1, last: 9, at: 3 }])).toMatchObject({ verdict: 'incomplete', acknowledged: '1' });
    // The same message again says nothing new.
    const again = [
      { first: 1, last: 9, at: 3, sha256: 'a' },
      { first: 1, last: 9, at: 5, sha256: 'a' },
    ];
    expect(judge(sent, again)).toMatchObject({ verdict: 'incomplete', acknowledged: '1' });
    expect(judge(sent, [{ first: 2, last: 2, at: 1 }])).toMatchObject({ verdict: 'incomplete' });
    expect(judge(sent, [{ first: 2, last: 2, at: 2 }])).toMatchObject({ verdict: 'incomplete' });
  });

  it('are none of another publisher, of another organization, or of a publisher whose end was acknowledged', () => {
    const sent = [
      { n: 1, at: 1 },
      { n: 3, at: 2 },
    ];
    for (const said of [
      { producer: 'q', first: 2, last: 2, at: 3 },
      { orgid: 'bolt', first: 2, last: 2, at: 3 },
      { first: 2, last: null, at: 3 },
    ])
      expect(judge(sent, [said])).toMatchObject({ verdict: 'incomplete', missing: '1' });
    expect(judge(sent, [{ orgid: 'bolt', first: 2, last: 2, at: 3 }])).not.toHaveProperty('acknowledged');
  });

  it('count in a part of a chain, as far as it shows them missing', () => {
    const sent = [
      { n: 1, at: 1 },
      { n: 3, at: 2 },
      { n: 5, at: 3 },
    ];
    expect(judge(sent, [{ first: 2, last: 4, at: 4 }], 2)).toMatchObject({
      verdict: 'ok',
      missing: '1',
      acknowledged: '1',
    });
  });

  it('are those of a set of numbers, for any order of events and acknowledgements', () => {
    const anySent = fc.uniqueArray(fc.integer({ min: 1, max: 14 }), { minLength: 1, maxLength: 10 });
    const anySaid = fc.array(
      fc.record({ first: fc.integer({ min: 1, max: 14 }), more: fc.nat(4), at: fc.integer({ min: 1, max: 24 }) }),
      { maxLength: 5 },
    );
    fc.assert(
      fc.property(anySent, anySaid, (numbers, said) => {
        const sent = numbers.map((n, i) => ({ n, at: 2 * i + 1 }));
        const records = said
          .map(({ first, more, at }) => ({ first, last: first + more, at }))
          .toSorted((a, b) => a.at - b.at)
          .map((one, i) => ({ ...one, at: 2 * one.at + i / 10 }))
          .map((one, i) => ({ ...one, at: Math.trunc(one.at) + i }));
        const report = judge(sent, records);
        const missing = Array.from({ length: Math.max(...numbers) }, (_, i) => i + 1).filter(
          (n) => !numbers.includes(n),
        );
        const known = missing.filter((n) => {
          const since = Math.min(...sent.filter((one) => one.n > n).map(({ at }) => at));
          return records.some(({ first, last, at }) => first <= n && n <= last && at > since);
        });
        expect(report.missing).toBe(String(missing.length));
        expect(report.acknowledged ?? '0').toBe(String(known.length));
        expect(report.verdict).toBe(known.length === missing.length ? 'ok' : 'incomplete');
        const listed = report.holes
          .filter((hole) => hole.acknowledged)
          .flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, i) => first + i));
        expect(listed).toEqual(known);
      }),
    );
  });

  it('are found among many that came late, which are not kept', () => {
    const sent: Sent[] = [];
    for (let n = 2; n <= 2_000; n += 2) sent.push({ n, at: n }, { n: n - 1, at: n + 1 });
    sent.push({ n: 2_010, at: 3_000 });
    expect(judge(sent, [{ first: 2_001, last: 2_009, at: 3_001 }])).toMatchObject({ verdict: 'ok', acknowledged: '9' });
  });
});

describe('the end of a publisher that is acknowledged', () => {
  const sent = [
    { n: 1, at: 1 },
    { n: 2, at: 2 },
  ];

  it('is not open any more, and counts', () => {
    const report = judge(sent, [{ first: 3, last: null, at: 3 }]);
    expect(report).toMatchObject({ verdict: 'ok', open: [], open_count: 0, acknowledged: '1' });
    expect(report.acknowledged_ends).toMatchObject([{ producer: 'p', last: 2, acknowledged: { seq: 1, by: 'ops' } }]);
  });

  it('is open again once it emitted more, and what it lost then is missing', () => {
    const more = [...sent, { n: 5, at: 4 }];
    const report = judge(more, [{ first: 3, last: null, at: 3 }]);
    expect(report).toMatchObject({ verdict: 'incomplete', missing: '2', open_count: 1 });
    expect(report).not.toHaveProperty('acknowledged');
  });

  it('is open when the acknowledgement names another number, or was made before its last event', () => {
    for (const said of [
      { first: 2, last: null, at: 3 },
      { first: 4, last: null, at: 3 },
      { first: 3, last: null, at: 2 },
      { first: 3, last: 3, at: 3 },
    ])
      expect(judge(sent, [said])).toMatchObject({ verdict: 'ok', open_count: 1 });
  });

  it('changes nothing about a publisher that closed', () => {
    const closed = [
      { n: 1, at: 1 },
      { n: 2, at: 2, type: END },
    ];
    expect(judge(closed, [{ first: 3, last: null, at: 3 }])).not.toHaveProperty('acknowledged');
  });
});

describe('no acknowledgement', () => {
  it('makes a chain good that is tampered or truncated', () => {
    const lines = chainOf([
      { n: 1, at: 1 },
      { n: 3, at: 2 },
    ]);
    const said = acknowledgementsOf([{ first: 2, last: 2, at: 3 }]);
    const tampered = createChainVerifier({ sha256: fastSha256 });
    tampered.push(lines[0] as string);
    tampered.push((lines[1] as string).replace('approved', 'rejected'));
    expect(tampered.finish(said).verdict).toBe('tampered');
    const truncated = createChainVerifier({ sha256: fastSha256, expect: [{ seq: 9, hash: 'a'.repeat(64) }] });
    for (const line of lines) truncated.push(line);
    expect(truncated.finish(said).verdict).toBe('truncated');
    expect(createChainVerifier({ sha256: fastSha256 }).finish(said).verdict).toBe('unreadable');
  });

  it('is one that is malformed, in another chain than _system, or erased', () => {
    const found = createAcknowledgements();
    const good: JsonObject = {
      kind: 'acknowledged',
      orgid: 'acme',
      producer: 'p',
      first: 2,
      last: 2,
      by: 'ops',
      reason: 'so',
      subject: 's',
      sha256: 'a',
    };
    const bad: JsonObject[] = [
      { kind: 'hold' },
      { orgid: 7 },
      { orgid: '_system' },
      { producer: '' },
      { first: 0 },
      { first: '2' },
      { last: 1 },
      { last: 'x' },
      { by: null },
      { reason: 1 },
    ].map((change): JsonObject => ({ ...good, ...change }));
    for (const line of forge(
      bad.map((event) => ({ event })),
      '_system',
    ))
      found.add(parseEntry(line));
    for (const line of forge([{ event: good }])) found.add(parseEntry(line));
    expect(found.of('acme')).toEqual([]);
    for (const line of forge([{ event: good }], '_system')) found.add(parseEntry(line));
    expect(found.of('acme')).toHaveLength(1);
  });

  it('changes what a report says of a file without any', () => {
    const report = run(
      chainOf([
        { n: 1, at: 1 },
        { n: 3, at: 2 },
      ]),
    );
    expect(report.holes).toEqual([{ producer: 'p', first: 2, last: 2 }]);
    expect(Object.keys(report)).not.toContain('acknowledged');
  });
});
