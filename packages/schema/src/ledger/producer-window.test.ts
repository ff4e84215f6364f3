import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { partOf } from '../../test-support/part.ts';
import {
  type Admission,
  MAX_CHAIN_MISSING,
  MAX_MISSING,
  MAX_PRODUCERS,
  ProducerWindows,
  type WindowLimits,
} from './producer-window.ts';

/** The rules of docs/reference/format.md §9, number by number. */
class PlainWindows {
  readonly windows = new Map<string, { last: number; missing: Set<number>; floor: number; seen: number }>();
  readonly limits: WindowLimits;

  constructor(limits: WindowLimits) {
    this.limits = limits;
  }

  admit(producer: string, n: number, seq: number): Admission {
    const window = this.windows.get(producer);
    if (!window) {
      const oldest = [...this.windows].toSorted(([, a], [, b]) => a.seen - b.seen)[0];
      if (this.windows.size === this.limits.producers && oldest) this.windows.delete(oldest[0]);
      this.windows.set(producer, { last: n, missing: numbers(1, n - 1), floor: 0, seen: seq });
      this.bound(producer);
      return 'new';
    }
    const isNew = n > window.last;
    if (!isNew && !window.missing.has(n)) return n <= window.floor ? 'beyond_window' : 'duplicate';
    for (const one of isNew ? numbers(window.last + 1, n - 1) : []) window.missing.add(one);
    window.missing.delete(n);
    window.last = Math.max(window.last, n);
    window.seen = seq;
    this.bound(producer);
    return isNew ? 'new' : 'late';
  }

  bound(producer: string): void {
    if (this.rangesOf(producer).length > this.limits.missing) this.drop(producer);
    const all = [...this.windows.keys()];
    if (all.reduce((sum, one) => sum + this.rangesOf(one).length, 0) <= this.limits.chainMissing) return;
    const seen = (one: string) => this.windows.get(one)?.seen ?? 0;
    const [most] = all.toSorted((a, b) => this.rangesOf(b).length - this.rangesOf(a).length || seen(a) - seen(b));
    this.drop(most as string);
  }

  drop(producer: string): void {
    const window = this.windows.get(producer);
    const [lowest] = this.rangesOf(producer);
    if (!window || !lowest) return;
    for (let n = lowest[0]; n <= lowest[1]; n++) window.missing.delete(n);
    [, window.floor] = lowest;
  }

  rangesOf(producer: string): [number, number][] {
    const ranges: [number, number][] = [];
    for (const n of [...(this.windows.get(producer)?.missing ?? [])].toSorted((a, b) => a - b)) {
      const last = ranges.at(-1);
      if (last?.[1] === n - 1) last[1] = n;
      else ranges.push([n, n]);
    }
    return ranges;
  }

  read(): object {
    return Object.fromEntries(
      [...this.windows].map(([one, { last, floor, seen }]) => [
        one,
        { floor, last, missing: this.rangesOf(one), seen },
      ]),
    );
  }
}

function numbers(from: number, to: number): Set<number> {
  return new Set(Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i));
}

const read = (windows: ProducerWindows): unknown => JSON.parse(windows.formatAll());

describe('windows', () => {
  it('do what the specification says, number by number', () => {
    const limits = { producers: 3, missing: 3, chainMissing: 5 };
    const sent = fc.tuple(fc.constantFrom('p', 'q', 'r', 's', 't'), fc.integer({ min: 1, max: 24 }));
    const met = new Set<Admission>();
    fc.assert(
      fc.property(fc.array(sent, { maxLength: 80, size: 'max' }), (events) => {
        const windows = new ProducerWindows(limits);
        const plain = new PlainWindows(limits);
        let seq = 0;
        for (const [producer, n] of events) {
          const admission = windows.admit(producer, n, seq + 1);
          expect(admission).toBe(plain.admit(producer, n, seq + 1));
          met.add(admission);
          if (admission === 'new' || admission === 'late') seq++;
          expect(read(windows)).toEqual(plain.read());
          expect(windows.maxBytes).toBeGreaterThanOrEqual(windows.formatAll().length);
        }
      }),
      { numRuns: partOf(1_000) },
    );
    expect(met.size).toBe(4);
  });

  it('take numbers up to 2^53-1, with a gap of any length', () => {
    const windows = new ProducerWindows();
    expect(windows.admit('p', Number.MAX_SAFE_INTEGER, 1)).toBe('new');
    expect(windows.admit('p', 2 ** 52, 2)).toBe('late');
    expect(read(windows)).toEqual({
      p: {
        last: 2 ** 53 - 1,
        missing: [
          [1, 2 ** 52 - 1],
          [2 ** 52 + 1, 2 ** 53 - 2],
        ],
        floor: 0,
        seen: 2,
      },
    });
  });

  it(`remember ${MAX_MISSING} ranges of a publisher, and say of what is below that nobody knows`, () => {
    const windows = new ProducerWindows();
    // 2, 4, 6 …: each leaves one number out.
    for (let i = 1; i <= MAX_MISSING + 1; i++) windows.admit('p', 2 * i, i);
    expect(windows.get('p')?.missing).toHaveLength(MAX_MISSING);
    expect(windows.get('p')?.floor).toBe(1);
    expect(windows.admit('p', 1, 99)).toBe('beyond_window');
    expect(windows.admit('p', 2, 99)).toBe('duplicate');
    expect(windows.admit('p', 3, 99)).toBe('late');
  });

  it(`remember the ${MAX_PRODUCERS} publishers last seen; a forgotten one is new`, () => {
    const windows = new ProducerWindows();
    for (let i = 1; i <= MAX_PRODUCERS; i++) windows.admit(`p${i}`, 1, i);
    windows.admit('p1', 2, MAX_PRODUCERS + 1);
    windows.admit('new', 1, MAX_PRODUCERS + 2);
    expect(windows.size).toBe(MAX_PRODUCERS);
    expect(windows.get('p2')).toBeUndefined();
    expect(windows.admit('p1', 2, 9_999)).toBe('duplicate');
    expect(windows.admit('p2', 1, 9_999)).toBe('new');
  });

  it(`remember ${MAX_CHAIN_MISSING} ranges in all: whoever has most loses its lowest`, () => {
    const windows = new ProducerWindows();
    let seq = 0;
    const full = MAX_CHAIN_MISSING / MAX_MISSING;
    for (let p = 0; p < full; p++) for (let i = 1; i <= MAX_MISSING; i++) windows.admit(`p${p}`, 2 * i, ++seq);
    expect([...windows].every(([, { floor }]) => floor === 0)).toBe(true);
    expect(windows.admit('small', 3, ++seq)).toBe('new');
    // All have as many ranges; p0 was seen first.
    expect(windows.get('p0')).toMatchObject({ floor: 1, missing: expect.objectContaining({ length: 63 }) as unknown });
    expect(windows.get('p1')?.floor).toBe(0);
    expect(windows.get('small')?.missing).toEqual([[1, 2]]);
    expect(windows.admit('p0', 1, seq)).toBe('beyond_window');
  });

  it('change nothing when they refuse', () => {
    const windows = new ProducerWindows();
    windows.admit('p', 5, 1);
    const before = windows.formatAll();
    expect(windows.admit('p', 5, 2)).toBe('duplicate');
    expect(windows.formatAll()).toBe(before);
  });
});

describe('windows as two trailers tell them', () => {
  it('are the same, and go on being so', () => {
    const limits = { producers: 5, missing: 3, chainMissing: 8 };
    const sent = fc.tuple(fc.integer({ min: 0, max: 8 }), fc.integer({ min: 1, max: 20 }));
    const events = fc.array(sent, { maxLength: 40, size: 'max' });
    fc.assert(
      fc.property(events, events, events, (before, between, after) => {
        const windows = new ProducerWindows(limits);
        let seq = 0;
        const take = (one: ProducerWindows, [p, n]: [number, number]): void => {
          const admission = one.admit(`p${p}`, n, seq + 1);
          if (one === windows && (admission === 'new' || admission === 'late')) seq++;
        };
        for (const event of before) take(windows, event);
        const full = windows.formatAll();
        windows.settle(seq);
        const settledAt = seq;
        expect(windows.formatChanged()).toBe('{}');
        for (const event of between) take(windows, event);
        const changed = windows.formatChanged();
        // Exactly the windows that differ, and null for those that are gone.
        const was = JSON.parse(full) as Record<string, unknown>;
        const is = read(windows) as Record<string, unknown>;
        const gone = Object.keys(was).filter((producer) => !(producer in is));
        const other = Object.keys(is).filter((one) => JSON.stringify(is[one]) !== JSON.stringify(was[one]));
        expect(JSON.parse(changed)).toEqual({
          ...Object.fromEntries(gone.map((producer) => [producer, null])),
          ...Object.fromEntries(other.map((producer) => [producer, is[producer]])),
        });
        const restored = ProducerWindows.restore(
          JSON.parse(full) as never,
          JSON.parse(changed) as never,
          settledAt,
          limits,
        );
        expect(restored.formatAll()).toBe(windows.formatAll());
        for (const event of after) {
          take(restored, event);
          take(windows, event);
          expect(restored.formatAll()).toBe(windows.formatAll());
          expect(restored.formatChanged()).toBe(windows.formatChanged());
          expect(restored.maxBytes).toBe(windows.maxBytes);
        }
      }),
      { numRuns: partOf(1_000) },
    );
  });
});
