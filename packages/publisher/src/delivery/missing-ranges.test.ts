import { MAX_MISSING, ProducerWindows } from '@waybill/schema';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_OPEN_RANGES, MAX_UNSENT_RANGES, MissingRanges } from './missing-ranges.ts';

const sendAll = (holes: MissingRanges, numbers: readonly number[], lowestParked?: number): string[] =>
  numbers.map((number) => holes.trySend(number, lowestParked));
const numbersFrom = (first: number, count: number, step = 1): number[] =>
  Array.from({ length: count }, (_, i) => first + i * step);

test('half of what a chain remembers is kept for whoever comes after a crash', () => {
  expect(MAX_OPEN_RANGES).toBe(MAX_MISSING / 2);
});

describe('without holes', () => {
  test('as many are in flight as may turn into ranges, then acknowledgements are waited for', () => {
    const holes = new MissingRanges();
    expect(new Set(sendAll(holes, numbersFrom(1, 2 * MAX_OPEN_RANGES)))).toEqual(new Set(['send']));
    expect(holes.trySend(2 * MAX_OPEN_RANGES + 1)).toBe('wait');
    // Some at a time: many small writes cost more than a few.
    holes.stored(1);
    expect(holes.trySend(2 * MAX_OPEN_RANGES + 1)).toBe('wait');
    for (const number of numbersFrom(2, MAX_OPEN_RANGES)) holes.stored(number);
    expect(holes.trySend(2 * MAX_OPEN_RANGES + 1)).toBe('send');
  });

  test('numbers that were dropped between are no matter once everything before is settled', () => {
    const holes = new MissingRanges();
    for (const number of numbersFrom(1, 1_000, 2)) {
      expect(holes.trySend(number)).toBe('send');
      holes.stored(number);
    }
  });
});

describe('while a number is parked', () => {
  test('so many ranges may begin above it, and what would begin another is held', () => {
    const holes = new MissingRanges();
    for (const number of numbersFrom(2, MAX_UNSENT_RANGES, 2)) {
      expect(holes.trySend(number, 1)).toBe('send');
      holes.stored(number);
    }
    const next = 2 + 2 * MAX_UNSENT_RANGES;
    expect(holes.trySend(next, 1)).toBe('hold');
    // What goes on where the last one ended begins none.
    expect(holes.trySend(next - 1, 1)).toBe('send');
    // It is there now, or will never be: what is parked above it is what counts.
    expect(holes.trySend(next + 1, 3)).toBe('send');
  });

  test('filling a hole from below is always possible', () => {
    const holes = new MissingRanges();
    const even = numbersFrom(2, 2 * MAX_UNSENT_RANGES, 2);
    // All in flight at once, when half of them are refused: more ranges than may be begun.
    sendAll(holes, numbersFrom(1, 4 * MAX_UNSENT_RANGES));
    for (const number of even) holes.stored(number);
    for (const number of even) holes.notStored(number - 1);
    expect(holes.trySend(4 * MAX_UNSENT_RANGES + 2, 1)).toBe('hold');
    for (const number of even) {
      expect(holes.trySend(number - 1, number - 1)).toBe('send');
      holes.stored(number - 1);
    }
    expect(holes.trySend(4 * MAX_UNSENT_RANGES + 2)).toBe('send');
  });

  test('one that was parked and turns out to be stored is no hole', () => {
    const holes = new MissingRanges();
    sendAll(holes, [1, 2, 3]);
    holes.stored(1);
    holes.stored(3);
    holes.notStored(2);
    holes.found(2);
    expect(holes.inFlight).toBe(0);
    expect(holes.trySend(4, 10)).toBe('send');
  });
});

/** What becomes of numbers 1, 2, 3 …: never offered, in the stream, refused and parked, or in flight at the end. */
type Fate = 'dropped' | 'stored' | 'parked' | 'flying';

test('whatever becomes of what is in flight, a chain has no more ranges at or above the lowest number that may come', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom<Fate>('dropped', 'stored', 'stored', 'parked', 'flying', 'flying'), {
        minLength: 50,
        maxLength: 400,
        size: 'max',
      }),
      fc.array(fc.boolean(), { minLength: 400, maxLength: 400 }),
      (fates, outcomes) => {
        const holes = new MissingRanges();
        const parked: number[] = [];
        const flying: number[] = [];
        const window = new ProducerWindows();
        for (const [i, fate] of fates.entries()) {
          const number = i + 1;
          if (fate === 'dropped') continue;
          const permission = holes.trySend(number, Math.min(number, ...parked));
          if (permission === 'wait') continue;
          if (permission === 'hold') parked.push(number);
          else if (fate === 'parked') {
            holes.notStored(number);
            parked.push(number);
          } else if (fate === 'stored') {
            holes.stored(number);
            window.admit('p', number, number);
          } else flying.push(number);
        }
        const low = Math.min(...parked, ...flying);
        // The worst that may come: each answer is any answer.
        for (const [i, number] of flying.entries()) if (outcomes[i]) window.admit('p', number, number);
        const open = (window.get('p')?.missing ?? []).filter(([, last]) => last >= low).length;
        expect(open).toBeLessThanOrEqual(MAX_OPEN_RANGES);
      },
    ),
    { numRuns: 1_000 },
  );
});
