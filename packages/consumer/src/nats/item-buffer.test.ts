import { expect, test } from 'vitest';
import { createItemBuffer } from './item-buffer.ts';
import type { StreamMessage } from './stream-item.ts';

const message = (seq: number, bytes: number): StreamMessage => ({
  kind: 'message',
  seq,
  subject: 'audit.thing.done.acme',
  received: '2026-01-05T09:00:00.000Z',
  payload: new Uint8Array(bytes),
});

test('there is room while less than half of the items and bytes are there', () => {
  const buffer = createItemBuffer({ maxItems: 4, maxBytes: 100 });
  buffer.push(message(1, 10));
  expect(buffer.hasRoom).toBe(true);
  buffer.push({ kind: 'gap', first: 2, last: 9, received: null });
  expect(buffer.hasRoom).toBe(false);
  expect(buffer.take(1)).toMatchObject([{ seq: 1 }]);
  buffer.take(1);
  buffer.push(message(10, 50));
  expect(buffer.hasRoom).toBe(false);
  expect(buffer.take(5)).toHaveLength(1);
  expect([buffer.length, buffer.hasRoom]).toEqual([0, true]);
});

test('whoever waits is woken when there is enough, or when the time has passed', async () => {
  const buffer = createItemBuffer({ maxItems: 4, maxBytes: 100 });
  const waiting = buffer.wait(() => buffer.length >= 2);
  buffer.push(message(1, 1));
  buffer.push(message(2, 1));
  await waiting;
  expect(buffer.length).toBe(2);
  await buffer.wait(() => false, 1);
  let isOver = false;
  const ended = buffer.wait(() => isOver);
  isOver = true;
  buffer.wake();
  await ended;
});
