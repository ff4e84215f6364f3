import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anySpec, fastSha256, makeChain, recompute, type Spec } from '../../test-support/chain.ts';
import {
  anyChain,
  anyLongChain,
  erase,
  forge,
  headAt,
  other,
  run,
  runFile,
  toBytes,
  upload,
} from '../../test-support/verdicts.ts';
import { canonicalJson } from '../json/canonical.ts';
import type { Json, JsonObject } from '../json/json.ts';
import { type Entry, headOf } from '../ledger/entry.ts';
import { MAX_PRODUCERS } from '../ledger/producer-window.ts';
import { appendEntry } from '../ledger/running-head.ts';
import { createChainVerifier, verify } from './verify.ts';

describe('a good chain', () => {
  it('is ok, as lines, as bytes and as a file in chunks', () => {
    fc.assert(
      fc.property(anyChain, fc.integer({ min: 1, max: 5000 }), ({ lines, head }, chunk) => {
        const report = run(lines);
        expect(report).toMatchObject({
          verdict: 'ok',
          orgid: 'acme',
          entries: lines.length,
          totals: head.totals,
          problem: null,
          erased: 0,
          repeated: 0,
          holes: [],
          missing: '0',
        });
        expect(report.first).toEqual(headAt(lines, 1));
        expect(report.last).toEqual({ seq: head.seq, hash: head.hash });
        expect(runFile(toBytes(lines), {}, chunk)).toEqual(report);
        expect(verify(lines)).toEqual(report);
      }),
    );
  });

  it('is ok in part, from a seq on, with what is before it on trust', () => {
    fc.assert(
      fc.property(anyChain, fc.nat(5), ({ lines }, skipped) => {
        const from = (skipped % lines.length) + 1;
        const expected = from > 1 ? [headAt(lines, from - 1)] : [];
        expect(run(lines.slice(from - 1), { fromSeq: from, expect: expected })).toMatchObject({
          verdict: 'ok',
          entries: lines.length - from + 1,
        });
        const wrong = [{ seq: from - 1, hash: 'f'.repeat(64) }];
        expect(run(lines.slice(from - 1), { fromSeq: from, expect: wrong })).toMatchObject({
          verdict: 'tampered',
          problem: { seq: from },
        });
      }),
    );
  });

  it('may have erased events, also of uploads whose size was taken', () => {
    fc.assert(
      fc.property(fc.array(anySpec, { minLength: 1, maxLength: 10 }), fc.nat(1023), (specs, mask) => {
        const { lines } = makeChain('acme', specs);
        const erased = lines.map((line, i) => ((mask >> i) & 1 ? erase(line) : line));
        const count = erased.filter((line, i) => line !== lines[i]).length;
        expect(run(erased)).toMatchObject({
          verdict: 'ok',
          entries: lines.length,
          erased: count,
          totals: run(lines).totals,
        });
      }),
    );
  });

  it("may end with blank lines, and may be _system's", () => {
    const { lines } = makeChain('acme', [upload(1)]);
    expect(run([...lines, '', ''])).toMatchObject({ verdict: 'ok' });
    expect(run(forge([{ event: { kind: 'gap', first: 1, last: 2 } }], '_system'))).toMatchObject({
      verdict: 'ok',
      orgid: '_system',
    });
  });

  it('has totals beyond 2^53', () => {
    const { lines } = makeChain('acme', [
      upload(1, Number.MAX_SAFE_INTEGER),
      upload(2, Number.MAX_SAFE_INTEGER),
      upload(3, Number.MAX_SAFE_INTEGER),
    ]);
    expect(run(lines)).toMatchObject({ verdict: 'ok', totals: { uploads: { bytes: '27021597764222973' } } });
  });
});

describe('what only a head held elsewhere shows', () => {
  it('a cut tail', () => {
    fc.assert(
      fc.property(anyLongChain, fc.nat(), ({ lines, head }, n) => {
        const kept = n % lines.length;
        const cut = lines.slice(0, kept);
        const report = run(cut, { expect: [{ seq: head.seq, hash: head.hash }] });
        expect(report).toMatchObject({ verdict: 'truncated', entries: kept, problem: { seq: kept + 1 } });
        expect(run(cut).verdict).toBe(kept > 0 ? 'ok' : 'unreadable');
      }),
    );
  });

  it('a chain that was recomputed from the middle', () => {
    fc.assert(
      fc.property(anyLongChain, fc.nat(), ({ lines, head }, n) => {
        const from = (n % lines.length) + 1;
        const forged = recompute(lines, from, (event, seq) => (seq === from ? { ...event, forged: true } : event));
        expect(run(forged).verdict).toBe('ok');
        expect(run(forged, { expect: [{ seq: head.seq, hash: head.hash }] })).toMatchObject({
          verdict: 'tampered',
          problem: { seq: head.seq },
        });
        expect(run(forged, { expect: lines.map((_, i) => headAt(lines, i + 1)) })).toMatchObject({
          verdict: 'tampered',
          problem: { seq: from },
        });
      }),
    );
  });

  it('is not there: before the beginning, contradicting, or no number', () => {
    const { lines } = makeChain('acme', [upload(1), upload(2), upload(3)]);
    expect(run(lines.slice(2), { fromSeq: 3, expect: [headAt(lines, 1)] })).toMatchObject({ verdict: 'truncated' });
    expect(run(lines, { expect: [headAt(lines, 3), { seq: 3, hash: 'f'.repeat(64) }] })).toMatchObject({
      verdict: 'tampered',
      problem: { seq: 3 },
    });
    for (const seq of [Number.NaN, 1.5, -1, Infinity])
      expect(run(lines, { expect: [{ seq, hash: '' }] }).verdict).toBe('truncated');
    expect(run(lines, { expect: Array.from({ length: 300_000 }, (_, i) => ({ seq: i + 4, hash: '' })) }).verdict).toBe(
      'truncated',
    );
  });

  it('is not there when it has no hash, whatever a caller without types gives instead', () => {
    const { lines } = makeChain('acme', [upload(1), upload(2), upload(3)]);
    for (const hash of [undefined, null, '', 0] as unknown[] as string[]) {
      const problem = { seq: 2, detail: expect.stringContaining(`expected ${hash}`) as string };
      expect(run(lines, { expect: [{ seq: 2, hash }] })).toMatchObject({ verdict: 'tampered', problem });
      expect(run(lines.slice(2), { fromSeq: 3, expect: [{ seq: 2, hash }] }).verdict).toBe('tampered');
    }
  });
});

describe('holes', () => {
  const sequence = [2, 5, 3];
  const { lines } = makeChain('acme', [upload(1), upload(2), upload(3)], (n) => sequence[n - 1] as number);
  it('make a chain incomplete, not tampered', () => {
    expect(run(lines)).toMatchObject({
      verdict: 'incomplete',
      entries: 3,
      problem: null,
      missing: '2',
      holes: [
        { producer: 'boot-1', first: 1, last: 1 },
        { producer: 'boot-1', first: 4, last: 4 },
      ],
    });
  });
  it('are the smaller evil beside a cut tail', () => {
    expect(run(lines, { expect: [{ seq: 4, hash: '' }] }).verdict).toBe('truncated');
    expect(run([...lines, 'x']).verdict).toBe('tampered');
  });
  it('are the same when events are erased: their numbers stay', () => {
    const { not_checked: _, checked: __, ...whole } = run(lines);
    expect(run(lines.map(erase))).toMatchObject({ ...whole, erased: 3 });
  });
  it('before the beginning of a part are not missed', () => {
    expect(run(lines.slice(1), { fromSeq: 2 })).toMatchObject({ verdict: 'ok', missing: '0' });
  });
});

describe('a publisher that was forgotten', () => {
  const forgetful = (others: number): string[] => {
    const specs = Array.from({ length: others + 1 }, (_, i): Spec => ({ ...other, producer: i }));
    return makeChain('acme', [...specs, { ...other, producer: 0 }], () => 1).lines;
  };
  it('may have an event twice, also when the one for whom it was forgotten is erased', () => {
    const lines = forgetful(MAX_PRODUCERS);
    expect(run(lines)).toMatchObject({ verdict: 'ok', repeated: 1 });
    for (const at of [1, 30, MAX_PRODUCERS]) {
      const erased = lines.with(at, erase(lines[at] as string));
      expect(run(erased)).toMatchObject({ verdict: 'ok', erased: 1, repeated: 1 });
      expect(run(erased.slice(1), { fromSeq: 2 })).toMatchObject({ verdict: 'ok', repeated: 0 });
    }
  });
  it('was not, for one other less', () => {
    expect(run(forgetful(MAX_PRODUCERS - 1))).toMatchObject({
      verdict: 'tampered',
      problem: { seq: MAX_PRODUCERS + 1 },
    });
  });
});

describe('createChainVerifier', () => {
  it('tells when it is enough, and says the same each time it is asked', () => {
    const { lines } = makeChain('acme', [upload(1), upload(2)]);
    for (const input of [[], ['x'], lines, lines.slice(1)]) {
      const verifier = createChainVerifier({ expect: [{ seq: 2, hash: headAt(lines, 2).hash }] });
      const entries = input.map((line) => verifier.push(line));
      expect(verifier.failed).toBe(input.length === 1 && input[0] !== 'x');
      expect(verifier.finish()).toEqual(verifier.finish());
      const good = input === lines ? [1, 2] : input.map(() => undefined);
      expect(entries.map((verified) => verified?.entry.core.seq)).toEqual(good);
    }
  });

  it('takes a problem that its caller found', () => {
    const verifier = createChainVerifier();
    verifier.push(makeChain('acme', [upload(1)]).lines[0] as string);
    verifier.fail('the trailer says otherwise');
    verifier.fail('and more');
    expect(verifier.finish()).toMatchObject({
      verdict: 'tampered',
      entries: 1,
      problem: { seq: 2, detail: 'the trailer says otherwise' },
    });
  });

  it('holds a chain to the organization that was asked for', () => {
    expect(run(makeChain('acme', [upload(1)]).lines, { orgid: 'other' })).toMatchObject({
      verdict: 'tampered',
      orgid: 'other',
      problem: { seq: 1, detail: 'it belongs to the chain of acme, not of other' },
    });
  });
});

describe('two heads of one entry that contradict each other', () => {
  const contradiction = [
    { seq: 7, hash: 'e'.repeat(64) },
    { seq: 7, hash: 'f'.repeat(64) },
  ];
  it.each<[string, string[]]>([
    ['a good chain', makeChain('acme', [upload(1)]).lines],
    ['an empty file', []],
    ['no ledger', ['x']],
  ])('are tampering with %s', (_name, lines) => {
    expect(run(lines, { expect: contradiction })).toMatchObject({
      verdict: 'tampered',
      problem: { seq: 7, detail: expect.stringContaining('are expected') },
    });
    expect(run(lines, { expect: [contradiction[0], contradiction[0]] as never }).verdict).not.toBe('tampered');
  });
});

describe('the chain of what no organization has', () => {
  const event: JsonObject = {
    orgid: '_unattributed',
    claimedorg: 'a b',
    type: 'casartifact.uploaded',
    data: { digest: 'd', size_bytes: 5 },
    producer: 'p',
    producerseq: '1',
  };
  const login = (OrgID?: Json): JsonObject => ({
    EventType: 'AUDIT_EVENT',
    Data: { ActionType: 'UserLoggedIn', ...(OrgID !== undefined && { OrgID }) },
  });

  it('counts events, and nothing that they moved', () => {
    const lines = forge(
      [event, login(), login(null), login('')].map((one) => ({ event: one })),
      '_unattributed',
    );
    expect(run(lines)).toMatchObject({ verdict: 'ok', totals: { events: '4', uploads: { count: '0' } } });
    const moved = forge([{ event, volume: { kind: 'upload', bytes: '5' } }], '_unattributed');
    expect(run(moved)).toMatchObject({ verdict: 'tampered', problem: { seq: 1 } });
  });

  it('holds its publishers to their numbers, and its events to being there', () => {
    expect(run(forge([{ event }, { event }], '_unattributed'))).toMatchObject({
      verdict: 'tampered',
      problem: { seq: 2 },
    });
    expect(run(forge([{ event: { ...event, orgid: 'acme' } }], '_unattributed')).verdict).toBe('tampered');
    expect(run(forge([{ event: login('acme') }], '_unattributed')).verdict).toBe('tampered');
    expect(run(forge([{ event: login() }], 'acme')).verdict).toBe('tampered');
    // No organization has that name. Chainloop names no organization in another way.
    expect(run(forge([{ event: login('_unattributed') }], '_unattributed')).verdict).toBe('tampered');
  });
});

describe('a stream of another name', () => {
  it('may go on with a chain', () => {
    const [first = '', second = ''] = makeChain('acme', [upload(1), upload(2)]).lines;
    const { core, event } = JSON.parse(second) as Entry;
    const head = headOf(JSON.parse(first) as Entry);
    const moved = appendEntry(
      head,
      { ...core, source: { ...core.source, stream: 'AUDIT_2' }, event: canonicalJson(event) },
      fastSha256,
    );
    expect(run([first, moved.line])).toMatchObject({ verdict: 'ok' });
  });
});
