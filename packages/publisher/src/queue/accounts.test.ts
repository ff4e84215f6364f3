import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PendingEvent } from '../pending-event.ts';
import { AccountBook } from './accounts.ts';

const STEPS = ['accept', 'refuse', 'ack', 'drop', 'toDisk', 'fromDisk', 'lose', 'adopt'] as const;

const eventOf = (ordinal: number, adopted = false): PendingEvent =>
  ({ ordinal, memory: 1 + ordinal, state: 'accepted', adopted }) as PendingEvent;

/** A queue that holds events in memory and on disk, as the book should count them. */
function createModel() {
  const book = new AccountBook();
  const memory: PendingEvent[] = [];
  const disk: PendingEvent[] = [];
  const step = (kind: (typeof STEPS)[number]): void => {
    if (kind === 'refuse') return book.refuse({ reason: 'invalid' });
    if (kind === 'accept') {
      memory.push(eventOf(book.nextOrdinal));
      return book.accept(memory.at(-1) as PendingEvent);
    }
    if (kind === 'adopt') {
      memory.push(eventOf(1_000, true));
      return book.adopt();
    }
    if (kind === 'lose') {
      if (disk.shift()) book.lose(1);
      return;
    }
    if (kind === 'fromDisk') {
      const event = disk.shift();
      if (event === undefined) return;
      memory.push(eventOf(event.ordinal));
      return book.fromDisk(memory.at(-1) as PendingEvent);
    }
    const event = memory.shift();
    if (event === undefined) return;
    if (kind === 'ack') return book.ack(event, false);
    if (kind === 'drop' || event.adopted) return book.drop(event, 'too_large');
    disk.push(event);
    return book.toDisk(event);
  };
  return { book, memory, disk, step };
}

test('every emitted event is in exactly one number, whatever happens', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...STEPS), { size: 'medium' }), (steps) => {
      const { book, memory, disk, step } = createModel();
      for (const kind of steps) {
        step(kind);
        const { emitted, acked, pending, spooled, dropped } = book.read();
        const lost = Object.values(dropped).reduce((sum, events) => sum + events, 0);
        expect(emitted).toBe(acked + pending + spooled + lost);
        const own = memory.filter(({ adopted }) => !adopted);
        expect([pending, spooled]).toEqual([own.length, disk.length]);
        expect(book.bytes).toBe(own.reduce((sum, event) => sum + event.memory, 0));
        const { found, acked: theirs, dropped: gone, inMemory } = book.adopted;
        expect(found).toBe(theirs + gone + inMemory);
        expect(inMemory).toBe(memory.length - own.length);
      }
    }),
  );
});

test('a flush waits for what was emitted before it, in memory and on disk, and for nothing else', async () => {
  const { book, step } = createModel();
  expect(await book.whenSettled(0)).toBe(true);
  step('accept');
  step('toDisk');
  step('accept');
  const flushed = book.whenSettled(60_000);
  step('accept');
  expect(await book.whenSettled(0)).toBe(false);
  step('ack');
  step('lose');
  expect(await flushed).toBe(true);
  expect(book.pending).toBe(1);
});
