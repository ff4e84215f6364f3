/**
 * Up to where AUDIT is in the ledger: the one place that knows. A session has one watermark; whoever needs the number
 * asks it.
 *
 * All numbers are sequences of AUDIT as the ledger counts them (audit/epoch.ts), and none of them ever goes back.
 */
export interface Watermark {
  /** Every message up to here was appended to a block, or its chain has it already. */
  readonly folded: number;
  /** Every message up to here is stored. A block that is sealed now says so. */
  readonly stored: number;
  /** What the ledger says when all blocks that are sealed so far are stored. */
  readonly claimed: number;
  /** Every message up to a sequence is folded. */
  advance(seq: number): void;
  /** A block begins: until it is released, `stored` does not go beyond where `folded` is now. */
  hold(): Hold;
  release(hold: Hold): void;
  /** Claims everything that is folded, for a block that is sent when all others are stored. @returns what it says */
  claim(): number;
}

/** A block that is not stored yet. */
export interface Hold {
  readonly after: number;
}

/** @param start every message up to here is stored */
export function createWatermark(start: number): Watermark {
  let folded = start;
  let claimed = start;
  /** In the order in which the blocks began, so the first one is the lowest. */
  const holds = new Set<Hold>();

  return {
    get folded() {
      return folded;
    },
    get stored() {
      const [oldest] = holds;
      return oldest ? oldest.after : folded;
    },
    get claimed() {
      return claimed;
    },
    advance(seq) {
      folded = Math.max(folded, seq);
    },
    hold() {
      const hold = { after: folded };
      holds.add(hold);
      return hold;
    },
    release(hold) {
      holds.delete(hold);
    },
    claim() {
      claimed = folded;
      return claimed;
    },
  };
}
