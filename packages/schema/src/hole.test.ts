import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createHoleFinder, LISTED } from './hole.ts';
import type { JsonObject } from './json.ts';
import { admit, MAX_MISSING, MAX_PRODUCERS, type ProducerWindows } from './producer-window.ts';

const event = (producer: string, sequence: number | string): JsonObject => ({
  producer,
  producerseq: String(sequence),
});

describe('createHoleFinder', () => {
  it('finds exactly what did not come, as a set does', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { minLength: 1 }),
        fc.boolean(),
        (sequence, whole) => {
          const finder = createHoleFinder(whole);
          for (const n of sequence) expect(finder.take(event('p', n))).toBeNull();
          const begin = whole ? 1 : (sequence[0] as number);
          const wanted = Array.from({ length: Math.max(...sequence) }, (_, i) => i + 1).filter(
            (n) => n >= begin && !sequence.includes(n),
          );
          const { holes, missing } = finder.finish();
          expect(missing).toBe(String(wanted.length));
          expect(
            holes.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, i) => first + i)),
          ).toEqual(wanted);
        },
      ),
    );
  });

  it('finds what came twice', () => {
    const finder = createHoleFinder(true);
    for (const n of [1, 3, 2]) expect(finder.take(event('p', n))).toBeNull();
    expect(finder.take(event('q', 2))).toBeNull();
    expect(finder.take(event('p', 2))).toBe('the event 2 of producer p is chained a second time');
  });

  it('does not call it wrong when the writer had to forget the publisher, but counts it', () => {
    const finder = createHoleFinder(true);
    finder.take(event('p', 1));
    for (let i = 0; i < MAX_PRODUCERS; i++) finder.take(event(`q${i}`, 1));
    expect(finder.take(event('p', 1))).toBeNull();
    expect(finder.finish()).toEqual({ holes: [], missing: '0', repeated: 1 });
    expect(finder.take(event('p', 1))).toContain('a second time');
  });

  it('takes an erased event for one of a publisher that nobody else can name', () => {
    for (const others of [MAX_PRODUCERS - 1, MAX_PRODUCERS]) {
      const finder = createHoleFinder(true);
      finder.take(event('p', 1));
      for (let i = 1; i < others; i++) finder.take(event(`q${i}`, 1));
      expect(finder.take(null)).toBeNull();
      expect(finder.take(event('p', 1)) === null).toBe(others === MAX_PRODUCERS);
    }
  });

  it('remembers who came last in a part too, when an early event of theirs comes late', () => {
    const finder = createHoleFinder(false);
    // More gaps than the writer of this part alone would keep; the one of the whole chain had none of them.
    for (let i = 0; i <= MAX_MISSING; i++) expect(finder.take(event('p', 300 - 2 * i))).toBeNull();
    expect(finder.take(event('r', 1))).toBeNull();
    expect(finder.take(event('p', 1))).toBeNull();
    for (let i = 1; i < MAX_PRODUCERS; i++) expect(finder.take(event(`q${i}`, 1))).toBeNull();
    // r was forgotten, and not p.
    expect(finder.take(event('r', 1))).toBeNull();
    expect(finder.finish().repeated).toBe(1);
    expect(finder.take(event('p', 1))).toBeNull();
    expect(finder.take(event('p', 1))).toContain('a second time');
  });

  it('finds nothing wrong in any part of what a writer admits, whatever of it is erased', () => {
    const sent = fc.record({ p: fc.nat(MAX_PRODUCERS + 4), n: fc.integer({ min: 1, max: 300 }), erased: fc.boolean() });
    const one = fc.tuple(fc.array(sent, { minLength: 300, maxLength: 900, size: 'max' }), fc.nat(300), fc.nat(9));
    fc.assert(
      fc.property(one, ([all, from, rate]) => {
        const windows: ProducerWindows = new Map();
        // One number or few for most, and any for one, so that much is chained again and much is dropped.
        const numbered = all.map(({ p, n, erased }) => ({
          p,
          n: p === 0 ? n : (n % 2) + 1,
          erased: erased && n % 10 < rate,
        }));
        const chain = numbered.filter(({ p, n }, i) => admit(windows, `p${p}`, n, i + 1));
        for (const part of [chain, chain.slice(from)]) {
          const finder = createHoleFinder(part === chain);
          for (const { p, n, erased } of part) expect(finder.take(erased ? null : event(`p${p}`, n))).toBeNull();
        }
      }),
    );
  });

  it(`lists ${LISTED} holes and counts all, to 2^53 and in any number`, () => {
    const finder = createHoleFinder(true);
    for (let i = 1; i <= 150; i++) finder.take(event('p', 2 * i));
    finder.take(event('q', Number.MAX_SAFE_INTEGER));
    expect(finder.finish().holes).toHaveLength(LISTED);
    expect(finder.finish().missing).toBe(String(150n + 2n ** 53n - 2n));
  });

  it.each(['0', '1.5', '1e308', 'Infinity', '', 'x', '9007199254740993'])(
    'has no word on the sequence %j',
    (sequence) => {
      const finder = createHoleFinder(true);
      for (let i = 0; i < 2; i++) expect(finder.take(event('p', sequence))).toBeNull();
      expect(finder.finish()).toMatchObject({ missing: '0', repeated: 0 });
    },
  );

  it.each(['', 'a b', 'ü', 'x'.repeat(65)])('has no word on the publisher %j', (producer) => {
    const finder = createHoleFinder(true);
    expect(finder.take(event(producer, 5))).toBeNull();
    expect(finder.finish().missing).toBe('0');
  });

  it('wants both or none of producer and producerseq', () => {
    for (const half of [{ producer: 'p' }, { producerseq: '5' }]) {
      const finder = createHoleFinder(true);
      expect(finder.take(half)).toBeNull();
      expect(finder.finish().missing).toBe('0');
    }
  });

  it('leaves Chainloop and events without a count alone', () => {
    const finder = createHoleFinder(true);
    const chainloop = { EventType: 'AUDIT_EVENT', Data: {}, producer: 'p', producerseq: '5' };
    for (const one of [chainloop, chainloop, {}, {}]) expect(finder.take(one)).toBeNull();
    expect(finder.finish().missing).toBe('0');
  });
});
