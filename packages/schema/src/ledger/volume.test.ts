import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addVolume,
  DECIMAL_PATTERN,
  NO_TOTALS,
  NO_VOLUME,
  subtractTotals,
  sumTotals,
  TALLIES,
  type Totals,
  type Volume,
} from './volume.ts';

const decimal = fc
  .oneof(
    fc.bigInt(0n, 10n ** 20n),
    fc.bigInt(0n, 1000n),
    fc.constantFrom(999_999_999_999_999n, 2n ** 53n - 1n, 2n ** 53n),
  )
  .map(String);
const anyVolume: fc.Arbitrary<Volume> = fc.oneof(
  fc.constant(NO_VOLUME),
  fc.record({ kind: fc.constantFrom('upload', 'download', 'deduplicated'), bytes: fc.option(decimal) }),
);

/** The same sums, with BigInt only. */
function naive(volumes: readonly Volume[]): Totals {
  const tally = (kind: string) => {
    const own = volumes.filter((v) => v.kind === kind);
    const sum = own.reduce((bytes, v) => bytes + BigInt(v.bytes ?? 0), 0n);
    return {
      count: String(own.length),
      bytes: String(sum),
      unknown: String(own.filter((v) => v.bytes === null).length),
    };
  };
  return {
    events: String(volumes.length),
    uploads: tally('upload'),
    downloads: tally('download'),
    deduplicated: tally('deduplicated'),
  };
}

const fold = (volumes: readonly Volume[], from = NO_TOTALS): Totals => volumes.reduce(addVolume, from);

describe('totals', () => {
  it('are exact sums, beyond 2^53 too', () => {
    fc.assert(
      fc.property(fc.array(anyVolume), (volumes) => {
        expect(fold(volumes)).toEqual(naive(volumes));
      }),
    );
    const max = { kind: 'upload', bytes: String(Number.MAX_SAFE_INTEGER) } as const;
    expect(fold([max, max, { kind: 'upload', bytes: '1' }]).uploads.bytes).toBe('18014398509481983');
  });

  it('of a window are the difference of its ends', () => {
    fc.assert(
      fc.property(fc.array(anyVolume), fc.array(anyVolume), (before, window) => {
        const from = fold(before);
        expect(subtractTotals(fold(window, from), from)).toEqual(naive(window));
      }),
    );
  });

  it('of several chains are added', () => {
    fc.assert(
      fc.property(fc.array(fc.array(anyVolume), { maxLength: 5 }), (chains) => {
        expect(sumTotals(chains.map((volumes) => fold(volumes)))).toEqual(naive(chains.flat()));
      }),
    );
  });

  it('never go backwards', () => {
    const one = fold([{ kind: 'upload', bytes: '5' }]);
    expect(() => subtractTotals(NO_TOTALS, one)).toThrow(new RangeError('totals go backwards: 0 - 1'));
  });

  it('do not change the totals they start from', () => {
    const before = structuredClone(NO_TOTALS);
    for (const kind of ['upload', 'download', 'deduplicated'] as const) addVolume(NO_TOTALS, { kind, bytes: '1' });
    expect(NO_TOTALS).toEqual(before);
    expect(TALLIES.every((name) => name in NO_TOTALS)).toBe(true);
  });
});

it('a decimal has at most 32 digits and no zeros in front', () => {
  for (const good of ['0', '1', '9'.repeat(32)]) expect(good).toMatch(DECIMAL_PATTERN);
  for (const bad of ['', '00', '01', '-1', '1.0', '1e3', ' 1', '9'.repeat(33)])
    expect(bad).not.toMatch(DECIMAL_PATTERN);
});
