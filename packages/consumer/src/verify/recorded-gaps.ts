/** Sequence numbers of AUDIT at which there never was a message for the ledger, as `_system` records them. */
import type { JsonObject } from '@waybill/schema';

export interface SequenceGap {
  readonly first: number;
  readonly last: number;
}

export interface RecordedGaps {
  /** Takes in a `gap` record at `seq`; in their order. @returns what is wrong with it, or null */
  take(record: JsonObject, seq: number): string | null;
  /** Went with an earlier stream, if no chain has it. */
  lose(gap: SequenceGap): void;
  /** The recorded gap that has a sequence number; null: none has it. */
  at(seq: number): SequenceGap | null;
  /** Why nobody has a sequence number: a recorded gap, or an earlier stream; null: nothing says so. */
  why(seq: number): SequenceGap | null;
}

export function createRecordedGaps(): RecordedGaps {
  /** Ascending, because `_system` is in AUDIT's order. */
  const gaps: SequenceGap[] = [];
  /** May overlap with gaps. */
  const losses: SequenceGap[] = [];

  function at(seq: number): SequenceGap | null {
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
    take(record, seq) {
      const gap = { first: Number(record['first']), last: Number(record['last']) };
      if (!(gap.first >= 1 && gap.last >= gap.first) || gap.last !== seq)
        return `the gap ${gap.first} to ${gap.last} is recorded at ${seq}`;
      gaps.push(gap);
      return null;
    },
    lose(gap) {
      losses.push(gap);
    },
    at,
    why: (seq) => at(seq) ?? losses.find((loss) => loss.first <= seq && seq <= loss.last) ?? null,
  };
}
