import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anySpec, makeChain } from '../../test-support/chain.ts';
import { MAX_EVENT_BYTES } from '../event/event.ts';
import { canonicalJson } from '../json/canonical.ts';
import type { Json, JsonObject } from '../json/json.ts';
import { utf8Length } from '../json/utf8.ts';
import {
  type ChainState,
  emptyChain,
  formatBlock,
  formatTrailer,
  MAX_BLOCK_BYTES,
  parseBlock,
  splitBlock,
  stateAfter,
} from './block.ts';
import { emptyHead, type Entry } from './entry.ts';
import { MAX_CHAIN_MISSING, MAX_MISSING, MAX_PRODUCERS, ProducerWindows } from './producer-window.ts';
import { appendLine, RunningHead } from './running-head.ts';
import { MAX_KEPT_PAYLOAD } from './system-record.ts';
import { nextTrailer, parseTrailer, producersMismatch, type Trailer } from './trailer.ts';
import { NO_VOLUME } from './volume.ts';

const asJson = (trailer: Trailer): string => canonicalJson(trailer as unknown as Json);

function blockOf(specs: Parameters<typeof makeChain>[1], from = 1, watermark = 99) {
  const { lines, head } = makeChain('acme', specs);
  const state: ChainState = { ...emptyChain('acme'), head: new RunningHead(head) };
  state.producers.admit('boot-1', 7, head.seq);
  const trailer = formatTrailer(state, from, watermark);
  return { lines: lines.slice(from - 1), state, trailer, text: formatBlock(lines.slice(from - 1), trailer) };
}

const upload = { what: 'upload', artifact: 1, bytes: 5, producer: 1 } as const;

describe('a block', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(fc.array(anySpec, { minLength: 1, maxLength: 8 }), fc.maxSafeNat(), (specs, watermark) => {
        const from = Math.ceil(specs.length / 2);
        const { lines, trailer, text, state } = blockOf(specs, from, watermark);
        const block = parseBlock(text);
        expect(block.lines).toEqual(lines);
        expect(block.entries.map((e) => e.core.seq)).toEqual(lines.map((_, i) => from + i));
        expect(block.trailer).toEqual(trailer);
        expect(formatBlock(block.lines, block.trailer)).toBe(text);
        const after = stateAfter(block.entries.at(-1) as Entry, block.trailer);
        expect([after.head.read(), after.producers.formatAll()]).toEqual([
          state.head.read(),
          state.producers.formatAll(),
        ]);
        expect(splitBlock(text)).toEqual({ lines, trailer });
      }),
      { numRuns: 50 },
    );
  });

  it('has a trailer whose line is the canonical JSON of it', () => {
    const id = fc.constantFrom('10', '9', 'a', 'B', 'boot-1', 'Z_');
    const event = fc.tuple(id, fc.integer({ min: 1, max: 40 }));
    fc.assert(
      fc.property(fc.array(anySpec, { minLength: 1, maxLength: 4 }), fc.array(event), (specs, events) => {
        const { head } = makeChain('acme', specs);
        const state = { ...emptyChain('acme'), head: new RunningHead(head) };
        for (const [producer, n] of events) state.producers.admit(producer, n, head.seq);
        const trailer = formatTrailer(state, 1, 12);
        expect(nextTrailer(state, 1, 12)).toEqual({ line: asJson(trailer), base: null });
        expect(parseTrailer(asJson(trailer))).toEqual(trailer);
      }),
    );
  });

  it('is not changed by folding on from it', () => {
    const { text, state, trailer } = blockOf([upload]);
    const block = parseBlock(text);
    for (const { producers } of [state, stateAfter(block.entries[0] as Entry, block.trailer)])
      producers.admit('boot-1', 3, 2);
    expect(formatBlock(block.lines, block.trailer)).toBe(text);
    expect(formatBlock(block.lines, trailer)).toBe(text);
  });

  const { text, lines, trailer } = blockOf([upload, upload, upload]);
  it.each<[string, string, string]>([
    ['nothing', '', 'NOT_A_BLOCK'],
    ['no trailer', `${lines[0]}\n`, 'NOT_A_BLOCK'],
    ['no entry', `${asJson(trailer)}\n`, 'NOT_A_BLOCK'],
    ['no line feed at the end', text.slice(0, -1), 'NOT_A_BLOCK'],
    ['a trailer that is not JSON', `${lines[0]}\n{\n`, 'NOT_A_BLOCK'],
    ['an entry as trailer', `${lines.join('\n')}\n`, 'NOT_A_BLOCK'],
    ['an entry that is none', `x\n${text}`, 'NOT_AN_ENTRY'],
    ['a missing entry', text.replace(`${lines[1]}\n`, ''), 'NOT_A_BLOCK'],
    ['another first', text.replace('"first":1', '"first":2'), 'NOT_A_BLOCK'],
    ['another last', text.replace('"last":3,"orgid"', '"last":4,"orgid"'), 'NOT_A_BLOCK'],
    ['another head', text.replace(/"head":"."?/, '"head":"'), 'NOT_A_BLOCK'],
    ['another organization', text.replace('"orgid":"acme","producers"', '"orgid":"evil","producers"'), 'NOT_A_BLOCK'],
    ['other totals', formatBlock(lines, { ...trailer, totals: { ...trailer.totals, events: '9' } }), 'NOT_A_BLOCK'],
    ['a strange member', formatBlock(lines, { ...trailer, extra: 1 } as never), 'NOT_A_BLOCK'],
    ['a base', formatBlock(lines, { ...trailer, base: 1 }), 'NOT_A_BLOCK'],
    [
      'a publisher that is gone, and no base',
      formatBlock(lines, { ...trailer, producers: { p: null } }),
      'NOT_A_BLOCK',
    ],
    ['another version', text.replace(/"v":1(?=,"watermark")/, '"v":2'), 'NEWER_VERSION'],
    ['no version', text.replace(/"v":1(?=,"watermark")/, '"v":"1"'), 'NOT_A_BLOCK'],
  ])('with %s is none', (_name, text, code) => {
    expect(() => parseBlock(text)).toThrow(expect.objectContaining({ code }) as Error);
  });

  it.each<[string, object]>([
    [
      'ranges that overlap',
      {
        missing: [
          [1, 3],
          [2, 4],
        ],
      },
    ],
    ['ranges that touch its last', { missing: [[4, 9]] }],
    ['ranges at its floor', { floor: 3, missing: [[3, 4]] }],
    ['a range backwards', { missing: [[2, 1]] }],
    ['a range of one number', { missing: [[2]] }],
    [
      'more ranges than it remembers',
      { last: 999, missing: Array.from({ length: 65 }, (_, i) => [2 * i + 1, 2 * i + 1]) },
    ],
    ['a floor at its last', { floor: 9 }],
    ['no floor', { floor: undefined }],
    ['a last that is no number', { last: '9' }],
    ['never seen', { seen: 0 }],
    ['a strange member', { more: 1 }],
  ])('with a window with %s is none', (_name, change) => {
    const window = JSON.parse(JSON.stringify({ last: 9, missing: [], floor: 0, seen: 1, ...change })) as never;
    const bad = formatBlock(lines, { ...trailer, producers: { p: window } });
    expect(() => parseBlock(bad)).toThrow(expect.objectContaining({ code: 'NOT_A_BLOCK' }) as Error);
  });

  it(`of the largest entry and the largest trailer stays under ${MAX_BLOCK_BYTES} bytes`, () => {
    const big = Number.MAX_SAFE_INTEGER;
    const ranges = MAX_CHAIN_MISSING / MAX_PRODUCERS;
    const missing = Array.from({ length: ranges }, (_, i) => [big - 4 * (i + 2), big - 4 * (i + 2) + 1] as const);
    const windows = Array.from({ length: MAX_PRODUCERS }, (_, p) => [
      `${'p'.repeat(60)}${String(p).padStart(4, '0')}`,
      { last: big, missing: missing.toReversed(), floor: big - 900, seen: big },
    ]);
    // The largest possible event is a record: a base64 payload, and a subject as long as a NATS control line.
    const subject = '\u0001'.repeat(4096);
    const record = canonicalJson({
      kind: 'rejected',
      detail: '\u0001'.repeat(500),
      subject,
      payload: 'A'.repeat(Math.ceil(MAX_KEPT_PAYLOAD / 3) * 4),
    });
    expect(utf8Length(record)).toBeGreaterThan(MAX_EVENT_BYTES);
    const source = { stream: 's'.repeat(255), seq: big, subject };
    const head = new RunningHead(emptyHead('_system'));
    const next = { received: '2026-01-01T00:00:00.000Z', source, origin: null, event: record, volume: NO_VOLUME };
    const line = appendLine(head, next);
    const producers = ProducerWindows.restore(Object.fromEntries(windows) as never, null, 1);
    const full = formatBlock([line], formatTrailer({ head, producers, base: null }, 1, big));
    expect(producers.maxBytes).toBeGreaterThanOrEqual(producers.formatAll().length);
    expect(utf8Length(full)).toBeGreaterThan(390_000);
    expect(utf8Length(full)).toBeLessThan(MAX_BLOCK_BYTES);
    expect(parseBlock(full).trailer.orgid).toBe('_system');
  });
});

describe('trailers of a chain with many publishers', () => {
  /** 4,160 events of one service: 65 boot ids, each with 64 missing ranges between large numbers. */
  function manyHoles(state: ChainState): void {
    for (let boot = 0; boot < 65; boot++)
      for (let i = 1; i <= MAX_MISSING; i++) append(state, `${'b'.repeat(20)}${boot}`, LARGE + 2 * i);
  }

  const LARGE = 2 ** 53 - 1_000;

  function append(state: ChainState, producer: string, producerseq: number): string {
    const seq = state.head.seq + 1;
    const origin = { producer, producerseq };
    expect(['new', 'late']).toContain(state.producers.admit(producer, producerseq, seq));
    const source = { stream: 'AUDIT', seq, subject: 's' };
    return appendLine(state.head, {
      received: '2026-01-01T00:00:00.000Z',
      source,
      origin,
      event: '{}',
      volume: NO_VOLUME,
    });
  }

  /** Blocks of one event each. */
  function write(state: ChainState, blocks: number, publishers: number): { text: string; trailerBytes: number }[] {
    return Array.from({ length: blocks }, (_, i) => {
      const line = append(state, `ordinary-${i % publishers}`, Math.floor(i / publishers) + 1);
      const { line: trailer } = nextTrailer(state, state.head.seq, 7);
      return { text: `${line}\n${trailer}\n`, trailerBytes: trailer.length };
    });
  }

  it.each([1, 3])('cost what has changed, and not 156 KB a block: at most 2 KB, with %d publishers', (publishers) => {
    const state = emptyChain('acme');
    manyHoles(state);
    const written = write(state, 3_000, publishers);
    expect(written[0]?.trailerBytes).toBeGreaterThan(140_000);
    const bytes = written.reduce((sum, { trailerBytes }) => sum + trailerBytes, 0);
    expect(bytes / written.length).toBeLessThan(2_048);
  });

  it('give the windows back from the newest block and its base, wherever one begins anew, and cost as little then', () => {
    const state = emptyChain('acme');
    manyHoles(state);
    const all = emptyChain('acme');
    manyHoles(all);
    const blocks = write(state, 300, 40).map(({ text }) => parseBlock(text));
    let bytes = 0;
    for (const [i, { entries, trailer }] of blocks.entries()) {
      const base = trailer.base === null ? null : (blocks.find((one) => one.trailer.last === trailer.base) ?? null);
      const after = stateAfter(entries[0] as Entry, trailer, base?.trailer);
      expect(after.head.read().seq).toBe(trailer.last);
      bytes += asJson(trailer).length;
      // The restored windows are those that all entries give.
      const { origin } = (entries[0] as Entry).core;
      all.producers.admit(origin?.producer ?? '', Number(origin?.producerseq), trailer.last);
      expect(after.producers.formatAll(), `block ${i}`).toBe(all.producers.formatAll());
    }
    expect(bytes / blocks.length).toBeLessThan(5_000);
  });

  it('refuse another base than the one they name', () => {
    const state = emptyChain('acme');
    manyHoles(state);
    const [full, changed] = write(state, 2, 1).map(({ text }) => parseBlock(text));
    const last = changed?.entries[0] as Entry;
    expect(changed?.trailer.base).toBe(full?.trailer.last);
    for (const wrong of [null, changed?.trailer, { ...(full as { trailer: Trailer }).trailer, last: 5 }])
      expect(() => stateAfter(last, changed?.trailer as Trailer, wrong)).toThrow(
        expect.objectContaining({ code: 'NOT_A_BLOCK' }) as Error,
      );
  });

  it('are found to be forged: another window, another base, a window that is left out', () => {
    const state = emptyChain('acme');
    manyHoles(state);
    const written = write(state, 4, 2).map(({ text }) => parseBlock(text).trailer);
    const check = (trailers: readonly Trailer[]): (string | null)[] => {
      const windows = emptyChain('acme');
      manyHoles(windows);
      let lastFull: number | null = null;
      return trailers.map((trailer, i) => {
        append(windows, `ordinary-${i % 2}`, Math.floor(i / 2) + 1);
        const mismatch = producersMismatch(trailer, windows.producers, lastFull);
        if (trailer.base === null) lastFull = trailer.last;
        return mismatch;
      });
    };
    expect(check(written)).toEqual([null, null, null, null]);
    const forge = (i: number, change: Partial<Trailer>): (string | null)[] =>
      check(written.with(i, { ...(written[i] as Trailer), ...change }));
    const { producers } = written[2] as { producers: JsonObject };
    const [name = ''] = Object.keys(producers);
    const poisoned = { ...producers, [name]: { ...(producers[name] as JsonObject), last: 99 } };
    expect(forge(2, { producers: poisoned as never })[2]).toBe('producers are not those of the entries');
    const { [name]: _, ...less } = producers;
    expect(forge(2, { producers: less as never })[2]).toBe('producers are not those of the entries');
    expect(forge(2, { base: 3 })[2]).toContain('trailer.base is 3');
    expect(forge(2, { base: null })[2]).toBe('producers are not those of the entries');
  });
});
