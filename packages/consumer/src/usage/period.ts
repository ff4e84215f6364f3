import { ConsumerError } from '../errors.ts';
import { formatInstant } from '../instant.ts';

/** A calendar period as `[from, to)`: UTC, milliseconds. */
export interface Period {
  readonly from: string;
  readonly to: string;
}

const FORM = /^(\d{4})(?:-(?:W(\d{2})|(\d{2})(?:-(\d{2}))?))?$/;

/**
 * A year (`2026`), a month (`2026-11`), a week of ISO 8601 (`2026-W48`, from Monday) or a day (`2026-11-30`), as the
 * calendar of a zone has it.
 *
 * @throws ConsumerError BAD_ARGUMENT naming `name`, also for a day that the zone never had
 */
export function parsePeriod(name: string, text: string, zone: string): Period {
  const dates = datesOf(text);
  if (!dates) {
    throw new ConsumerError(
      'BAD_ARGUMENT',
      `${name} is ${JSON.stringify(text)}: expected a month, year, week or day, e.g. 2026-11, 2026, 2026-W48 or 2026-11-30`,
    );
  }
  const [from, to] = dates.map((date) => formatInstant(name, text, date.toZonedDateTime(zone).epochMilliseconds)) as [
    string,
    string,
  ];
  if (from < to) return { from, to };
  throw new ConsumerError('BAD_ARGUMENT', `${name} is ${JSON.stringify(text)}: ${zone} never had that day`);
}

/** The first day, and the first one after; null when the text names no period. */
function datesOf(text: string): [Temporal.PlainDate, Temporal.PlainDate] | null {
  const [, year, week, month, day] = FORM.exec(text) ?? [];
  if (year === undefined) return null;
  if (week !== undefined) return weekOf(Number(year), Number(week));
  try {
    const first = Temporal.PlainDate.from(`${year}-${month ?? '01'}-${day ?? '01'}`);
    const length = day !== undefined ? { days: 1 } : month !== undefined ? { months: 1 } : { years: 1 };
    return [first, first.add(length)];
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** Week 1 is the one that has January 4. */
function weekOf(year: number, week: number): [Temporal.PlainDate, Temporal.PlainDate] | null {
  const inFirst = Temporal.PlainDate.from({ year, month: 1, day: 4 });
  const monday = inFirst.subtract({ days: inFirst.dayOfWeek - 1 }).add({ weeks: week - 1 });
  const isThere = monday.yearOfWeek === year && monday.weekOfYear === week;
  return isThere ? [monday, monday.add({ weeks: 1 })] : null;
}
