import { expect, test } from 'vitest';
import type { PendingEvent, Waiter } from '../pending-event.ts';
import { createSegment } from '../segment.ts';
import { AccountBook } from './accounts.ts';
import { DiskQueue } from './disk-queue.ts';

const TEXT = JSON.stringify({
  id: '0197c1a0-0000-7000-8000-000000000000',
  type: 'run.started',
  orgid: 'acme',
  producer: 'p1',
  producerseq: '1',
  time: '2026-07-01T00:00:00.000Z',
});

/** A disk that reads these ordinals back in the next turn, and cannot read so many others. */
function createDisk() {
  const segment = createSegment('/spool/p1/1.seg');
  const next = { ordinals: [] as number[], lost: 0 };
  let spooled = 0;
  const disk = new DiskQueue({
    spool: {
      spill: (events: readonly PendingEvent[]) => (spooled += events.length) > 0,
      readBack() {
        spooled -= next.ordinals.length + next.lost;
        const subject = 'audit.run.started.acme';
        return {
          records: next.ordinals.map((ordinal) => ({ ordinal, subject, text: TEXT, segment })),
          lost: next.lost,
        };
      },
      get spooled() {
        return spooled;
      },
    } as never,
    directory: '/spool',
    book: new AccountBook(),
    settlement: { unreadable: () => {} } as never,
  });
  const outcomes: Record<number, string> = {};
  const spill = (ordinal: number): void => {
    const waiter: Waiter = {
      toDisk: false,
      written: () => {},
      resolve: () => void (outcomes[ordinal] = 'acked'),
      reject: ({ code }) => void (outcomes[ordinal] = code),
    };
    disk.append([{ ordinal, waiter, memory: 1 } as PendingEvent]);
  };
  const readBack = (ordinals: number[], lost: number): number[] => {
    Object.assign(next, { ordinals, lost });
    return disk.readBack().map(({ ordinal }) => ordinal);
  };
  return { spill, readBack, outcomes };
}

test('a caller that waits for an event whose record cannot be read back gets SPOOL_DAMAGED', () => {
  const { spill, readBack, outcomes } = createDisk();
  for (let ordinal = 1; ordinal <= 6; ordinal++) spill(ordinal);
  // 1 and 3 cannot be read.
  expect(readBack([2, 4], 2)).toEqual([2, 4]);
  expect(outcomes).toEqual({ 1: 'SPOOL_DAMAGED', 3: 'SPOOL_DAMAGED' });
  // Nor can 5, or 6: which one is known when another one comes, or when none is left.
  expect(readBack([], 1)).toEqual([]);
  expect(outcomes).toEqual({ 1: 'SPOOL_DAMAGED', 3: 'SPOOL_DAMAGED' });
  expect(readBack([6], 0)).toEqual([6]);
  expect(outcomes).toEqual({ 1: 'SPOOL_DAMAGED', 3: 'SPOOL_DAMAGED', 5: 'SPOOL_DAMAGED' });
  spill(7);
  expect(readBack([], 1)).toEqual([]);
  expect(outcomes).toMatchObject({ 7: 'SPOOL_DAMAGED' });
});
