/** What verification says. */
import type { Hole } from './hole.ts';
import type { ReceiptCounts } from './receipt.ts';
import type { Totals } from './volume.ts';

/** From best to worst; a report over several chains has the worst of theirs. */
export const VERDICTS = ['ok', 'incomplete', 'truncated', 'tampered', 'unreadable'] as const;
export type Verdict = (typeof VERDICTS)[number];

/** Exit codes of `waybill verify`. */
export const VERDICT_EXIT_CODES = {
  ok: 0,
  tampered: 1,
  truncated: 2,
  incomplete: 3,
  unreadable: 4,
} as const satisfies Record<Verdict, number>;

/** A head that the caller knows from elsewhere. */
export interface Expectation {
  readonly seq: number;
  readonly hash: string;
}

export interface Problem {
  /** The first `seq` at which the chain is not what it has to be. */
  readonly seq: number;
  /** What is wrong there, for people. */
  readonly detail: string;
}

export interface ChainReport {
  readonly verdict: Verdict;
  /** null when nothing could be read. */
  readonly orgid: string | null;
  /** Entries that were verified. */
  readonly entries: number;
  /** The first and the last verified entry; null when there is none. */
  readonly first: Expectation | null;
  readonly last: Expectation | null;
  /** Sums up to the last verified entry. */
  readonly totals: Totals;
  readonly problem: Problem | null;
  /** Entries whose event was erased: their volume and their publisher's count are taken on trust. */
  readonly erased: number;
  /** Events that were chained a second time when their publisher may have been forgotten (`MAX_PRODUCERS`): counted twice, not tampering. */
  readonly repeated: number;
  /** Events that their publisher counted and that are not here: not tampering. At most 100 are listed. */
  readonly holes: readonly Hole[];
  /** All events in holes, a decimal number. More than `erased` makes the verdict `incomplete`. */
  readonly missing: string;
  /** With `verifySignature`: the signatures of the verified entries. A wrong one makes the verdict `tampered`. */
  readonly receipts?: ReceiptCounts;
}
