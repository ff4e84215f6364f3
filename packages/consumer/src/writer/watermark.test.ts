import { expect, test } from 'vitest';
import { createWatermark } from './watermark.ts';

test('what is stored ends before the oldest block that is not, and never goes back', () => {
  const watermark = createWatermark(10);
  expect([watermark.folded, watermark.stored, watermark.claimed]).toEqual([10, 10, 10]);
  const first = watermark.hold();
  watermark.advance(12);
  const second = watermark.hold();
  watermark.advance(15);
  watermark.advance(14);
  expect([watermark.folded, watermark.stored]).toEqual([15, 10]);
  watermark.release(second);
  expect(watermark.stored).toBe(10);
  watermark.release(first);
  expect(watermark.stored).toBe(15);
});

test('a claim is of everything that is folded, and stays what it was', () => {
  const watermark = createWatermark(0);
  const hold = watermark.hold();
  watermark.advance(3);
  expect([watermark.claim(), watermark.claimed, watermark.stored]).toEqual([3, 3, 0]);
  watermark.release(hold);
  watermark.advance(4);
  expect([watermark.claimed, watermark.stored]).toEqual([3, 4]);
});
