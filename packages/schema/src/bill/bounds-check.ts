/**
 * Whether a bill's cuts are where the calendar of its zone has them. It asks `Intl` for the local date on both sides of a
 * moment, and never computes a moment from a date, so that it needs no `Temporal`.
 */
import type { BillStatement } from './bill.ts';

export interface BoundsCheck {
  /** What is wrong, or null. */
  readonly fault: string | null;
  /** Cuts that begin a local day, a period's ends included. */
  readonly checked: number;
  /** Cuts of another kind, such as those of hours. */
  readonly others: number;
}

/** null: the zone is not known here. */
export function checkBounds({ period, zone, from, to, cuts }: BillStatement): BoundsCheck | null {
  const dateAt = createLocalDate(zone);
  if (dateAt === null) return null;
  const begins = (at: string): boolean => dateAt(Date.parse(at)) !== dateAt(Date.parse(at) - 1);
  const days = period === undefined ? null : periodDays(period);
  if (days) {
    const fault = findEndFault('from', from, days.first, dateAt) ?? findEndFault('to', to, days.next, dateAt);
    if (fault) return { fault, checked: 0, others: 0 };
  }
  const checked = cuts.filter(({ at }) => begins(at)).length;
  return { fault: null, checked, others: cuts.length - checked };
}

/** A moment is the beginning of a day: just before it the local date is smaller, and at it not. */
function findEndFault(name: string, at: string, day: string, dateAt: (ms: number) => string): string | null {
  const ms = Date.parse(at);
  if (dateAt(ms - 1) < day && dateAt(ms) >= day) return null;
  return `${name} is ${at}, where it is ${dateAt(ms)} in the zone: that is not the beginning of ${day}`;
}

/** The first day of a calendar period and of the one after it; null: the period is of a form that is not known here. */
function periodDays(period: string): { first: string; next: string } | null {
  const [, weekYear, week] = /^(\d{4})-W(\d{2})$/.exec(period) ?? [];
  if (weekYear !== undefined) return weekDays(weekYear, Number(week));
  const [, year = '', month, day] = /^(\d{4})(?:-(0[1-9]|1[0-2])(?:-(0[1-9]|[12]\d|3[01]))?)?$/.exec(period) ?? [];
  if (year === '') return null;
  const first = new Date(`${year}-${month ?? '01'}-${day ?? '01'}T00:00:00.000Z`);
  const next = new Date(first);
  if (day !== undefined) next.setUTCDate(next.getUTCDate() + 1);
  else if (month !== undefined) next.setUTCMonth(next.getUTCMonth() + 1);
  else next.setUTCFullYear(next.getUTCFullYear() + 1);
  return { first: dayOf(first), next: dayOf(next) };
}

/** Weeks begin on Monday; week 1 is the one that has January 4 (ISO 8601). */
function weekDays(year: string, week: number): { first: string; next: string } {
  const monday = new Date(`${year}-01-04T00:00:00.000Z`);
  monday.setUTCDate(monday.getUTCDate() - ((monday.getUTCDay() + 6) % 7) + (week - 1) * 7);
  const next = new Date(monday);
  next.setUTCDate(next.getUTCDate() + 7);
  return { first: dayOf(monday), next: dayOf(next) };
}

function dayOf(date: Date): string {
  return date.toISOString().slice(0, -'T00:00:00.000Z'.length);
}

/** The local date as `YYYY-MM-DD`, in a form in which earlier dates are smaller texts. */
function createLocalDate(zone: string): ((ms: number) => string) | null {
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US-u-ca-iso8601-nu-latn', {
      timeZone: zone,
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
    });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return null;
  }
  return (ms) => {
    const parts = new Map(format.formatToParts(ms).map(({ type, value }) => [type, value]));
    return `${(parts.get('year') ?? '').padStart(4, '0')}-${parts.get('month')}-${parts.get('day')}`;
  };
}
