import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createAlarm } from './alarm.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('rings once, at the time that was set first', () => {
  const ring = vi.fn<() => void>();
  const alarm = createAlarm(ring);
  expect(alarm.isSet).toBe(false);
  alarm.set(100);
  alarm.set(10);
  vi.advanceTimersByTime(99);
  expect([alarm.isSet, ring.mock.calls.length]).toEqual([true, 0]);
  vi.advanceTimersByTime(1);
  expect([alarm.isSet, ring.mock.calls.length]).toEqual([false, 1]);
  vi.advanceTimersByTime(1_000);
  expect(ring).toHaveBeenCalledTimes(1);
});

test('a reset replaces the time, a stop ends it, and a ring may set it again', () => {
  let rings = 0;
  const alarm = createAlarm(() => {
    if (++rings === 1) alarm.set(10);
  });
  alarm.set(100);
  alarm.reset(10);
  vi.advanceTimersByTime(10);
  expect([alarm.isSet, rings]).toEqual([true, 1]);
  vi.advanceTimersByTime(10);
  expect(rings).toBe(2);
  alarm.set(10);
  alarm.stop();
  vi.advanceTimersByTime(100);
  expect([alarm.isSet, rings]).toEqual([false, 2]);
});
