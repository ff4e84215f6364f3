/** An answer about one organization, made of the cuts of its chain. */
import type { Totals } from '@waybill/schema';
import { NO_TOTALS, subtractTotals, type Tally } from '@waybill/schema/internal';
import { asOfHead } from './as-of.ts';
import type { Edge } from './block-ends.ts';
import type { Cuts } from './boundary.ts';
import type { Step } from './calendar.ts';
import { type Cut, END_OF_CHAIN } from './chain-search.ts';
import { type LedgerPosition, pendingAt } from './ledger-position.ts';
import type { CheckedQuery } from './usage-query.ts';
import { TZ_VERSION } from '../zone.ts';

/** The last entry before an edge of a window. `seq` is a decimal string. */
export interface Boundary {
  readonly seq: string;
  readonly hash: string;
}

/** What was used. Every number is a decimal string: the bytes of a busy organization exceed 2^53. */
export interface Tallies {
  readonly events: string;
  readonly uploads: Tally;
  readonly downloads: Tally;
  readonly deduplicated: Tally;
  /** The last entries before `from` and before `to`; null when there is none. */
  readonly boundary: { readonly from: Boundary | null; readonly to: Boundary | null };
}

/** One window of the calendar. Its neighbours share its boundaries, so that the windows add up to the whole. */
export interface UsageWindow extends Tallies {
  /** UTC, milliseconds. */
  readonly from: string;
  readonly to: string;
  /** The window in the zone, for people: `2026-11-30T14:00+01:00`, `2026-11-30`, `2026-W48` or `2026-11`. */
  readonly local: string;
  /** The calendar's window reaches beyond `[from, to)` of the question and was clipped. */
  readonly partial: boolean;
}

/** What every answer says about the question and about itself. */
export interface AnswerFrame {
  /** UTC, milliseconds; null: not limited. */
  readonly from: string | null;
  readonly to: string | null;
  readonly zone: string;
  /** Version of the time zone database that placed the bounds. */
  readonly tz: string;
  readonly step: Step | null;
  /** The time that counts: when the stream of events stored them. */
  readonly basis: 'received';
  /** Everything received before `to` is chained: the same question has the same answer, byte for byte, for ever. */
  readonly final: boolean;
  /** What is still to come. Absent when final. */
  readonly pending?: string;
}

export interface Usage extends AnswerFrame, Tallies {
  readonly orgid: string;
  /**
   * Of a final answer: `SEQ:HASH` of `boundary.to`, from which everything in it follows. Else a position of the ledger
   * stream; asked for as of that, the same answer comes again.
   */
  readonly as_of: string;
  /**
   * `received` of the entry after a boundary, when it was later than the server's clock as the ledger got to `as_of`.
   * Never in a final answer, which must not change with a clock; `onNotice` tells it.
   */
  readonly clock_ahead?: string;
  /** Only when a step was asked for: ascending, without a hole, also the empty ones. */
  readonly windows?: readonly UsageWindow[];
}

export function frameOf(query: CheckedQuery, position: LedgerPosition): AnswerFrame {
  const { from, to, zone, step } = query;
  const state = position.final ? { final: true } : { final: false, pending: pendingAt(query, position) };
  return { from, to, zone, tz: TZ_VERSION, step, basis: 'received', ...state };
}

/** Of which moments an answer needs the cuts: n windows have n + 1 bounds. */
export function momentsOf({ from, to, windows }: CheckedQuery): string[] {
  const bounds = (windows ?? []).map((window) => window.to);
  return [...(from === null ? [] : [from]), ...bounds, to ?? END_OF_CHAIN];
}

const NOTHING: Cut = { before: null, after: null };

/** @param cuts at `momentsOf(query)` */
export function answerOf(
  { orgid, cuts }: { orgid: string; cuts: Cuts },
  query: CheckedQuery,
  position: LedgerPosition,
): Usage {
  const { from, to, windows } = query;
  const cutAt = (moment: string): Cut => cuts.get(moment) ?? NOTHING;
  const [first, last] = [from === null ? NOTHING : cutAt(from), cutAt(to ?? END_OF_CHAIN)];
  const ahead = [first, last].map(({ after }) => after ?? '').find((time) => time > position.future);
  if (ahead !== undefined) query.onNotice({ kind: 'clock_ahead', orgid, received: ahead });
  const tallies = between(first.before, last.before);
  return {
    orgid,
    ...frameOf(query, position),
    as_of: position.final ? asOfHead(tallies.boundary.to) : String(position.upTo),
    ...(ahead !== undefined && !position.final && { clock_ahead: ahead }),
    ...tallies,
    ...(windows && {
      windows: windows.map((window) => ({ ...window, ...between(cutAt(window.from).before, cutAt(window.to).before) })),
    }),
  };
}

function between(start: Edge | null, end: Edge | null): Tallies {
  const { events, uploads, downloads, deduplicated } = subtractTotals(totalsOf(end), totalsOf(start));
  return { events, uploads, downloads, deduplicated, boundary: { from: boundaryOf(start), to: boundaryOf(end) } };
}

function totalsOf(edge: Edge | null): Totals {
  return edge?.totals ?? NO_TOTALS;
}

function boundaryOf(edge: Edge | null): Boundary | null {
  return edge && { seq: String(edge.seq), hash: edge.hash };
}
