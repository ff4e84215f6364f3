import fc from 'fast-check';
import { expect, it } from 'vitest';
import { partOf } from '../../test-support/part.ts';
import { canonicalJson } from '../json/canonical.ts';
import type { Json } from '../json/json.ts';
import { emptyHead, formatCore } from './entry.ts';
import { RunningHead } from './running-head.ts';
import { RunningTotals } from './running-totals.ts';
import { addVolume, NO_VOLUME, type Tally, type Totals, type Volume } from './volume.ts';

const decimal = fc
  .oneof(
    fc.bigInt(0n, 10n ** 31n),
    fc.bigInt(0n, 1000n),
    fc.constantFrom(999_999_999_999_999n, 2n ** 53n - 2n, 2n ** 53n - 1n, 2n ** 53n),
  )
  .map(String);
const tally: fc.Arbitrary<Tally> = fc.record({ count: decimal, bytes: decimal, unknown: decimal });
const anyTotals: fc.Arbitrary<Totals> = fc.record({
  events: decimal,
  uploads: tally,
  downloads: tally,
  deduplicated: tally,
});
const anyVolume: fc.Arbitrary<Volume> = fc.oneof(
  fc.constant(NO_VOLUME),
  fc.record({ kind: fc.constantFrom('upload', 'download', 'deduplicated'), bytes: fc.option(decimal) }),
);

it('goes the way of addVolume, and prints the canonical JSON of where it is, as often as it is asked', () => {
  const steps = fc.array(fc.tuple(anyVolume, fc.integer({ min: 0, max: 3 })), { maxLength: 12 });
  fc.assert(
    fc.property(anyTotals, steps, (start, volumes) => {
      const running = new RunningTotals(start);
      let totals = start;
      for (const [volume, prints] of volumes) {
        running.add(volume);
        totals = addVolume(totals, volume);
        expect(running.read()).toEqual(totals);
        for (let i = 0; i < prints; i++) expect(running.format()).toBe(canonicalJson(totals as unknown as Json));
      }
    }),
    { numRuns: partOf(1_000) },
  );
});

it.each([
  ['9'.repeat(32), true],
  [`1${'0'.repeat(31)}`, true],
  ['0', true],
] as const)('%s has digits left; one more of 32 nines has not', (bytes, expected) => {
  const totals = { ...emptyHead('a').totals, downloads: { count: '0', bytes, unknown: '0' } };
  const running = new RunningTotals(totals);
  expect(running.areDecimal).toBe(expected);
  running.add({ kind: 'download', bytes: '1' });
  expect(running.areDecimal).toBe(bytes !== '9'.repeat(32));
});

it('is in the core of each entry of a head that goes on, which is formatCore of that entry', () => {
  const head = new RunningHead(emptyHead('acme'));
  const source = { stream: 'AUDIT', seq: 1, subject: 'audit.a.b.acme' };
  fc.assert(
    fc.property(
      anyVolume,
      fc.constantFrom('1970-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z'),
      (volume, received) => {
        const before = head.read();
        const core = head.append({ received, source, origin: null, eventHash: '0'.repeat(64), volume }, () =>
          'f'.repeat(64),
        );
        expect(core).toBe(
          formatCore({
            v: 1,
            orgid: 'acme',
            seq: before.seq + 1,
            prev_hash: before.hash,
            received: head.received,
            source,
            origin: null,
            event_hash: '0'.repeat(64),
            volume,
            totals: addVolume(before.totals, volume),
          }),
        );
        expect(head.received >= before.received && head.received >= received).toBe(true);
      },
    ),
  );
});
