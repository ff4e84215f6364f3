/** Sequence numbers of AUDIT at which the writer found no message, as `_system` records them. */
import type { JsonObject } from '@waybill/schema/internal';

export interface SequenceGap {
  readonly first: number;
  readonly last: number;
}

export interface RecordedGaps {
  /** Adds a `gap` record at `seq`, in the order of `_system`. @returns what is wrong with it, or null */
  addRecord(record: JsonObject, seq: number): string | null;
  /** Adds numbers that may have gone with an earlier stream before they were chained. */
  addLost(gap: SequenceGap): void;
  /** The recorded gap that a sequence number is in; null when it is in none. */
  gapAt(seq: number): SequenceGap | null;
  /** What accounts for a number that no chain has: a recorded gap, or an earlier stream; null when nothing does. */
  reasonAt(seq: number): SequenceGap | null;
}

export function createRecordedGaps(): RecordedGaps {
  /** Ascending, because `_system` is in AUDIT's order. */
  const gaps: SequenceGap[] = [];
  /** They may overlap with gaps. */
  const losses: SequenceGap[] = [];

  function gapAt(seq: number): SequenceGap | null {
    let low = 0;
    let high = gaps.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((gaps[middle] as SequenceGap).last < seq) low = middle + 1;
      else high = middle;
    }
    const gap = gaps[low];
    return gap && gap.first <= seq ? gap : null;
  }

  return {
    addRecord(record, seq) {
      const gap = { first: Number(record['first']), last: Number(record['last']) };
      if (!(gap.first >= 1 && gap.last >= gap.first) || gap.last !== seq)
        return `the gap ${gap.first} to ${gap.last} is recorded at ${seq}`;
      gaps.push(gap);
      return null;
    },
    addLost(gap) {
      losses.push(gap);
    },
    gapAt,
    reasonAt: (seq) => gapAt(seq) ?? losses.find((loss) => loss.first <= seq && seq <= loss.last) ?? null,
  };
}
