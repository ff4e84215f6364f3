import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeChain } from '../../test-support/chain.ts';
import { forge, run, runFile, skip, upload } from '../../test-support/verdicts.ts';
import type { Json } from '../json/json.ts';
import { MAX_LINE_BYTES } from './line-splitter.ts';

const encoder = new TextEncoder();

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

  it('is looked for in so much of a line as the longest one has, and one byte more', () => {
    const mark = ',"v":1,"volume":{"bytes":';
    for (const [at, verdict] of [
      [MAX_LINE_BYTES + 1 - mark.length, 'tampered'],
      [MAX_LINE_BYTES + 2 - mark.length, 'unreadable'],
    ] as const) {
      const line = 'x'.repeat(at) + mark;
      expect(run([line]).verdict).toBe(verdict);
      expect(run([encoder.encode(line)]).verdict).toBe(verdict);
      expect(runFile(encoder.encode(`x\n${line}`)).verdict).toBe(verdict);
    }
  });

  it('is none where a line is one but for its canonical form', () => {
    // Both marks of an entry are damaged, so only the parsed line tells that it is one.
    const [good = ''] = makeChain('acme', [upload(1)]).lines;
    const line = good.replace('{"core":', '{"core": ').replace('"volume":', ' "volume":');
    for (const one of [
      line,
      line.replace('"seq":1', '"seq":1.0'),
      line.replace('"v":1', '"v":1,"v":1'),
      line.replace('"v":1', '"v":2,"v":1'),
      line.replace('"stream":"AUDIT"', String.raw`"stream":"\ud800"`),
      line.replace('"size_bytes":5', '"size_bytes":1e400'),
      line.replace('"size_bytes":5', '"size_bytes":9007199254740993'),
    ]) {
      expect(run([one]), one).toMatchObject({ verdict: 'tampered', problem: { seq: 1 } });
    }
    // Of members with one name the last counts.
    expect(run([line.replace('"v":1', '"v":1,"v":0')]).verdict).toBe('unreadable');
    expect(run([line.replace('"received":', '"received":[NaN],"received":')]).verdict).toBe('unreadable');
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
