import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createHoleFinder, LISTED } from './hole.ts';
import type { JsonObject } from './json.ts';
import { MAX_PRODUCERS } from './producer-window.ts';

const event = (producer: string, sequence: number | string): JsonObject => ({ producer, sequence: String(sequence) });

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

  it(`lists ${LISTED} holes and counts all, to 2^53 and in any number`, () => {
    const finder = createHoleFinder(true);
    for (let i = 1; i <= 150; i++) finder.take(event('p', 2 * i));
    finder.take(event('q', Number.MAX_SAFE_INTEGER));
    expect(finder.finish().holes).toHaveLength(LISTED);
    expect(finder.finish().missing).toBe(String(150n + 2n ** 53n - 2n));
  });

  it.each(['0', '1.5', '1e308', 'Infinity', '', 'x', '9007199254740993'])(
    'calls the sequence %j no count',
    (sequence) => {
      const finder = createHoleFinder(true);
      expect(finder.take(event('p', sequence))).toContain('are no count');
      expect(() => finder.finish()).not.toThrow();
    },
  );

  it('leaves Chainloop and events without a count alone', () => {
    const finder = createHoleFinder(true);
    const chainloop = { EventType: 'AUDIT_EVENT', Data: {}, producer: 'p', sequence: '5' };
    for (const one of [chainloop, chainloop, {}, {}]) expect(finder.take(one)).toBeNull();
    expect(finder.finish().missing).toBe('0');
  });
});
