import type { JetStreamManager } from '@nats-io/jetstream';
import { expect, test } from 'vitest';
import { createArrivals } from './arrivals.ts';
import { createItemBuffer } from './item-buffer.ts';

const RECEIVED = '2026-01-05T09:00:00.000Z';

/** Arrivals from sequence 1 on, of a stream whose leader has messages at some sequences and ends at `last`. */
function arrivals(seqs: readonly number[], last: number, confirm?: () => Promise<void>) {
  const jsm = {
    streams: {
      info: async () => ({ state: { last_seq: last } }),
      getMessage: async (_: string, { seq }: { seq: number }) => {
        const next = seqs.find((one) => one >= seq);
        return next === undefined ? null : { seq: next, time: new Date(RECEIVED) };
      },
    },
  } as unknown as JetStreamManager;
  const buffer = createItemBuffer({ maxItems: 100, maxBytes: 1_000 });
  const made = createArrivals(buffer, { jsm, stream: 'AUDIT', startSeq: 1, ...(confirm && { confirm }) });
  const add = (seq: number): boolean =>
    made.addMessage('audit.a.b', new Uint8Array(1), { streamSeq: seq, consumerSeq: 1, received: RECEIVED, pending: 0 });
  const read = (): unknown[] => buffer.take(100).map((one) => (one.kind === 'gap' ? [one.first, one.last] : one.seq));
  return { made, add, read };
}

test('a jump is no gap before the leader says so', async () => {
  const { made, add, read } = arrivals([1, 4], 4);
  expect([add(1), add(4), add(1), made.position]).toEqual([true, false, false, 1]);
  await made.addGap();
  expect([add(4), made.position]).toEqual([true, 4]);
  expect(read()).toEqual([1, [2, 3], 4]);
});

test('where the leader has the message that did not arrive, there is no gap', async () => {
  const { made, add, read } = arrivals([1, 2, 3], 3);
  expect([add(1), add(3)]).toEqual([true, false]);
  await made.addGap();
  expect([read(), made.position]).toEqual([[1], 1]);
});

test('a gap at the end counts when it is found twice, and none when the stream is another one or nobody reads', async () => {
  const atEnd = arrivals([1], 3);
  atEnd.add(1);
  await atEnd.made.addGap();
  expect(atEnd.made.position).toBe(1);
  await atEnd.made.addGap();
  expect(atEnd.read()).toEqual([1, [2, 3]]);

  const another = arrivals([3], 3, () => Promise.reject(new Error('another stream')));
  await expect(another.made.addGap()).rejects.toThrow('another stream');
  const stopped = arrivals([3], 3);
  stopped.made.stop();
  await stopped.made.addGap();
  expect([another.read(), stopped.read()]).toEqual([[], []]);
});
