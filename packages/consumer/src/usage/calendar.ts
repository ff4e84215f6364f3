/** Windows of a local calendar. Pure: the same span, zone, step and time zone database give the same windows. */
import { ConsumerError } from '../errors.ts';

export const STEPS = ['hour', 'day', 'week', 'month'] as const;
export type Step = (typeof STEPS)[number];

/** More windows than this are not one answer. */
export const MAX_WINDOWS = 1_000;

export interface CalendarSpan {
  /** UTC, milliseconds. */
  readonly from: string;
  /** Not before `from`. */
  readonly to: string;
  readonly zone: string;
  readonly step: Step;
}

export interface CalendarWindow {
  /** UTC, milliseconds; each window begins where the one before it ends. */
  readonly from: string;
  readonly to: string;
  /** For people: `2026-11-30T14:00+01:00`, `2026-11-30`, `2026-W48` or `2026-11`. */
  readonly local: string;
  /** The calendar's window reaches beyond the span and was clipped. */
  readonly partial: boolean;
}

interface Start {
  readonly ms: number;
  readonly local: string;
}

/**
 * The windows of a span: aligned to the calendar of the zone, clipped to the span, none left out. Days, weeks and months
 * begin with the first moment of their first day there, wherever the clock then stands. A day that the zone never had has
 * no window. Weeks begin on Monday. Hours are elapsed ones, counted from the start of the local hour in which the span
 * begins.
 *
 * @throws ConsumerError BAD_ARGUMENT for more than `MAX_WINDOWS`, naming a step that fits
 */
export function calendarWindows(span: CalendarSpan): CalendarWindow[] {
  const windows = windowsUpTo(span, MAX_WINDOWS);
  if (windows) return windows;
  const { from, to, step } = span;
  const fitting = STEPS.slice(STEPS.indexOf(step) + 1)
    .map((other) => ({ other, count: windowsUpTo({ ...span, step: other }, MAX_WINDOWS)?.length }))
    .find(({ count }) => count !== undefined);
  const advice = fitting ? `step ${fitting.other} gives ${fitting.count}` : 'ask for a shorter time';
  throw new ConsumerError(
    'BAD_ARGUMENT',
    `step is ${step}: that is more than ${MAX_WINDOWS} windows from ${from} to ${to}; ${advice}`,
  );
}

/** Null when there are more. */
function windowsUpTo({ from, to, zone, step }: CalendarSpan, most: number): CalendarWindow[] | null {
  const [begin, end] = [Date.parse(from), Date.parse(to)];
  const windows: CalendarWindow[] = [];
  let current: Start | null = null;
  for (const next of startsFrom(begin, zone, step)) {
    const [first, last] = [Math.max(current?.ms ?? end, begin), Math.min(next.ms, end)];
    // Nothing is left of a window that ends before the span, nor of a day that never was.
    if (current && first < last) {
      if (windows.length === most) return null;
      windows.push({
        from: new Date(first).toISOString(),
        to: new Date(last).toISOString(),
        local: current.local,
        partial: first > current.ms || last < next.ms,
      });
    }
    if (next.ms >= end) break;
    current = next;
  }
  return windows;
}

/** The starts of windows, ascending, from the one that has the moment on. */
function startsFrom(ms: number, zone: string, step: Step): Generator<Start> {
  const local = Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(zone);
  const date = local.toPlainDate();
  return {
    hour: () => hours(local),
    day: () => dates(date, zone, { days: 1 }),
    week: () => dates(date.subtract({ days: date.dayOfWeek - 1 }), zone, { weeks: 1 }),
    month: () => dates(date.with({ day: 1 }), zone, { months: 1 }),
  }[step]();
}

type Length = { readonly days: 1 } | { readonly weeks: 1 } | { readonly months: 1 };

function* dates(first: Temporal.PlainDate, zone: string, length: Length): Generator<Start> {
  // Without a time it is the first moment of that day; midnight may not exist.
  for (let date = first; ; date = date.add(length))
    yield { ms: date.toZonedDateTime(zone).epochMilliseconds, local: nameOf(date, length) };
}

function nameOf(first: Temporal.PlainDate, length: Length): string {
  if ('days' in length) return String(first);
  if ('months' in length) return String(first.toPlainYearMonth());
  return `${first.yearOfWeek}-W${String(first.weekOfYear).padStart(2, '0')}`;
}

function* hours(within: Temporal.ZonedDateTime): Generator<Start> {
  const { minute, second, millisecond } = within;
  const first = within.epochMilliseconds - minute * 60_000 - second * 1000 - millisecond;
  for (let ms = first; ; ms += 3_600_000) {
    const local = Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(within.timeZoneId);
    yield { ms, local: local.toString({ smallestUnit: 'minute', timeZoneName: 'never' }) };
  }
}
