/**
 * When a standby takes over: the ledger stands still although AUDIT is ahead of it. Pure; looked at, and told the time, by
 * standby.ts.
 *
 * A writer is judged by its blocks, not by its commits. One that stores a commit of seconds moves the ledger with each
 * block of it, however slow each sync is. The ledger of a healthy writer stands still for as long as one block takes to be
 * stored, a batch to be folded or a session to be opened: tenths of a second, and more on a machine that hangs, while many
 * sizes of earlier uploads are read back, or where AUDIT ends in a gap. Taking over from a writer that is alive is safe,
 * since every block is a compare-and-swap; it costs one of the two what it had in flight, and a session.
 */

/** What a look at both streams says. */
interface Look {
  /** Sequence of the newest block. */
  readonly lastSeq: number;
  /** AUDIT messages that are not in the ledger. */
  readonly lag: number;
}

export interface TakeoverDecision {
  /** @returns whether it is time to take over. @param now milliseconds of a clock that nobody can set */
  look(now: number, look: Look): boolean;
  /** There was nothing to be seen. A server that comes back gives its writer all the time again. */
  blind(): void;
  /** How long to wait before the next look. */
  readonly pauseMs: number;
}

export interface TakeoverOptions {
  readonly takeoverMs: number;
  /** In [0, 1). */
  readonly random?: () => number;
}

/** Of several standbys mostly one tries, if opening a session takes less than what is between them. Else the ledger decides. */
const SPREAD = 1 / 4;
/** Looks in `takeoverMs`: while the ledger moves, and when it did not at the last look. The end is then met more exactly. */
const LOOKS = 4;
const CLOSE_LOOKS = 20;
/** What one look may add, in parts of `takeoverMs`: a standby that was itself stopped has not seen anything stand still. */
const MOST_AT_ONCE = 1 / 2;

export function createTakeoverDecision({ takeoverMs, random = Math.random }: TakeoverOptions): TakeoverDecision {
  let seen: number | null = null;
  let lookedAt = 0;
  let stoodMs = 0;
  let limitMs = takeoverMs;
  /** Stood still at the last look. */
  let suspect = false;

  return {
    look(now, { lastSeq, lag }) {
      suspect = lastSeq === seen && lag > 0;
      if (suspect) stoodMs += Math.min(now - lookedAt, takeoverMs * MOST_AT_ONCE);
      else {
        stoodMs = 0;
        limitMs = takeoverMs * (1 + SPREAD * random());
      }
      seen = lastSeq;
      lookedAt = now;
      return stoodMs >= limitMs;
    },
    blind() {
      seen = null;
      suspect = false;
    },
    get pauseMs() {
      return takeoverMs / (suspect ? CLOSE_LOOKS : LOOKS);
    },
  };
}
