import { expect, test } from 'vitest';
import { createSlots } from './slots.ts';

test('one asker holds a quarter of what may be held for long, and others the rest', () => {
  const slots = createSlots({ query: 2, wait: 8, bill: 2, stream: 8 });
  const held = ['a', 'a'].map((who) => slots.take('stream', who));
  const busy = expect.objectContaining({ code: 'BUSY', retryAfterMs: 1_000 }) as Error;
  expect(() => slots.take('stream', 'a')).toThrow(busy);
  // Each kind has its own.
  slots.take('wait', 'a')();
  for (const who of ['b', 'c', 'd']) for (let i = 0; i < 2; i++) slots.take('stream', who);
  expect(() => slots.take('stream', 'e')).toThrow(busy);
  held[0]?.();
  held[0]?.();
  expect(slots.taken('stream')).toBe(7);
  slots.take('stream', 'a');
  expect(() => slots.take('stream', 'a')).toThrow(busy);
});
