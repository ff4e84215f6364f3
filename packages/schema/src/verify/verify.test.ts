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
  skip,
  toBytes,
  upload,
} from '../../test-support/verdicts.ts';
import { canonicalJson } from '../json/canonical.ts';
import type { Json, JsonObject } from '../json/json.ts';
import { type Entry, headOf } from '../ledger/entry.ts';
import { MAX_PRODUCERS } from '../ledger/producer-window.ts';
import { appendEntry } from '../ledger/running-head.ts';
import { SIZE_WINDOW } from '../ledger/size-memory.ts';
import { CHECKED, NOT_CHECKED } from './verdict.ts';
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

  it(`resolves sizes for ${SIZE_WINDOW} entries and not for one more`, () => {
    for (const [filler, bytes] of [
      [SIZE_WINDOW - 1, '5'],
      [SIZE_WINDOW, null],
    ] as const) {
      const { lines } = makeChain('acme', [upload(1), ...Array.from({ length: filler }, () => other), skip(1)]);
      expect(JSON.parse(lines.at(-1) as string)).toMatchObject({ core: { volume: { bytes } } });
      expect(run(lines)).toMatchObject({ verdict: 'ok', entries: filler + 2 });
    }
  }, 60_000);
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

describe('what a report is about', () => {
  const { lines } = makeChain('acme', [upload(1), skip(1), { ...other, producer: 1 }]);

  it('is said, and what it is not about', () => {
    expect(run(lines, { expect: [headAt(lines, 2)] })).toMatchObject({
      verdict: 'ok',
      checked: [
        { what: CHECKED.entries, count: 3 },
        { what: CHECKED.volumes, count: 3 },
        { what: CHECKED.numbers, count: 3 },
        { what: CHECKED.heads, count: 1 },
      ],
      not_checked: [{ what: NOT_CHECKED.audit, count: 3 }],
    });
  });

  it('is not the content of a chain whose events are all erased', () => {
    const { verdict, checked, not_checked } = run(lines.map(erase));
    expect([verdict, checked.map(({ what }) => what)]).toEqual(['ok', [CHECKED.entries, CHECKED.numbers]]);
    expect(not_checked).toEqual([
      { what: NOT_CHECKED.audit, count: 3 },
      { what: NOT_CHECKED.events, count: 3 },
      { what: NOT_CHECKED.volumes, count: 3 },
    ]);
  });

  it('is not what is before the first entry at hand', () => {
    expect(run(lines.slice(1), { fromSeq: 2 }).not_checked).toEqual([
      { what: NOT_CHECKED.audit, count: 2 },
      { what: NOT_CHECKED.before, count: 1 },
      { what: NOT_CHECKED.windows, count: 2 },
      { what: NOT_CHECKED.volumes, count: 1 },
    ]);
  });

  it('is of a record of an unknown kind only that it is chained', () => {
    const records = ['rejected', 'a_kind_of_tomorrow', 7].map((kind) => ({ event: { kind } }));
    const chain = forge([...records, { event: {} }], '_system');
    expect(run(chain)).toMatchObject({
      verdict: 'ok',
      not_checked: [expect.anything(), { what: NOT_CHECKED.kinds, count: 3 }],
    });
    expect(run(chain.with(1, (chain[1] as string).replace('tomorrow', 'yesterday')))).toMatchObject({
      verdict: 'tampered',
    });
  });
});

describe('an entry of a version that is not known here', () => {
  const { lines } = makeChain('acme', [upload(1), upload(2), upload(3)]);
  const newer = (line: string, change: object = {}): string => {
    const { core, ...entry } = JSON.parse(line) as Entry;
    const next = { ...core, v: 2, of_tomorrow: [1], ...change } as unknown as Json;
    return canonicalJson({ ...entry, core: next, hash: fastSha256(canonicalJson(next)) });
  };

  it('ends what can be read: the verdict is neither ok nor tampered', () => {
    const changed = [lines[0] as string, newer(lines[1] as string), 'whatever comes then'];
    expect(run(changed)).toMatchObject({
      verdict: 'unreadable',
      entries: 1,
      problem: { seq: 2, detail: 'core.v is 2: version 1 is the one that is known here' },
      not_checked: [expect.anything(), { what: NOT_CHECKED.version, count: 2 }],
    });
    expect(runFile(toBytes(changed), {}, 100)).toEqual(run(changed));
    expect(run([newer(lines[0] as string)])).toMatchObject({ verdict: 'unreadable', entries: 0, problem: { seq: 1 } });
  });

  it.each<[string, (line: string) => string]>([
    ['another hash', (line) => newer(line).replace('"of_tomorrow":[1]', '"of_tomorrow":[2]')],
    ['another place', (line) => newer(line, { seq: 7 })],
    ['another link', (line) => newer(line, { prev_hash: 'f'.repeat(64) })],
    ['another organization', (line) => newer(line, { orgid: 'evil' })],
    ['other spaces', (line) => newer(line).replace('[1]', '[ 1]')],
    ['version 1, changed', (line) => line.replace('"v":1', '"v":2')],
  ])('has to be the next one all the same: %s', (_name, change) => {
    expect(run([lines[0] as string, change(lines[1] as string)])).toMatchObject({
      verdict: 'tampered',
      problem: { seq: 2 },
    });
  });
});

describe('the first line, of a version that is not known here', () => {
  const zeros = '0'.repeat(64);
  const ones = '1'.repeat(64);
  const newerLine = (change: Record<string, Json | undefined> = {}): string => {
    const core = { event_hash: '', orgid: 'acme', prev_hash: ones, seq: 2, v: 2, ...change };
    const known = JSON.parse(JSON.stringify(core)) as Json;
    return canonicalJson({ core: known, event: null, hash: fastSha256(canonicalJson(known)) });
  };

  it('has to fit the head that the caller holds of the entry before', () => {
    const from = { fromSeq: 2 };
    expect(run([newerLine()], from).verdict).toBe('unreadable');
    expect(run([newerLine()], { ...from, expect: [{ seq: 1, hash: ones }] }).verdict).toBe('unreadable');
    expect(run([newerLine()], { ...from, expect: [{ seq: 1, hash: zeros }] })).toMatchObject({
      verdict: 'tampered',
      problem: { seq: 2 },
    });
    const first = newerLine({ seq: 1, prev_hash: zeros });
    expect(run([first], { expect: [{ seq: 0, hash: zeros }] }).verdict).toBe('unreadable');
    expect(run([first], { expect: [{ seq: 0, hash: ones }] }).verdict).toBe('tampered');
    // The same for one that can be read.
    const { lines } = makeChain('acme', [upload(1), upload(2)]);
    expect(run(lines, { expect: [{ seq: 0, hash: ones }] })).toMatchObject({
      verdict: 'tampered',
      problem: { seq: 1 },
    });
    expect(run(lines.slice(1), { ...from, expect: [{ seq: 1, hash: ones }] }).verdict).toBe('tampered');
    expect(run(lines.slice(1), { ...from, expect: [headAt(lines, 1)] }).verdict).toBe('ok');
  });

  it('compares no head of its own number', () => {
    expect(run([newerLine()], { fromSeq: 2, expect: [{ seq: 2, hash: zeros }] }).verdict).toBe('unreadable');
  });

  it.each<[string, Record<string, Json | undefined>]>([
    ['no orgid', { orgid: undefined }],
    ['an orgid that is no text', { orgid: 7 }],
    ['an empty orgid', { orgid: '' }],
    ['an orgid that can be no chain', { orgid: '_x' }],
    ['no prev_hash', { prev_hash: undefined }],
    ['a prev_hash that is no text', { prev_hash: null }],
    ['a prev_hash in upper case', { prev_hash: 'A'.repeat(64) }],
    ['a prev_hash that is too short', { prev_hash: '1'.repeat(63) }],
  ])('has its form also where there is nothing to compare it with: %s', (_name, change) => {
    expect(run([newerLine(change)], { fromSeq: 2 })).toMatchObject({ verdict: 'tampered', problem: { seq: 2 } });
  });

  it.each(['_system', '_unattributed', 'acme'])('may be of the chain %s', (orgid) => {
    expect(run([newerLine({ orgid })], { fromSeq: 2 }).verdict).toBe('unreadable');
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
    // No organization has that name, and Chainloop's way to name none is another.
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
