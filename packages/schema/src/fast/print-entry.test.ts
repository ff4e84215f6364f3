import fc from 'fast-check';
import { expect, it } from 'vitest';
import { partOf } from '../../test-support/part.ts';
import { emptyHead, type NextCore } from '../ledger/entry.ts';
import { printNextCore, RunningHead } from '../ledger/running-head.ts';
import type { Tally, Totals, Volume } from '../ledger/volume.ts';
import { printCore } from './print-entry.ts';

const count = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }));
const decimal = fc.bigInt(0n, 10n ** 31n).map(String);
const tally: fc.Arbitrary<Tally> = fc.record({ count: decimal, bytes: decimal, unknown: decimal });
const totals: fc.Arbitrary<Totals> = fc.record({
  events: decimal,
  uploads: tally,
  downloads: tally,
  deduplicated: tally,
});
/** Also texts that have no canonical form. */
const hostile = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('audit.a.b.acme', '"}', '\\', '\u0000\n', '\u2028', '😀', '', '\u007f', '\ud800', 'x\udfff'),
);
const volume: fc.Arbitrary<Volume> = fc.oneof(
  fc.constant<Volume>({ kind: 'none', bytes: null }),
  fc.record({ kind: fc.constantFrom('upload', 'download', 'deduplicated'), bytes: fc.option(decimal) }),
  fc.record({ kind: fc.constant('deduplicated' as const), bytes: decimal, from: count }),
  fc.record({
    kind: fc.constant('upload' as const),
    bytes: decimal,
    from: fc.constant(undefined),
  }) as unknown as fc.Arbitrary<Volume>,
);
const producer = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/);
const next = fc.record({
  received: fc.constantFrom('2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.001Z', '1970-01-01T00:00:00.000Z'),
  source: fc.record(
    { stream: hostile, seq: count, index: fc.option(fc.nat(255), { nil: undefined }), subject: hostile, more: hostile },
    { requiredKeys: ['stream', 'seq', 'subject'] },
  ),
  origin: fc.option(
    fc.oneof(fc.record({ producer, producerseq: count }), fc.record({ producer, producerseq: count.map(String) })),
  ),
  eventHash: fc.stringMatching(/^[0-9a-f]{64}$/),
  volume,
}) as fc.Arbitrary<NextCore>;

function outcome(print: () => string): string {
  try {
    return print();
  } catch (error) {
    return (error as Error).name;
  }
}

it('prints what printNextCore prints, entry after entry of several chains, and throws where it throws', () => {
  let printed = 0;
  fc.assert(
    fc.property(
      totals,
      fc.array(fc.tuple(fc.constantFrom('acme', 'A-b_9', '_system'), next), { minLength: 1, maxLength: 6 }),
      (start, steps) => {
        const heads = new Map<string, RunningHead>();
        for (const [orgid, step] of steps) {
          const head = heads.get(orgid) ?? new RunningHead({ ...emptyHead(orgid), totals: start });
          heads.set(orgid, head);
          const expected = outcome(() => printNextCore(head, step));
          expect(outcome(() => printCore(head, step))).toBe(expected);
          if (!expected.startsWith('{')) continue;
          printed++;
          head.append(step, () => 'f'.repeat(64));
        }
      },
    ),
    { numRuns: partOf(2_000) },
  );
  expect(printed).toBeGreaterThan(partOf(1_000));
});
