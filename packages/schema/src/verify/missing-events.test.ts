import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_MISSING, MAX_PRODUCERS, ProducerWindows } from '../ledger/producer-window.ts';
import { createHoleFinder, type HoleFinder, LISTED } from './missing-events.ts';

/** A finder that counts the entries itself. */
function finderOf(isWhole: boolean): Omit<HoleFinder, 'take'> & { take(producer: string, n: number): string | null } {
  const finder = createHoleFinder(isWhole);
  let seq = isWhole ? 0 : 5_000;
  return { ...finder, take: (producer, producerseq) => finder.take(++seq, { producer, producerseq }) };
}

describe('createHoleFinder', () => {
  it('finds exactly what did not come, as a set does', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { minLength: 1 }),
        fc.boolean(),
        (sequence, isWhole) => {
          const finder = finderOf(isWhole);
          for (const n of sequence) expect(finder.take('p', n)).toBeNull();
          const begin = isWhole ? 1 : (sequence[0] as number);
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
    for (const isWhole of [true, false]) {
      const finder = finderOf(isWhole);
      for (const n of [1, 3, 2]) expect(finder.take('p', n)).toBeNull();
      expect(finder.take('q', 2)).toBeNull();
      expect(finder.take('p', 2)).toBe('the event 2 of producer p is chained a second time');
    }
  });

  it('finds what the writer of the whole chain cannot have taken: below the floor of a window', () => {
    const evens = Array.from({ length: MAX_MISSING + 1 }, (_, i) => 2 * (i + 1));
    const whole = finderOf(true);
    for (const n of evens) expect(whole.take('p', n)).toBeNull();
    expect(whole.take('p', 1)).toBe('the event 1 of producer p is beyond the window of its publisher');
    // What the window of a part was before it begins, nobody knows.
    const part = finderOf(false);
    for (const n of evens) expect(part.take('p', n)).toBeNull();
    expect(part.take('p', 1)).toBeNull();
  });

  it('does not call it wrong when the writer had to forget the publisher, but counts it', () => {
    for (const isWhole of [true, false]) {
      const finder = finderOf(isWhole);
      finder.take('p', 1);
      for (let i = 0; i < MAX_PRODUCERS; i++) finder.take(`q${i}`, 1);
      expect(finder.take('p', 1)).toBeNull();
      expect(finder.finish()).toEqual({ holes: [], missing: '0', repeated: 1 });
      expect(finder.take('p', 1)).toContain('a second time');
    }
  });

  it('finds nothing wrong in what a writer admits, whole and in any part', () => {
    const sent = fc.record({ p: fc.nat(MAX_PRODUCERS + 4), n: fc.integer({ min: 1, max: 300 }) });
    fc.assert(
      fc.property(fc.array(sent, { minLength: 300, maxLength: 900, size: 'max' }), fc.nat(300), (all, from) => {
        const windows = new ProducerWindows();
        // One number or few for most, and any for one, so that much is chained again and much is dropped.
        const numbered = all.map(({ p, n }) => ({ p, n: p < 9 ? n : (n % 2) + 1 }));
        let seq = 0;
        const chain = numbered.filter(({ p, n }) => {
          const admission = windows.admit(`p${p}`, n, seq + 1);
          const isChained = admission === 'new' || admission === 'late';
          if (isChained) seq++;
          return isChained;
        });
        for (const part of [chain, chain.slice(from)]) {
          const finder = finderOf(part === chain);
          for (const { p, n } of part) expect(finder.take(`p${p}`, n)).toBeNull();
        }
        const whole = finderOf(true);
        for (const { p, n } of chain) whole.take(`p${p}`, n);
        expect(whole.windows.formatAll()).toBe(windows.formatAll());
      }),
    );
  });

  it(`lists ${LISTED} holes and counts all, to 2^53 and in any number`, () => {
    const finder = finderOf(true);
    for (let i = 1; i <= 150; i++) finder.take('p', 2 * i);
    finder.take('q', Number.MAX_SAFE_INTEGER);
    expect(finder.finish().holes).toHaveLength(LISTED);
    expect(finder.finish().missing).toBe(String(150n + 2n ** 53n - 2n));
  });
});
