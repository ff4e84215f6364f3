/** What the verification of a bill says. */
import type { Verdict } from '../verify/verdict.ts';
import type { BillStatement } from './bill.ts';

export const BILL_CHECKED = {
  lines: "lines and usage, against the cuts' totals",
  cuts: 'cuts: form, order and totals',
  after: 'entries that follow the cuts: links, times and totals',
  bounds: 'cuts, by the calendar of the zone',
  signature: 'the signature of the statement',
  heads: 'heads that are held elsewhere',
  replay: 'entries of the replay',
  publishers: 'missing events and open publishers, by the replay',
} as const;

export const BILL_NOT_CHECKED = {
  signature: 'the signature, because no key was given',
  bounds: 'cuts, by the calendar of the zone: the time zone data here are of another version, or not known',
  others: 'cuts that do not begin a local day',
  cuts: 'cuts, against the chain',
  after: 'entries that follow the cuts, against the chain',
  completeness: 'numbers of completeness, against the ledger',
  heads: 'heads that are held elsewhere, of entries that the bill does not have',
  watermark: 'the watermark',
  anchors: 'anchors of a kind that is not known here',
} as const;

export const BILL_PROVEN = {
  lines: "lines: each is the difference of its cuts' totals, and usage is their sum",
  signed: 'the statement is signed by a key that was given',
  bounds: 'cuts that begin a local day of the zone',
  between: 'cuts with nothing between the entry before and the entry after',
  chain: 'cuts that are entries of the chain',
  publishers: 'missing events and open publishers are those of the chain',
} as const;

export const BILL_STATED = {
  chain: 'cuts that are entries of the chain',
  between: 'cuts with nothing received after the entry before',
  bounds: 'cuts that are where the calendar of the zone has them',
  issuer: 'who issued the bill, and when: it is not signed by a key that was given',
  completeness: 'numbers of completeness',
} as const;

export const BILL_ANCHORED = {
  heads: 'cuts, to heads that are held elsewhere',
  replay: 'cuts, to the replay that was given',
} as const;

/** A phrase from one of the lists above, and how often it holds. Counts of 0 are not listed. */
export interface BillScope {
  readonly what: string;
  readonly count: number;
}

export interface BillReport {
  /** `incomplete` is no verdict on bills: what may be missing is stated in `statement.completeness`. */
  readonly verdict: Verdict;
  /**
   * The verdict in words. That of a bill whose cuts are not all anchored is never a bare `ok`: `ok, unanchored`, or `ok,
   * 3 of 32 cuts anchored`.
   */
  readonly summary: string;
  /** What is wrong, in words for people; null for `ok`. */
  readonly problem: string | null;
  /** null when the text is no bill. */
  readonly statement: BillStatement | null;
  /** What the bill itself, and what the caller gave, show. */
  readonly proven: readonly BillScope[];
  /** What only its issuer says. */
  readonly stated: readonly BillScope[];
  /** What outside the bill its cuts were found in. */
  readonly anchored: readonly BillScope[];
  readonly checked: readonly BillScope[];
  readonly not_checked: readonly BillScope[];
}

/** The pairs whose count is not 0. */
export function listScopes(all: readonly (readonly [what: string, count: number])[]): BillScope[] {
  return all.flatMap(([what, count]) => (count > 0 ? [{ what, count }] : []));
}
