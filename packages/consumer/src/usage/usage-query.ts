/** A question about usage, and the window of time that it is about. */
import { checkOptions, type KnownOptions } from '../check-options.ts';
import { checkWait } from '../check-period.ts';
import { ConsumerError } from '../errors.ts';
import { type AsOf, parseAsOf } from './as-of.ts';
import { type CalendarWindow, calendarWindows, type Step, STEPS } from './calendar.ts';
import { parseInstant } from '../instant.ts';
import { parsePeriod } from './period.ts';
import { checkZone, DEFAULT_ZONE } from '../zone.ts';

/** What is true when the question is asked. It is no part of the answer, because an answer can be repeated. */
export type UsageNotice =
  /** Why the answer is not final yet. */
  | { readonly kind: 'not_final'; readonly reason: string }
  /**
   * The chain goes on after a boundary with `received` later than the server's clock: some clock was ahead. What was
   * really received in the window may count after it.
   */
  | { readonly kind: 'clock_ahead'; readonly orgid: string; readonly received: string };

export interface UsageQuery {
  /**
   * The first moment that counts: RFC 3339 with an offset, or a local date or date-time in `zone`. Default: the
   * beginning.
   */
  readonly from?: string | undefined;
  /** The first moment that no longer counts. Default: everything chained so far, which is never final. */
  readonly to?: string | undefined;
  /** Instead of `from` and `to`: a month (`2026-11`), year, ISO week (`2026-W48`) or day of the zone's calendar. */
  readonly period?: string | undefined;
  /** Time zone of the IANA database, for local times and windows. Default: UTC. */
  readonly zone?: string | undefined;
  /** Also one window for each hour, day, week or month of the zone's calendar; at most 1,000. Default: none. */
  readonly step?: Step | undefined;
  /** `as_of` of an earlier answer, which is repeated; or any position of the ledger stream. Default: now. */
  readonly asOf?: string | undefined;
  /** Throw NOT_FINAL instead of an answer that may change. */
  readonly requireFinal?: boolean | undefined;
  /** How long to wait for a final answer. Default: 0. */
  readonly waitMs?: number | undefined;
  readonly onNotice?: ((notice: UsageNotice) => void) | undefined;
}

const KNOWN: KnownOptions<UsageQuery> = {
  from: true,
  to: true,
  period: true,
  zone: true,
  step: true,
  asOf: true,
  requireFinal: true,
  waitMs: true,
  onNotice: true,
};

/** A question that makes sense. */
export interface CheckedQuery {
  /** UTC, milliseconds; null: not limited. */
  readonly from: string | null;
  readonly to: string | null;
  readonly zone: string;
  readonly step: Step | null;
  /** Null without a step. */
  readonly windows: readonly CalendarWindow[] | null;
  readonly asOf: AsOf | null;
  readonly requireFinal: boolean;
  readonly waitMs: number;
  readonly onNotice: (notice: UsageNotice) => void;
}

/** @throws ConsumerError BAD_ARGUMENT naming the option and the rule */
export function checkQuery<T extends UsageQuery>(
  called: string,
  query: T,
  more: Readonly<Record<Exclude<keyof T, keyof UsageQuery>, true>>,
): CheckedQuery {
  checkOptions(called, query, { ...KNOWN, ...more });
  const zone = checkZone('zone', query.zone ?? DEFAULT_ZONE);
  const { from, to } = edgesOf(query, zone);
  const step = query.step === undefined ? null : checkStep(query.step);
  const waitMs = checkWait(`${called}: waitMs`, query.waitMs ?? 0);
  const asOf = query.asOf === undefined ? null : parseAsOf('asOf', query.asOf);
  if (waitMs > 0 && (to === null || asOf?.kind === 'position'))
    throw bad(`waitMs is ${waitMs}: an answer without to, or as of a position, never becomes final`);
  return {
    from,
    to,
    zone,
    step,
    windows: step && windowsOf(from, to, { zone, step }),
    asOf,
    requireFinal: query.requireFinal ?? false,
    waitMs,
    onNotice: query.onNotice ?? (() => undefined),
  };
}

function edgesOf(query: UsageQuery, zone: string): { from: string | null; to: string | null } {
  if (query.period !== undefined) {
    if (query.from === undefined && query.to === undefined) return parsePeriod('period', query.period, zone);
    throw bad(`period is ${JSON.stringify(query.period)}: from and to cannot be given as well`);
  }
  const from = query.from === undefined ? null : parseInstant('from', query.from, zone);
  const to = query.to === undefined ? null : parseInstant('to', query.to, zone);
  if (from !== null && to !== null && from > to) throw bad(`from is ${from}, after to, which is ${to}`);
  return { from, to };
}

function checkStep(step: string): Step {
  const known = STEPS.find((one) => one === step);
  if (known) return known;
  throw bad(`step is ${JSON.stringify(step)}: expected one of ${STEPS.join(', ')}`);
}

function windowsOf(
  from: string | null,
  to: string | null,
  { zone, step }: { zone: string; step: Step },
): CalendarWindow[] {
  if (from !== null && to !== null) return calendarWindows({ from, to, zone, step });
  throw bad(`step is ${step}: windows need from and to, or period`);
}

function bad(what: string): ConsumerError {
  return new ConsumerError('BAD_ARGUMENT', what);
}
