import { MAX_MISSING, ProducerWindows } from '@waybill/schema/internal';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_OPEN_RANGES, MAX_UNSENT_RANGES, MissingRanges } from './missing-ranges.ts';

const sendAll = (ranges: MissingRanges, numbers: readonly number[], lowestWaiting?: number): string[] =>
  numbers.map((number) => ranges.trySend(number, lowestWaiting));
const numbersFrom = (first: number, count: number, step = 1): number[] =>
  Array.from({ length: count }, (_, i) => first + i * step);

test('half of the ranges that a chain remembers is kept for the publisher that comes after a crash', () => {
  expect(MAX_OPEN_RANGES).toBe(MAX_MISSING / 2);
});

describe('without missing numbers', () => {
  test('as many numbers are in flight as may turn into ranges, then sending waits for acknowledgements', () => {
    const ranges = new MissingRanges();
    expect(new Set(sendAll(ranges, numbersFrom(1, 2 * MAX_OPEN_RANGES)))).toEqual(new Set(['send']));
    expect(ranges.trySend(2 * MAX_OPEN_RANGES + 1)).toBe('wait');
    // Sending goes on only when half are settled: many small writes cost more than a few.
    ranges.stored(1);
    expect(ranges.trySend(2 * MAX_OPEN_RANGES + 1)).toBe('wait');
    for (const number of numbersFrom(2, MAX_OPEN_RANGES)) ranges.stored(number);
    expect(ranges.trySend(2 * MAX_OPEN_RANGES + 1)).toBe('send');
  });

  test('dropped numbers do not count once everything before them is settled', () => {
    const ranges = new MissingRanges();
    for (const number of numbersFrom(1, 1_000, 2)) {
      expect(ranges.trySend(number)).toBe('send');
      ranges.stored(number);
    }
  });
});

describe('while a number waits', () => {
  test('a limited number of ranges may begin above it, and a number that would begin another is held', () => {
    const ranges = new MissingRanges();
    for (const number of numbersFrom(2, MAX_UNSENT_RANGES, 2)) {
      expect(ranges.trySend(number, 1)).toBe('send');
      ranges.stored(number);
    }
    const next = 2 + 2 * MAX_UNSENT_RANGES;
    expect(ranges.trySend(next, 1)).toBe('hold');
    // A number right after the last one begins no range.
    expect(ranges.trySend(next - 1, 1)).toBe('send');
    // Number 1 is settled: now the lowest waiting number above it counts.
    expect(ranges.trySend(next + 1, 3)).toBe('send');
  });

  test('a missing range can always be filled from below', () => {
    const ranges = new MissingRanges();
    const even = numbersFrom(2, 2 * MAX_UNSENT_RANGES, 2);
    // All are in flight at once, and half of them are refused: more ranges than may begin.
    sendAll(ranges, numbersFrom(1, 4 * MAX_UNSENT_RANGES));
    for (const number of even) ranges.stored(number);
    for (const number of even) ranges.notStored(number - 1);
    expect(ranges.trySend(4 * MAX_UNSENT_RANGES + 2, 1)).toBe('hold');
    for (const number of even) {
      expect(ranges.trySend(number - 1, number - 1)).toBe('send');
      ranges.stored(number - 1);
    }
    expect(ranges.trySend(4 * MAX_UNSENT_RANGES + 2)).toBe('send');
  });

  test('a waiting number that turns out to be stored is not missing', () => {
    const ranges = new MissingRanges();
    sendAll(ranges, [1, 2, 3]);
    ranges.stored(1);
    ranges.stored(3);
    ranges.notStored(2);
    ranges.found(2);
    expect(ranges.inFlight).toBe(0);
    expect(ranges.trySend(4, 10)).toBe('send');
  });
});

/** What becomes of numbers 1, 2, 3 …: never offered, stored, refused and waiting, or in flight at the end. */
type Fate = 'dropped' | 'stored' | 'parked' | 'flying';

test('whatever becomes of the numbers in flight, a chain has no more ranges at or above the lowest number that may come', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom<Fate>('dropped', 'stored', 'stored', 'parked', 'flying', 'flying'), {
        minLength: 50,
        maxLength: 400,
        size: 'max',
      }),
      fc.array(fc.boolean(), { minLength: 400, maxLength: 400 }),
      (fates, outcomes) => {
        const ranges = new MissingRanges();
        const parked: number[] = [];
        const flying: number[] = [];
        const window = new ProducerWindows();
        for (const [i, fate] of fates.entries()) {
          const number = i + 1;
          if (fate === 'dropped') continue;
          const permission = ranges.trySend(number, Math.min(number, ...parked));
          if (permission === 'wait') continue;
          if (permission === 'hold') parked.push(number);
          else if (fate === 'parked') {
            ranges.notStored(number);
            parked.push(number);
          } else if (fate === 'stored') {
            ranges.stored(number);
            window.admit('p', number, number);
          } else flying.push(number);
        }
        const low = Math.min(...parked, ...flying);
        // The worst case: each answer may be any answer.
        for (const [i, number] of flying.entries()) if (outcomes[i]) window.admit('p', number, number);
        const open = (window.get('p')?.missing ?? []).filter(([, last]) => last >= low).length;
        expect(open).toBeLessThanOrEqual(MAX_OPEN_RANGES);
      },
    ),
    { numRuns: 1_000 },
  );
});
