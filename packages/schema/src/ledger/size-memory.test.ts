import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { partOf } from '../../test-support/part.ts';
import type { Transfer } from '../event/transfer.ts';
import { createSizeMemory, SIZE_WINDOW, type SizeMemory } from './size-memory.ts';
import type { Volume } from './volume.ts';

interface Past {
  readonly seq: number;
  readonly transfer: Transfer;
  readonly volume: Volume;
}

const transfer = fc.record<Transfer>({
  kind: fc.constantFrom('upload', 'download', 'deduplicated'),
  digest: fc.constantFrom('a', 'b', 'c'),
  bytes: fc.option(fc.nat(5)),
});

/** The rule word by word: looks back over the whole chain. */
function naive(past: readonly Past[], seq: number, { kind, digest, bytes }: Transfer): Volume {
  if (bytes !== null) return { kind, bytes: String(bytes) };
  if (kind !== 'deduplicated') return { kind, bytes: null };
  const mention = past.findLast(
    (p) =>
      p.seq >= seq - SIZE_WINDOW &&
      p.transfer.digest === digest &&
      p.volume.bytes !== null &&
      (p.transfer.kind === 'upload' || p.volume.from !== undefined),
  );
  return mention
    ? { kind, bytes: mention.volume.bytes, from: mention.volume.from ?? mention.seq }
    : { kind, bytes: null };
}

function run(memory: SizeMemory, seq: number, transfer: Transfer): Volume {
  const volume = memory.resolve(seq, transfer);
  memory.note(seq, transfer, volume);
  return volume;
}

/** Steps that are long enough to meet the boundary of the window. */
const chain = fc.array(
  fc.tuple(fc.constantFrom(1, 1, 1, 2, SIZE_WINDOW / 2, SIZE_WINDOW - 1, SIZE_WINDOW, SIZE_WINDOW + 1), transfer),
  { maxLength: 40 },
);

describe('size memory', () => {
  it('follows the rule', () => {
    fc.assert(
      fc.property(chain, (steps) => {
        const memory = createSizeMemory();
        const past: Past[] = [];
        let seq = 0;
        for (const [step, transfer] of steps) {
          seq += step;
          const volume = run(memory, seq, transfer);
          expect(volume).toEqual(naive(past, seq, transfer));
          past.push({ seq, transfer, volume });
        }
      }),
      { numRuns: partOf(1000) },
    );
  });

  it(`is the same when rebuilt from the last ${SIZE_WINDOW} entries`, () => {
    fc.assert(
      fc.property(chain, chain, (before, after) => {
        const memory = createSizeMemory();
        const past: Past[] = [];
        let seq = 0;
        for (const [step, transfer] of before)
          past.push({ seq: (seq += step), transfer, volume: run(memory, seq, transfer) });
        const rebuilt = createSizeMemory();
        for (const p of past) if (p.seq > seq - SIZE_WINDOW) rebuilt.note(p.seq, p.transfer, p.volume);
        for (const [step, transfer] of after) {
          seq += step;
          expect(run(rebuilt, seq, transfer)).toEqual(run(memory, seq, transfer));
        }
      }),
      { numRuns: partOf(1000) },
    );
  });

  it('knows a size for exactly the next SIZE_WINDOW entries', () => {
    const skip: Transfer = { kind: 'deduplicated', digest: 'a', bytes: null };
    for (const [distance, bytes] of [
      [SIZE_WINDOW, '7'],
      [SIZE_WINDOW + 1, null],
    ] as const) {
      const memory = createSizeMemory();
      run(memory, 5, { kind: 'upload', digest: 'a', bytes: 7 });
      // The removal one entry before must not remove too much.
      run(memory, 5 + distance - 1, { kind: 'download', digest: 'b', bytes: 1 });
      expect(memory.resolve(5 + distance, skip).bytes).toBe(bytes);
    }
  });

  it('forgets: it never holds much more than the window', () => {
    const memory = createSizeMemory();
    for (let seq = 1; seq <= SIZE_WINDOW * 3; seq++) {
      run(memory, seq, { kind: 'upload', digest: String(seq), bytes: 1 });
      expect(memory.size > SIZE_WINDOW * 1.1).toBe(false);
    }
    expect(memory.size).toBeGreaterThanOrEqual(SIZE_WINDOW);
  });

  it('keeps a digest, and not the event that it was cut out of', () => {
    const collect = exposeGc();
    const MENTIONS = 10_000;
    const memory = createSizeMemory();
    collect();
    const before = process.memoryUsage().heapUsed;
    for (let seq = 1; seq <= MENTIONS; seq++) {
      const digest = `sha256:${String(seq).padStart(64, '0')}`;
      // A text in one piece of memory, like one that was decoded from bytes.
      const event = Buffer.from(digest.padEnd(4_000, '.')).toString();
      run(memory, seq, { kind: 'upload', digest: event.slice(0, digest.length), bytes: 1 });
    }
    collect();
    const each = (process.memoryUsage().heapUsed - before) / MENTIONS;
    expect(memory.size).toBe(MENTIONS);
    expect(each).toBeLessThan(1_000);
  });
});

function exposeGc(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

it('learns nothing from a transfer that failed', () => {
  const sizes = createSizeMemory();
  const failed = { kind: 'upload', digest: 'd', bytes: 3, failed: true } as const;
  sizes.note(1, failed, sizes.resolve(1, failed));
  expect(sizes.resolve(2, { kind: 'deduplicated', digest: 'd', bytes: null }).bytes).toBeNull();
});
