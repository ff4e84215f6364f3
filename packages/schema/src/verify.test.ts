import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anySpec, fastSha256, makeChain, recompute, type Spec } from '../test-support/chain.ts';
import { canonicalJson } from './canonical.ts';
import { appendEntry, emptyHead, type Entry, type Head } from './entry.ts';
import type { Json, JsonObject } from './json.ts';
import { createLineSplitter, MAX_LINE_BYTES } from './line.ts';
import { MAX_PRODUCERS } from './producer-window.ts';
import { SIZE_WINDOW } from './size-memory.ts';
import type { ChainReport } from './verdict.ts';
import { NO_VOLUME, type Volume } from './volume.ts';
import { createChainVerifier, verify, type VerifyOptions } from './verify.ts';

const encoder = new TextEncoder();
const run = (lines: readonly (string | Uint8Array)[], options: VerifyOptions = {}): ChainReport =>
  verify(lines, { sha256: fastSha256, ...options });
const toBytes = (lines: readonly string[]): Uint8Array => encoder.encode(lines.map((line) => `${line}\n`).join(''));

/** As `verify --file` does it. */
function runFile(bytes: Uint8Array, options: VerifyOptions = {}, chunk = 1000): ChainReport {
  const verifier = createChainVerifier({ sha256: fastSha256, ...options });
  const splitter = createLineSplitter();
  for (let at = 0; at < bytes.length; at += chunk)
    for (const line of splitter.push(bytes.subarray(at, at + chunk))) verifier.pushBytes(line);
  const rest = splitter.finish();
  if (rest) verifier.pushBytes(rest);
  return verifier.finish();
}

const upload = (artifact: number, bytes: number | null = 5, producer: number | null = 1): Spec => ({
  what: 'upload',
  artifact,
  bytes,
  producer,
  note: '\ufffd😀ü',
});
const other: Spec = { what: 'other', artifact: 0, bytes: 0, producer: null };
const skip = (artifact: number): Spec => ({ what: 'skip', artifact, bytes: null, producer: 1 });
const anyChain = fc.array(anySpec, { minLength: 1, maxLength: 6 }).map((specs) => makeChain('acme', specs));
const anyLongChain = fc.array(anySpec, { minLength: 3, maxLength: 8 }).map((specs) => makeChain('acme', specs));
const headAt = (lines: readonly string[], seq: number) => ({
  seq,
  hash: (JSON.parse(lines[seq - 1] as string) as Entry).hash,
});

/** A chain of one's own making, with right hashes and whatever in it. */
function forge(
  entries: readonly { event: Json; volume?: Volume; received?: string; source?: number }[],
  orgid = 'acme',
): string[] {
  let head: Head = emptyHead(orgid);
  return entries.map(({ event, volume = NO_VOLUME, received = '2026-01-01T00:00:00.000Z', source }, i) => {
    const next = appendEntry(
      head,
      {
        received,
        source: { stream: 'AUDIT', seq: source ?? i + 1, subject: 's' },
        event: canonicalJson(event),
        volume,
      },
      fastSha256,
    );
    head = next.head;
    return next.line;
  });
}

const erase = (line: string): string => canonicalJson({ ...(JSON.parse(line) as JsonObject), event: null });

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

describe('one byte changed', () => {
  it('is found in every place, with its seq', () => {
    const { lines } = makeChain('acme', [
      upload(1),
      skip(1),
      { what: 'chainloop', artifact: 2, bytes: null, producer: null },
    ]);
    const good = toBytes(lines);
    expect(runFile(good).verdict).toBe('ok');
    const missed: string[] = [];
    let seq = 1;
    for (const [at, byte] of good.entries()) {
      // 0x1f: makes F0 BF BD of U+FFFD's EF BF BD, which a lenient decoder reads as U+FFFD again.
      for (const other of [byte ^ 1, byte ^ 0x1f, byte ^ 0x80, 10]) {
        if (other === byte) continue;
        const { verdict, problem } = runFile(good.with(at, other), {}, 65_536);
        if (verdict !== 'tampered' || problem?.seq !== seq)
          missed.push(`byte ${at}, ${byte} → ${other}: ${verdict} at ${problem?.seq}, wanted ${seq}`);
      }
      if (byte === 10) seq++;
    }
    expect(missed).toEqual([]);
    expect(seq).toBe(4);
  }, 60_000);

  it('is found in chains of any kind and length, one entry too', () => {
    fc.assert(
      fc.property(anyChain, fc.nat(), fc.integer({ min: 1, max: 255 }), ({ lines }, place, flip) => {
        const bytes = toBytes(lines);
        const at = place % bytes.length;
        const seq = bytes.subarray(0, at).filter((byte) => byte === 10).length + 1;
        expect(runFile(bytes.with(at, (bytes[at] as number) ^ flip))).toMatchObject({
          verdict: 'tampered',
          problem: { seq },
        });
      }),
      { numRuns: 500 },
    );
  });

  it('is found in erased entries too', () => {
    const bytes = toBytes(makeChain('acme', [upload(1), skip(1)]).lines.map(erase));
    for (let at = 0; at < bytes.length; at++)
      expect(runFile(bytes.with(at, (bytes[at] as number) ^ 1)).verdict).toBe('tampered');
  });
});

describe('the same value in another form', () => {
  const { lines } = makeChain('acme', [upload(1), upload(2), upload(3)]);
  it.each<[string, (line: string) => string]>([
    ['a space', (line) => line.replace(':', ': ')],
    ['a space at the end', (line) => `${line} `],
    ['a carriage return', (line) => `${line}\r`],
    ['a byte order mark', (line) => `\ufeff${line}`],
    ['an escaped character', (line) => line.replace('ü', String.raw`\u00fc`)],
    ['another number', (line) => line.replace('"seq":2', '"seq":2.0')],
    [
      'another order',
      (line) =>
        line.replace('"seq":2,"source":{"seq":4,', '"source":{"seq":4,').replace('},"totals"', '},"seq":2,"totals"'),
    ],
    ['a member twice', (line) => line.replace('"hash":"', '"hash":"0","hash":"')],
    ['a member of the event twice', (line) => line.replace('"size_bytes":5', '"size_bytes":9,"size_bytes":5')],
  ])('is found: %s', (_name, change) => {
    const changed = lines.with(1, change(lines[1] as string));
    expect(changed).not.toEqual(lines);
    expect(runFile(toBytes(changed))).toMatchObject({ verdict: 'tampered', problem: { seq: 2 } });
  });
});

describe('entries moved', () => {
  const cases: [string, (lines: string[], i: number) => string[], (i: number, length: number) => number][] = [
    ['removed', (lines, i) => lines.toSpliced(i, 1), (i) => i + 1],
    ['doubled', (lines, i) => lines.toSpliced(i, 0, lines[i] as string), (i) => i + 2],
    ['swapped', (lines, i) => lines.toSpliced(i, 2, lines[i + 1] as string, lines[i] as string), (i) => i + 1],
    ['reordered', (lines, i) => [...lines.slice(0, i), ...lines.slice(i).toReversed()], (i) => i + 1],
    [
      'from another chain',
      (lines, i) =>
        lines.with(i, makeChain('acme', [upload(9), upload(8), ...Array<Spec>(9).fill(upload(7))]).lines[i] as string),
      (i) => Math.max(2, i + 1),
    ],
    [
      'from another organization',
      (lines, i) => lines.with(i, (lines[i] as string).replace('"orgid":"acme"', '"orgid":"evil"')),
      (i) => i + 1,
    ],
    ['with a blank line before', (lines, i) => lines.toSpliced(i, 0, ''), (i) => i + 1],
  ];
  it.each(cases)('are found: %s', (_name, change, seqOf) => {
    fc.assert(
      fc.property(anyLongChain, fc.nat(), ({ lines }, n) => {
        // The last entry removed is a cut tail; it cannot be swapped either.
        const i = n % (lines.length - 1);
        const changed = change(lines, i);
        expect(run(changed)).toMatchObject({ verdict: 'tampered', problem: { seq: seqOf(i, lines.length) } });
      }),
    );
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
});

describe('a forged chain whose hashes are right', () => {
  const event = (more: JsonObject = {}): JsonObject => ({
    orgid: 'acme',
    type: 'casartifact.uploaded',
    data: { digest: 'sha256:a', size_bytes: 5 },
    ...more,
  });
  const five: Volume = { kind: 'upload', bytes: '5' };
  const unsized = (digest: string): JsonObject => ({
    orgid: 'acme',
    type: 'casartifact.uploaded',
    data: { digest, skipped: true },
  });

  it.each<[string, string[], number, string]>([
    [
      "a volume that is not the event's",
      forge([{ event: event(), volume: { kind: 'upload', bytes: '6' } }]),
      1,
      'volume is upload 6, derived from the events it is upload 5',
    ],
    [
      'a volume of another kind',
      forge([{ event: event(), volume: { kind: 'download', bytes: '5' } }]),
      1,
      'volume is download 5',
    ],
    ['a volume for nothing', forge([{ event: { orgid: 'acme' }, volume: five }]), 1, 'the event moved nothing'],
    ['no volume for something', forge([{ event: event() }]), 1, 'volume is none of unknown size'],
    [
      'a size from an upload of something else',
      forge([
        { event: event(), volume: five },
        { event: unsized('sha256:b'), volume: { kind: 'deduplicated', bytes: '5', from: 1 } },
      ]),
      2,
      'derived from the events it is deduplicated of unknown size',
    ],
    [
      'a size that was known and is not taken',
      forge([
        { event: event(), volume: five },
        { event: unsized('sha256:a'), volume: { kind: 'deduplicated', bytes: null } },
      ]),
      2,
      'deduplicated 5 from 1',
    ],
    [
      "another organization's event",
      forge([{ event: event({ orgid: 'evil' }), volume: five }]),
      1,
      'the event belongs to "evil"',
    ],
    [
      'an owner that cannot be printed',
      forge([{ event: event({ orgid: { toString: 1, valueOf: 1 } }), volume: five }]),
      1,
      'the event belongs to {"toString":1',
    ],
    [
      "another organization's Chainloop event",
      forge([{ event: { EventType: 'AUDIT_EVENT', Data: { OrgID: 'evil' } } }]),
      1,
      'the event belongs to "evil"',
    ],
    [
      'Chainloop without data',
      forge([{ event: { EventType: 'AUDIT_EVENT', Data: null } }]),
      1,
      'the event belongs to undefined',
    ],
    [
      'an event twice',
      forge([
        { event: event({ producer: 'p', sequence: '1' }), volume: five },
        { event: event({ producer: 'p', sequence: '1' }), volume: five },
      ]),
      2,
      'chained a second time',
    ],
    [
      'a sequence that is none',
      forge([{ event: event({ producer: 'p', sequence: '1.5' }), volume: five }]),
      1,
      'are no count',
    ],
    [
      'one source for two entries',
      forge([
        { event: event(), volume: five, source: 7 },
        { event: event(), volume: five, source: 7 },
      ]),
      2,
      'source.seq goes from 7 to 7',
    ],
    [
      'sources going back',
      forge([
        { event: event(), volume: five, source: 7 },
        { event: event(), volume: five, source: 6 },
      ]),
      2,
      'source.seq goes from 7 to 6',
    ],
  ])('is found: %s', (_name, lines, seq, detail) => {
    expect(run(lines)).toMatchObject({
      verdict: 'tampered',
      problem: { seq, detail: expect.stringContaining(detail) },
    });
  });

  it('is found: received going back, totals that do not add up', () => {
    const rehash = (line: string, change: (core: Record<string, unknown>) => void): string => {
      const entry = JSON.parse(line) as { core: Record<string, unknown>; event: Json; hash: string };
      change(entry.core);
      entry.hash = fastSha256(canonicalJson(entry.core as JsonObject));
      return canonicalJson(entry as unknown as Json);
    };
    const { lines } = makeChain('acme', [upload(1), upload(2)]);
    const [first, second] = lines as [string, string];
    const back = rehash(second, (core) => (core['received'] = '2025-12-31T23:59:59.999Z'));
    expect(run([first, back])).toMatchObject({
      verdict: 'tampered',
      problem: { seq: 2, detail: expect.stringContaining('received goes back') },
    });
    for (const tally of ['uploads', 'downloads', 'deduplicated']) {
      for (const part of ['count', 'bytes', 'unknown']) {
        const wrong = rehash(
          second,
          (core) =>
            (((core['totals'] as Record<string, Record<string, string>>)[tally] as Record<string, string>)[part] =
              '77'),
        );
        expect(run([first, wrong])).toMatchObject({
          verdict: 'tampered',
          problem: { seq: 2, detail: 'totals are not the previous totals plus volume' },
        });
      }
    }
    for (const line of [first, second]) {
      const { seq } = (JSON.parse(line) as Entry).core;
      const before = seq === 1 ? [] : [first];
      const astray = rehash(line, (core) => (core['prev_hash'] = 'f'.repeat(64)));
      expect(run([...before, astray])).toMatchObject({
        verdict: 'tampered',
        problem: { seq, detail: expect.stringContaining('prev_hash is ffff') },
      });
      const jumped = rehash(line, (core) => (core['seq'] = 7));
      expect(run([...before, jumped])).toMatchObject({
        verdict: 'tampered',
        problem: { seq, detail: `expected seq ${seq}, found 7` },
      });
    }
    const events = rehash(first, (core) => ((core['totals'] as Record<string, string>)['events'] = '2'));
    expect(run([events])).toMatchObject({
      verdict: 'tampered',
      problem: { seq: 1, detail: 'totals are not the previous totals plus volume' },
    });
  });

  it('is found in part: a size from before the beginning when a later one is at hand', () => {
    const lines = forge([
      { event: event(), volume: five },
      { event: event(), volume: five },
      { event: unsized('sha256:a'), volume: { kind: 'deduplicated', bytes: '999', from: 1 } },
    ]);
    expect(run(lines.slice(1), { fromSeq: 2 })).toMatchObject({ verdict: 'tampered', problem: { seq: 3 } });
    expect(run(lines.slice(2), { fromSeq: 3 })).toMatchObject({ verdict: 'ok' });
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
  it('may be erased events, as many as there are', () => {
    expect(run(lines.with(1, erase(lines[1] as string)))).toMatchObject({ verdict: 'ok', erased: 1, missing: '1' });
    expect(run(lines.with(2, erase(lines[2] as string)))).toMatchObject({
      verdict: 'incomplete',
      erased: 1,
      missing: '3',
    });
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
    for (const at of [1, 30, 64]) {
      const erased = lines.with(at, erase(lines[at] as string));
      expect(run(erased)).toMatchObject({ verdict: 'ok', erased: 1, repeated: 1 });
      expect(run(erased.slice(1), { fromSeq: 2 })).toMatchObject({ verdict: 'ok', repeated: 0 });
    }
  });
  it('was not, for one other less', () => {
    expect(run(forgetful(MAX_PRODUCERS - 1))).toMatchObject({ verdict: 'tampered', problem: { seq: 65 } });
  });
});

describe('a volume that no event vouches for', () => {
  const five = { kind: 'upload', bytes: '5' } as const;
  const forms: [string, Volume][] = [
    ['from in a download', { kind: 'download', bytes: '5', from: 1 }],
    ['from without bytes', { kind: 'deduplicated', bytes: null, from: 1 }],
    ['from itself', { kind: 'deduplicated', bytes: '5', from: 2 }],
    ['bytes of nothing', { kind: 'none', bytes: '5' }],
    ['more bytes than there are', { kind: 'upload', bytes: '9007199254740992' }],
  ];
  it.each(forms)('has its form, erased or not: %s', (_name, volume) => {
    const lines = forge([{ event: { orgid: 'acme' } }, { event: { orgid: 'acme' }, volume }]);
    for (const changed of [lines, lines.map(erase)]) {
      expect(run(changed)).toMatchObject({
        verdict: 'tampered',
        problem: { seq: 2, detail: expect.stringContaining('the line is no entry: volume.') },
      });
    }
  });
  it('is none in _system', () => {
    const lines = forge([{ event: { kind: 'gap', first: 1, last: 1 }, volume: five }], '_system').map(erase);
    expect(run(lines)).toMatchObject({ verdict: 'tampered', problem: { seq: 1 } });
  });

  const unsized: JsonObject = { orgid: 'acme', type: 'casartifact.uploaded', data: { digest: 'a', skipped: true } };
  it('is no upload because it was erased', () => {
    const lines = forge([
      { event: {}, volume: { kind: 'download', bytes: '5' } },
      { event: unsized, volume: { kind: 'deduplicated', bytes: '5', from: 1 } },
    ]);
    expect(run(lines.with(0, erase(lines[0] as string)))).toMatchObject({ verdict: 'tampered', problem: { seq: 2 } });
  });

  it('is taken from what was erased or is not at hand for as long as it would have been otherwise', () => {
    for (const between of [SIZE_WINDOW - 1, SIZE_WINDOW]) {
      const filler = Array.from({ length: between }, () => ({ event: { orgid: 'acme' } }));
      const lines = forge([
        { event: {}, volume: five },
        ...filler,
        { event: unsized, volume: { kind: 'deduplicated', bytes: '5', from: 1 } },
      ]);
      const verdict = between < SIZE_WINDOW ? 'ok' : 'tampered';
      expect(run(lines.with(0, erase(lines[0] as string))).verdict).toBe(verdict);
      expect(run(lines.slice(1), { fromSeq: 2 }).verdict).toBe(verdict);
    }
  }, 60_000);
});

it('takes events of 64 levels, whose lines have one more, and no deeper ones', () => {
  const nested = (levels: number): Json => (levels === 0 ? 0 : [nested(levels - 1)]);
  const [line = ''] = forge([{ event: { data: nested(63), orgid: 'acme' } }]);
  expect(run([line]).verdict).toBe('ok');
  const deeper = line.replace(/\[0\]/, '[[0]]');
  expect(run([deeper])).toMatchObject({
    verdict: 'tampered',
    problem: { detail: expect.stringContaining('64 levels') },
  });
});

it('says unreadable only where nothing was read, and truncated of nothing', () => {
  const [line = ''] = makeChain('acme', [upload(1)]).lines;
  const head = [{ seq: 1, hash: 'f'.repeat(64) }];
  expect(run(['', ''], { expect: head }).verdict).toBe('truncated');
  expect(run([], { fromSeq: 5, expect: [{ seq: 4, hash: 'f'.repeat(64) }] }).verdict).toBe('unreadable');
  expect(run(['x'], { expect: head }).verdict).toBe('unreadable');
  expect(run(['x', line], { expect: head }).verdict).toBe('tampered');
  expect(
    run([line], {
      expect: [
        { seq: 1, hash: 'f'.repeat(64) },
        { seq: 1, hash: 'e'.repeat(64) },
      ],
    }).verdict,
  ).toBe('tampered');
});

describe('what is no ledger', () => {
  it.each<[string, (string | Uint8Array)[]]>([
    ['nothing', []],
    ['blank lines', ['', '']],
    ['text', ['hello', 'world']],
    ['other JSON', ['{"level":30,"prev_hash":"x"}', '{"core":{}}']],
    ['an image', [Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0xff, 0xfe])]],
    ['UTF-16', [new Uint8Array(Buffer.from(makeChain('acme', [upload(1)]).lines[0] as string, 'utf16le'))]],
  ])('is unreadable: %s', (_name, lines) => {
    expect(run(lines)).toMatchObject({ verdict: 'unreadable', orgid: null, entries: 0, first: null, last: null });
  });

  it('does not hide a ledger behind a bad first line', () => {
    const { lines } = makeChain('acme', [upload(1), upload(2)]);
    expect(run(['x', ...lines])).toMatchObject({
      verdict: 'tampered',
      problem: { seq: 1, detail: expect.stringContaining('the line is no entry') },
    });
    expect(run(['', ...lines])).toMatchObject({ verdict: 'tampered', problem: { seq: 1 } });
  });

  it('is refused line by line, with a bound', () => {
    const { lines } = makeChain('acme', [upload(1)]);
    for (const line of [
      'x'.repeat(MAX_LINE_BYTES + 1),
      encoder.encode('x'.repeat(MAX_LINE_BYTES + 1)),
      'ü'.repeat(MAX_LINE_BYTES / 2 + 1),
    ]) {
      expect(run([...lines, line])).toMatchObject({
        verdict: 'tampered',
        problem: { seq: 2, detail: 'the line has more than 524288 bytes' },
      });
    }
  });

  it('never throws', () => {
    const line = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.uint8Array(),
      fc.constantFrom(...makeChain('acme', [upload(1), skip(1)]).lines, '', '['.repeat(100_000)),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 6 }), (lines) => {
        const report = run(lines);
        expect(report.problem === null).toBe(report.verdict === 'ok' || report.verdict === 'incomplete');
      }),
    );
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
