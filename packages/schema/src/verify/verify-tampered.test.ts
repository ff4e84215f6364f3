import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fastSha256, makeChain, type Spec } from '../../test-support/chain.ts';
import {
  anyChain,
  anyLongChain,
  erase,
  forge,
  run,
  runFile,
  skip,
  toBytes,
  upload,
} from '../../test-support/verdicts.ts';
import { canonicalJson } from '../json/canonical.ts';
import type { Json, JsonObject } from '../json/json.ts';
import type { Entry } from '../ledger/entry.ts';
import { SIZE_WINDOW } from '../ledger/size-memory.ts';
import type { Volume } from '../ledger/volume.ts';

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
        { event: event({ producer: 'p', producerseq: '1' }), volume: five },
        { event: event({ producer: 'p', producerseq: '1' }), volume: five },
      ]),
      2,
      'chained a second time',
    ],
    [
      "an origin that is not the event's",
      forge([
        {
          event: event({ producer: 'p', producerseq: '1' }),
          volume: five,
          origin: { producer: 'p', producerseq: '2' },
        },
      ]),
      1,
      'origin is {"producer":"p","producerseq":"2"}, the event says {"producer":"p","producerseq":1}',
    ],
    [
      'no origin where the event has one',
      forge([{ event: event({ producer: 'p', producerseq: '1' }), volume: five, origin: null }]),
      1,
      'origin is null',
    ],
    [
      'an origin where the event has none in form',
      forge([
        {
          event: event({ producer: 'p', producerseq: '01' }),
          volume: five,
          origin: { producer: 'p', producerseq: '1' },
        },
      ]),
      1,
      'the event says null',
    ],
    [
      'an origin of an event in Chainloop’s dialect',
      forge([
        {
          event: { EventType: 'AUDIT_EVENT', Data: { OrgID: 'acme' }, producer: 'p', producerseq: '1' },
          origin: { producer: 'p', producerseq: '1' },
        },
      ]),
      1,
      'the event says null',
    ],
    [
      'an event of one message that comes before another of it',
      forge([
        { event: event(), volume: five, source: 7, index: 3 },
        { event: event(), volume: five, source: 7, index: 2 },
      ]),
      2,
      'source.seq goes from 7, index 3 to 7, index 2',
    ],
    [
      'a message as a whole after an event of it',
      forge([
        { event: event(), volume: five, source: 7, index: 0 },
        { event: event(), volume: five, source: 7 },
      ]),
      2,
      'source.seq goes from 7, index 0 to 7',
    ],
    [
      'a size that is none, and is billed: negative',
      forge([{ event: event({ data: { digest: 'a', size_bytes: -5 } }), volume: { kind: 'upload', bytes: '5' } }]),
      1,
      'derived from the events it is upload of unknown size',
    ],
    [
      'a size that is none, and is billed: a fraction',
      forge([{ event: event({ data: { digest: 'a', size_bytes: 0.5 } }), volume: { kind: 'upload', bytes: '0' } }]),
      1,
      'derived from the events it is upload of unknown size',
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

  it('is taken from what was erased only where that is the later one of those that mention the digest', () => {
    const stated = (bytes: number): JsonObject => ({
      orgid: 'acme',
      type: 'casartifact.uploaded',
      data: { digest: 'a', size_bytes: bytes },
    });
    const seven: Volume = { kind: 'upload', bytes: '7' };
    const taken = (bytes: string, from: number): Volume => ({ kind: 'deduplicated', bytes, from });
    const of = (from: number, bytes: string): string[] =>
      forge([
        { event: stated(5), volume: five },
        { event: stated(7), volume: seven },
        { event: unsized, volume: taken(bytes, from) },
      ]);
    const erasing = (lines: string[], at: number): string[] => lines.with(at, erase(lines[at] as string));
    // The upload of 7 is the later one. Were the erased one of the same digest, it would not count.
    expect(run(erasing(of(1, '5'), 0))).toMatchObject({ verdict: 'tampered', problem: { seq: 3 } });
    expect(run(erasing(of(2, '7'), 0)).verdict).toBe('ok');
    // Erased, the later one may be of the same digest or of another.
    expect(run(erasing(of(2, '7'), 1)).verdict).toBe('ok');
    expect(run(erasing(of(1, '5'), 1)).verdict).toBe('ok');
    // One that was erased and passed the size on is a later one, too.
    const passed = forge([
      { event: stated(5), volume: five },
      { event: stated(7), volume: seven },
      { event: unsized, volume: taken('5', 1) },
      { event: unsized, volume: taken('5', 1) },
    ]);
    expect(run(erasing(erasing(passed, 0), 2)).verdict).toBe('ok');
    expect(run(erasing(passed, 2)).verdict).toBe('ok');
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
