import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeChain, type Spec } from '../../test-support/chain.ts';
import { anyChain, anyLongChain, erase, run, runFile, skip, toBytes, upload } from '../../test-support/verdicts.ts';

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
      // 0x1f turns U+FFFD's EF BF BD into F0 BF BD, which a lenient decoder reads as U+FFFD again.
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
  });

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
        // Removing the last entry cuts the tail, and it has no next one to be swapped with.
        const i = n % (lines.length - 1);
        const changed = change(lines, i);
        expect(run(changed)).toMatchObject({ verdict: 'tampered', problem: { seq: seqOf(i, lines.length) } });
      }),
    );
  });
});
