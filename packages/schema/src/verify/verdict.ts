/** The result of verification. */
import type { Totals } from '../ledger/volume.ts';
import type { MissingRange } from './loss-times.ts';
import type { AcknowledgedEnd, OpenProducer } from './open-producers.ts';
import type { ReceiptCounts } from './receipt.ts';

/** From best to worst. A report over several chains has the worst verdict of them. */
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
  /** The first `seq` at which the chain is wrong. */
  readonly seq: number;
  /** What is wrong there, in words for people. */
  readonly detail: string;
}

/** A part of the chain that was checked, or was not, and its count. Counts of 0 are not listed. */
export interface Checked {
  readonly what: CheckedPhrase | NotCheckedPhrase;
  readonly count: number;
}

export const CHECKED = {
  entries: 'entries: form, hashes, links, order and totals',
  volumes: 'volumes, derived from events',
  numbers: "publishers' numbers",
  signatures: 'signatures',
  heads: 'heads that are held elsewhere',
} as const;
type CheckedPhrase = (typeof CHECKED)[keyof typeof CHECKED];

export const NOT_CHECKED = {
  audit: 'entries, against the messages of the AUDIT stream',
  acknowledgements: 'acknowledgements, against the messages of the AUDIT stream',
  before: 'entries before the first one at hand',
  events: 'events that were erased',
  volumes: 'volumes of erased events, and sizes taken from what is not at hand',
  windows: "publishers' numbers, against what is before the first entry at hand",
  kinds: 'records of a kind that is not known here',
  version: 'entries from the first one of a newer version on',
  keys: 'signatures by keys that are not known here',
} as const;
type NotCheckedPhrase = (typeof NOT_CHECKED)[keyof typeof NOT_CHECKED];

/** The pairs whose count is not 0. */
export function listChecked(all: readonly (readonly [Checked['what'], number])[]): Checked[] {
  return all.flatMap(([what, count]) => (count > 0 ? [{ what, count }] : []));
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
  /** Entries whose event was erased. Their volume is taken on trust. */
  readonly erased: number;
  /**
   * Events that were chained a second time, when the chain may have forgotten their publisher (`MAX_PRODUCERS`). They
   * are counted twice. They are no sign of tampering.
   */
  readonly repeated: number;
  /**
   * Events that their publisher counted and that the chain lacks. They are no sign of tampering. At most 100 are
   * listed; those that somebody acknowledged come last.
   */
  readonly holes: readonly MissingRange[];
  /** The number of all missing events, a decimal. One that nobody acknowledged makes the verdict `incomplete`. */
  readonly missing: string;
  /**
   * Publishers that have not said that they closed: events that they lost after their last stored one show nowhere. They
   * do not change the verdict. The latest come first, and at most 100 are listed.
   */
  readonly open: readonly OpenProducer[];
  /** How many there are. */
  readonly open_count: number;
  /** How many losses are acknowledged: missing events, and ends of publishers. A decimal; absent when none is. */
  readonly acknowledged?: string;
  /** Publishers that are gone, as somebody acknowledged. They are not open. At most 100 are listed. */
  readonly acknowledged_ends?: readonly AcknowledgedEnd[];
  /** What the verdict covers, and what it does not. */
  readonly checked: readonly Checked[];
  readonly not_checked: readonly Checked[];
  /** With `receiptKeys`: the signatures of verified entries. A wrong one makes the verdict `tampered`. */
  readonly receipts?: ReceiptCounts;
}
