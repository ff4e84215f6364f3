/**
 * Decides when a standby takes over: the ledger stands still although AUDIT is ahead of it. Pure. standby.ts looks, and
 * tells it the time.
 *
 * A writer is judged by its blocks, not by its commits: a writer that stores a commit for seconds moves the ledger with
 * each block, however slow each sync is. The ledger of a healthy writer stands still while one block is stored, a few
 * messages are folded or a session is opened. Each takes tenths of a second. They take longer on a machine that hangs,
 * while many sizes of earlier uploads are read back, or where AUDIT ends in a gap.
 *
 * Taking over from a writer that is alive is safe, since every block is a compare-and-swap. It costs one of the two
 * what it had in flight, and a session.
 */

/** What a look at both streams says. */
interface Look {
  /** Sequence of the newest block. */
  readonly lastSeq: number;
  /** AUDIT messages that are not in the ledger. */
  readonly lag: number;
}

export interface TakeoverDecision {
  /** The newest block is our own, and its acknowledgement was lost: there is no other writer. Time to write. */
  isOwnBlock(newest: { readonly writer: string | null }): boolean;
  /** @returns whether it is time to take over. @param now milliseconds of a clock that nobody can set */
  look(now: number, look: Look): boolean;
  /** Nothing could be seen. A server that comes back gives its writer the whole time again. */
  lookFailed(): void;
  /** How long to wait before the next look. */
  readonly pauseMs: number;
}

export interface TakeoverOptions {
  /** Names this process. */
  readonly writer: string;
  /** How long the ledger has to stand still, plus 0-25 %. */
  readonly takeoverMs: number;
  /** In [0, 1). */
  readonly random?: () => number;
}

/** Spreads several standbys, so that mostly one tries. If two try, the ledger decides. */
const JITTER = 1 / 4;
/** Looks in `takeoverMs` while the ledger moves. */
const LOOKS = 4;
/** Looks in `takeoverMs` once the ledger stood still at the last look: so the takeover is not late. */
const CLOSE_LOOKS = 20;
/** How much of `takeoverMs` one look may add: a standby that was itself stopped has not seen anything stand still. */
const MAX_SHARE_OF_LOOK = 1 / 2;

export function createTakeoverDecision({
  writer,
  takeoverMs,
  random = Math.random,
}: TakeoverOptions): TakeoverDecision {
  let lastSeqSeen: number | null = null;
  let lookedAt = 0;
  let stoodStillMs = 0;
  let limitMs = takeoverMs;
  /** Whether the ledger stood still at the last look. */
  let isStill = false;

  return {
    isOwnBlock: (newest) => newest.writer === writer,
    look(now, { lastSeq, lag }) {
      isStill = lastSeq === lastSeqSeen && lag > 0;
      if (isStill) stoodStillMs += Math.min(now - lookedAt, takeoverMs * MAX_SHARE_OF_LOOK);
      else {
        stoodStillMs = 0;
        limitMs = takeoverMs * (1 + JITTER * random());
      }
      lastSeqSeen = lastSeq;
      lookedAt = now;
      return stoodStillMs >= limitMs;
    },
    lookFailed() {
      lastSeqSeen = null;
      isStill = false;
    },
    get pauseMs() {
      return takeoverMs / (isStill ? CLOSE_LOOKS : LOOKS);
    },
  };
}
