import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { admit, MAX_MISSING, MAX_PRODUCERS, ProducerWindow, type ProducerWindows } from './producer-window.ts';

/** What the window stands for: the set of numbers that came. */
function expand({ last, missing }: ProducerWindow): Set<number> {
  const came = new Set(Array.from({ length: last }, (_, i) => i + 1));
  for (const [from, to] of missing) for (let n = from; n <= to; n++) came.delete(n);
  return came;
}

describe('admit', () => {
  it('takes each number once, in any order, as a set does', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 120 }), (sequence) => {
        const windows: ProducerWindows = new Map();
        const came = new Set<number>();
        sequence.forEach((n, i) => {
          expect(admit(windows, 'p', n, i + 1)).toBe(!came.has(n));
          came.add(n);
          const window = windows.get('p') as ProducerWindow;
          expect(ProducerWindow.safeParse(window).success).toBe(true);
          expect(expand(window)).toEqual(came);
        });
      }),
      { numRuns: 500 },
    );
  });

  it('takes numbers up to 2^53-1, with a gap of any length', () => {
    const windows: ProducerWindows = new Map();
    expect(admit(windows, 'p', Number.MAX_SAFE_INTEGER, 1)).toBe(true);
    expect(admit(windows, 'p', 2 ** 52, 2)).toBe(true);
    expect(windows.get('p')).toEqual({
      last: 2 ** 53 - 1,
      missing: [
        [1, 2 ** 52 - 1],
        [2 ** 52 + 1, 2 ** 53 - 2],
      ],
      seen: 2,
    });
  });

  it(`remembers ${MAX_MISSING} gaps of a publisher, and treats what it forgot as chained`, () => {
    const windows: ProducerWindows = new Map();
    // 2, 4, 6 …: each leaves a gap of one.
    for (let i = 1; i <= MAX_MISSING + 1; i++) admit(windows, 'p', 2 * i, i);
    expect(windows.get('p')?.missing).toHaveLength(MAX_MISSING);
    expect(admit(windows, 'p', 1, 99)).toBe(false);
    expect(admit(windows, 'p', 3, 99)).toBe(true);
  });

  it('stays within its limit when a late number splits a gap', () => {
    const windows: ProducerWindows = new Map([
      [
        'p',
        {
          last: 1000,
          missing: Array.from({ length: MAX_MISSING }, (_, i) => [i * 10 + 1, i * 10 + 5] as const),
          seen: 1,
        },
      ],
    ]);
    expect(admit(windows, 'p', 633, 2)).toBe(true);
    expect(windows.get('p')?.missing).toHaveLength(MAX_MISSING);
    expect(windows.get('p')?.missing.at(0)).toEqual([11, 15]);
    expect(windows.get('p')?.missing.slice(-2)).toEqual([
      [631, 632],
      [634, 635],
    ]);
  });

  it(`remembers the ${MAX_PRODUCERS} publishers last seen`, () => {
    const windows: ProducerWindows = new Map();
    for (let i = 1; i <= MAX_PRODUCERS; i++) admit(windows, `p${i}`, 1, i);
    admit(windows, 'p1', 2, MAX_PRODUCERS + 1);
    admit(windows, 'new', 1, MAX_PRODUCERS + 2);
    expect(windows.size).toBe(MAX_PRODUCERS);
    expect(windows.has('p2')).toBe(false);
    expect(admit(windows, 'p1', 2, 99)).toBe(false);
    expect(admit(windows, 'p2', 1, 99)).toBe(true);
  });

  it('changes nothing when it refuses', () => {
    const windows: ProducerWindows = new Map();
    admit(windows, 'p', 5, 1);
    const before = structuredClone(windows);
    expect(admit(windows, 'p', 5, 2)).toBe(false);
    expect(windows).toEqual(before);
  });
});

it.each([
  [[[2, 1]]],
  [
    [
      [1, 2],
      [2, 3],
    ],
  ],
  [
    [
      [4, 5],
      [1, 2],
    ],
  ],
  [[[1, 9]]],
])('a window with the gaps %j is none', (missing) => {
  expect(ProducerWindow.safeParse({ last: 9, missing, seen: 1 }).success).toBe(false);
});
