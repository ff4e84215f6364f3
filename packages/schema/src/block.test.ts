import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anySpec, makeChain } from '../test-support/chain.ts';
import {
  type ChainState,
  formatBlock,
  formatTrailer,
  formatTrailerLine,
  MAX_BLOCK_BYTES,
  parseBlock,
  splitBlock,
  stateAfter,
} from './block.ts';
import { canonicalJson } from './canonical.ts';
import { appendEntry, emptyHead, type Entry, RunningHead } from './entry.ts';
import { MAX_EVENT_BYTES } from './event.ts';
import { admit, MAX_MISSING, MAX_PRODUCERS, type ProducerWindows } from './producer-window.ts';
import { utf8Length } from './stamp.ts';
import { MAX_KEPT_PAYLOAD } from './system-record.ts';
import { NO_VOLUME } from './volume.ts';

function blockOf(specs: Parameters<typeof makeChain>[1], from = 1, watermark = 99) {
  const { lines, head } = makeChain('acme', specs);
  const producers: ProducerWindows = new Map();
  admit(producers, 'boot-1', 7, head.seq);
  const state: ChainState = { head: new RunningHead(head), producers };
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
        expect([after.head.read(), after.producers]).toEqual([state.head.read(), state.producers]);
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
        const producers: ProducerWindows = new Map();
        for (const [producer, sequence] of events) admit(producers, producer, sequence, head.seq);
        const state = { head: new RunningHead(head), producers };
        expect(formatTrailerLine(state, 1, 12)).toBe(canonicalJson(formatTrailer(state, 1, 12)));
      }),
    );
  });

  it('is not changed by folding on from it', () => {
    const { text, state, trailer } = blockOf([upload]);
    const block = parseBlock(text);
    for (const { producers } of [state, stateAfter(block.entries[0] as Entry, block.trailer)])
      admit(producers, 'boot-1', 3, 2);
    expect(formatBlock(block.lines, block.trailer)).toBe(text);
    expect(formatBlock(block.lines, trailer)).toBe(text);
  });

  const { text, lines, trailer } = blockOf([upload, upload, upload]);
  it.each<[string, string, string]>([
    ['nothing', '', 'NOT_A_BLOCK'],
    ['no trailer', `${lines[0]}\n`, 'NOT_A_BLOCK'],
    ['no entry', `${canonicalJson(trailer)}\n`, 'NOT_A_BLOCK'],
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
    [
      'gaps that overlap',
      formatBlock(lines, {
        ...trailer,
        producers: {
          p: {
            last: 9,
            missing: [
              [1, 3],
              [2, 4],
            ],
            seen: 1,
          },
        },
      }),
      'NOT_A_BLOCK',
    ],
  ])('with %s is none', (_name, text, code) => {
    expect(() => parseBlock(text)).toThrow(expect.objectContaining({ code }) as Error);
  });

  it(`of the largest entry and the largest trailer stays under ${MAX_BLOCK_BYTES} bytes`, () => {
    const producers: ProducerWindows = new Map();
    const big = Number.MAX_SAFE_INTEGER;
    for (let p = 0; p < MAX_PRODUCERS; p++) {
      const missing = Array.from(
        { length: MAX_MISSING },
        (_, i) => [big - 4 * (MAX_MISSING - i), big - 4 * (MAX_MISSING - i) + 1] as const,
      );
      producers.set(`${'p'.repeat(60)}${String(p).padStart(4, '0')}`, { last: big, missing, seen: big });
    }
    // The largest event there can be is a record of a message: base64 and a subject of a whole NATS control line.
    const subject = '\u0001'.repeat(4096);
    const record = canonicalJson({
      kind: 'rejected',
      detail: '\u0001'.repeat(500),
      subject,
      payload: 'A'.repeat(Math.ceil(MAX_KEPT_PAYLOAD / 3) * 4),
    });
    expect(utf8Length(record)).toBeGreaterThan(MAX_EVENT_BYTES);
    const source = { stream: 's'.repeat(255), seq: big, subject };
    const { line, head } = appendEntry(emptyHead('_system'), {
      received: '2026-01-01T00:00:00.000Z',
      source,
      event: record,
      volume: NO_VOLUME,
    });
    const full = formatBlock([line], formatTrailer({ head, producers }, 1, big));
    expect(utf8Length(full)).toBeGreaterThan(290_000);
    expect(utf8Length(full)).toBeLessThan(MAX_BLOCK_BYTES);
  });
});
