import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createTakeoverDecision, type TakeoverDecision } from './takeover.ts';

const TAKEOVER_MS = 2_000;
/** What is waited for at the most: the first look after the last block, the limit with its spread, a look more. */
const LATEST_MS = TAKEOVER_MS * (1 / 4 + 5 / 4 + 1 / 20);

/**
 * Looks as standby.ts does, each look taking `lookMs`.
 *
 * @returns when it would have taken over; Infinity: not in an hour
 */
function watch(
  takeover: TakeoverDecision,
  {
    at,
    lookMs = 0,
    start = 0,
  }: { at: (now: number) => { lastSeq: number; lag: number }; lookMs?: number; start?: number },
): number {
  for (let now = start; now < 3_600_000; now += takeover.pauseMs + lookMs) {
    if (takeover.look(now, at(now))) return now;
  }
  return Infinity;
}

const randoms = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe('a standby', () => {
  it('writes at once where the newest block is its own: its acknowledgement was lost', () => {
    const takeover = createTakeoverDecision({ writer: 'own', takeoverMs: TAKEOVER_MS });
    expect([takeover.isOwnBlock({ writer: 'own' }), takeover.isOwnBlock({ writer: 'other' })]).toEqual([true, false]);
    expect(takeover.isOwnBlock({ writer: null })).toBe(false);
  });

  it('takes over from a writer that died at any moment, not before takeoverMs and at most 1.55 times that after it', () => {
    fc.assert(
      fc.property(
        randoms,
        fc.integer({ min: 1, max: 20_000 }),
        fc.integer({ min: 0, max: 40 }),
        (random, death, lookMs) => {
          const takeover = createTakeoverDecision({ writer: 'own', takeoverMs: TAKEOVER_MS, random: () => random });
          // A block each 10 ms, and then none.
          const at = (now: number) => ({ lastSeq: Math.floor(Math.min(now, death) / 10), lag: 5 });
          const tookMs = watch(takeover, { at, lookMs }) - death;
          expect(tookMs).toBeGreaterThanOrEqual(TAKEOVER_MS - 10);
          expect(tookMs).toBeLessThanOrEqual(LATEST_MS + 2 * lookMs);
        },
      ),
    );
  });

  it.each([
    ['whose blocks take 1.9 s each', (now: number) => ({ lastSeq: Math.floor(now / 1_900), lag: 1_000_000 })],
    ['that has nothing to do', () => ({ lastSeq: 7, lag: 0 })],
    [
      'that is asked for something each second, and does it',
      (now: number) => ({ lastSeq: 7, lag: now % 1_000 < 400 ? 1 : 0 }),
    ],
  ])('leaves a writer alone %s', (_, at) => {
    expect(watch(createTakeoverDecision({ writer: 'own', takeoverMs: TAKEOVER_MS, random: () => 0 }), { at })).toBe(
      Infinity,
    );
  });

  it('that could not look counts from the first look after that', () => {
    const takeover = createTakeoverDecision({ writer: 'own', takeoverMs: TAKEOVER_MS, random: () => 0 });
    const stands = { lastSeq: 7, lag: 5 };
    for (const now of [0, 500, 1_000, 1_500]) expect(takeover.look(now, stands)).toBe(false);
    takeover.lookFailed();
    expect(watch(takeover, { at: () => stands, start: 9_000 })).toBe(11_000);
  });

  it('that was stopped itself does not take the time for one in which it saw the ledger stand still', () => {
    const takeover = createTakeoverDecision({ writer: 'own', takeoverMs: TAKEOVER_MS, random: () => 0 });
    const stands = { lastSeq: 7, lag: 5 };
    expect(takeover.look(0, stands)).toBe(false);
    expect(takeover.look(60_000, stands)).toBe(false);
    expect(watch(takeover, { at: () => stands, start: 60_100 })).toBe(61_000);
  });
});
