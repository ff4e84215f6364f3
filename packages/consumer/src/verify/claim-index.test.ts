import fc from 'fast-check';
import { hash } from 'node:crypto';
import { expect, test } from 'vitest';
import { createClaimIndex } from './claim-index.ts';

const digest = (n: number) => hash('sha256', String(n), 'buffer');

function unsettled(index: ReturnType<typeof createClaimIndex>, first: number, last: number): [number, number][] {
  const found: [number, number][] = [];
  index.eachUnsettled(first, last, (seq, label) => found.push([seq, label]));
  return found;
}

test('an event belongs to the first entry that claims it, with what that one said', () => {
  const index = createClaimIndex();
  for (const [label, seq] of [1, 65_535, 65_536, 65_537, 9_000_000_000].entries()) {
    for (const place of [{ seq }, { seq, index: 0 }, { seq, index: 255 }]) {
      expect(index.labelAt(place)).toBe(0);
      expect(index.claim(place, label + 1, digest(seq))).toBe(0);
      expect(index.claim(place, 99, digest(0))).toBe(label + 1);
      expect(index.labelAt(place)).toBe(label + 1);
      expect(index.matches(place, digest(seq))).toBe(true);
      expect(index.matches(place, digest(0))).toBe(false);
      index.settle(place);
      expect(index.labelAt(place)).toBe(label + 1);
      expect(index.matches(place, digest(seq))).toBe(true);
    }
    expect(index.has(seq)).toBe(true);
    expect(index.labelAt({ seq, index: 7 })).toBe(0);
  }
  expect(index.has(2)).toBe(false);
});

test('what is not settled is named, in order', () => {
  const place = fc.record({
    seq: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 65_530, max: 65_540 })),
    index: fc.option(fc.integer({ min: 0, max: 255 }), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(fc.tuple(place, fc.boolean())), (claims) => {
      const index = createClaimIndex();
      const open = new Map<string, { seq: number; at: number }>();
      for (const [at, isMet] of claims) {
        index.claim(at, 7, digest(1));
        if (isMet) index.settle(at);
        const key = `${at.seq} ${at.index}`;
        if (isMet) open.delete(key);
        else if (!claims.some(([other, met]) => met && `${other.seq} ${other.index}` === key))
          open.set(key, { seq: at.seq, at: at.index ?? -1 });
      }
      const wanted = [...open.values()].toSorted((a, b) => a.seq - b.seq || a.at - b.at);
      expect(unsettled(index, 1, 70_000)).toEqual(wanted.map(({ seq }) => [seq, 7]));
      expect(unsettled(index, 10, 65_535)).toEqual(
        wanted.filter(({ seq }) => seq >= 10 && seq <= 65_535).map(({ seq }) => [seq, 7]),
      );
    }),
  );
});
