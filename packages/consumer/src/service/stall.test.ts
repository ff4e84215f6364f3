import { expect, test } from 'vitest';
import { createStall } from './stall.ts';

test('the time since the watermark moved counts while something waits, and nothing else', () => {
  const stall = createStall();
  expect(stall.seconds(1_000)).toBe(0);
  stall.look(1_000, { watermark: 5, waiting: true });
  stall.look(6_000, { watermark: 5, waiting: true });
  expect(stall.seconds(61_000)).toBe(60);
  stall.look(61_000, { watermark: 6, waiting: true });
  expect(stall.seconds(62_000)).toBe(1);
  stall.look(63_000, { watermark: 6, waiting: false });
  expect(stall.seconds(200_000)).toBe(0);
  stall.look(200_000, { watermark: 6, waiting: true });
  expect(stall.seconds(201_000)).toBe(1);
});
