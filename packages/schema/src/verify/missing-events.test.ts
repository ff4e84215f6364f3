import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_MISSING, MAX_PRODUCERS, ProducerWindows } from '../ledger/producer-window.ts';
import { createMissingEventFinder, type MissingEventFinder } from './missing-events.ts';

/** A finder that counts the entries itself. */
function finderOf(
  isWhole: boolean,
): Omit<MissingEventFinder, 'add'> & { add(producer: string, n: number): string | null } {
  const finder = createMissingEventFinder(isWhole);
  let seq = isWhole ? 0 : 5_000;
  return { ...finder, add: (producer, producerseq) => finder.add(++seq, { producer, producerseq }, { seq }) };
}

describe('createMissingEventFinder', () => {
  it('finds exactly what did not come, as a set does', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { minLength: 1 }),
        fc.boolean(),
        (sequence, isWhole) => {
          const finder = finderOf(isWhole);
          for (const n of sequence) expect(finder.add('p', n)).toBeNull();
          const begin = isWhole ? 1 : (sequence[0] as number);
          const wanted = Array.from({ length: Math.max(...sequence) }, (_, i) => i + 1).filter(
            (n) => n >= begin && !sequence.includes(n),
          );
          const { holes, missing } = finder.report();
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
      for (const n of [1, 3, 2]) expect(finder.add('p', n)).toBeNull();
      expect(finder.add('q', 2)).toBeNull();
      expect(finder.add('p', 2)).toBe('the event 2 of producer p is chained a second time');
    }
  });

  it('finds what the writer of the whole chain cannot have taken: below the floor of a window', () => {
    const evens = Array.from({ length: MAX_MISSING + 1 }, (_, i) => 2 * (i + 1));
    const whole = finderOf(true);
    for (const n of evens) expect(whole.add('p', n)).toBeNull();
    expect(whole.add('p', 1)).toBe('the event 1 of producer p is beyond the window of its publisher');
    // Nobody knows the windows before the beginning of a part.
    const part = finderOf(false);
    for (const n of evens) expect(part.add('p', n)).toBeNull();
    expect(part.add('p', 1)).toBeNull();
  });

  it('does not call it wrong when the writer had to forget the publisher, but counts it', () => {
    for (const isWhole of [true, false]) {
      const finder = finderOf(isWhole);
      finder.add('p', 1);
      for (let i = 0; i < MAX_PRODUCERS; i++) finder.add(`q${i}`, 1);
      expect(finder.add('p', 1)).toBeNull();
      expect(finder.report()).toEqual({ holes: [], missing: '0', known: 0n, repeated: 1 });
      expect(finder.add('p', 1)).toContain('a second time');
    }
  });

  it('finds nothing wrong in what a writer admits, whole and in any part', () => {
    const sent = fc.record({ p: fc.nat(MAX_PRODUCERS + 4), n: fc.integer({ min: 1, max: 300 }) });
    fc.assert(
      fc.property(fc.array(sent, { minLength: 300, maxLength: 900, size: 'max' }), fc.nat(300), (all, from) => {
        const windows = new ProducerWindows();
        // Few numbers for most publishers and many for one, so that much is chained again and much is dropped.
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
          for (const { p, n } of part) expect(finder.add(`p${p}`, n)).toBeNull();
        }
        const whole = finderOf(true);
        for (const { p, n } of chain) whole.add(`p${p}`, n);
        expect(whole.windows.formatAll()).toBe(windows.formatAll());
      }),
    );
  });

  it('lists and counts all holes, to 2^53 and in any number', () => {
    const finder = finderOf(true);
    for (let i = 1; i <= 150; i++) finder.add('p', 2 * i);
    finder.add('q', Number.MAX_SAFE_INTEGER);
    expect(finder.report().holes).toHaveLength(151);
    expect(finder.report().missing).toBe(String(150n + 2n ** 53n - 2n));
  });
});
