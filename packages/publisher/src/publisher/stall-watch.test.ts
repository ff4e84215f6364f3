import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createStallWatch, STALL_MS } from './stall-watch.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function watch() {
  const counts = { pending: 0, settled: 0, stalls: 0 };
  const watching = createStallWatch({
    pending: () => counts.pending,
    settled: () => counts.settled,
    stalled: () => void counts.stalls++,
  });
  return { counts, watching };
}

test('a stall is noticed after once to twice the time, again and again, and ends when an event is settled', () => {
  const { counts, watching } = watch();
  watching.look();
  counts.pending = 2;
  watching.look();
  vi.advanceTimersByTime(STALL_MS);
  expect([watching.isStalled, counts.stalls]).toEqual([true, 1]);
  vi.advanceTimersByTime(STALL_MS);
  expect([watching.isStalled, counts.stalls]).toEqual([true, 2]);
  counts.settled++;
  counts.pending--;
  expect(watching.isStalled).toBe(false);
  vi.advanceTimersByTime(STALL_MS);
  expect([watching.isStalled, counts.stalls]).toEqual([false, 2]);
  vi.advanceTimersByTime(STALL_MS);
  expect([watching.isStalled, counts.stalls]).toEqual([true, 3]);
});

test('nothing pending is no stall, and leaves no timer', () => {
  const { counts, watching } = watch();
  counts.pending = 1;
  watching.look();
  counts.pending = 0;
  vi.advanceTimersByTime(STALL_MS);
  expect([watching.isStalled, counts.stalls, vi.getTimerCount()]).toEqual([false, 0, 0]);
  counts.pending = 1;
  watching.look();
  expect(vi.getTimerCount()).toBe(1);
  watching.close();
  expect(vi.getTimerCount()).toBe(0);
});
