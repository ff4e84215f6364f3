import { ConsumerError } from './errors.ts';

const DATE = /^\d{4}-\d{2}-\d{2}$/;
const RFC_3339 = /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?:\.(\d{1,3})0*)?([Zz]|[+-]\d{2}:\d{2})$/;
/** The length with a year of four digits. */
const NORMAL_LENGTH = '2026-07-01T00:00:00.000Z'.length;

/**
 * Turns a moment into the form of `received`: UTC, milliseconds. In this form equal moments are equal texts, and texts
 * sort by time.
 *
 * @param text RFC 3339 with a zone, or a date, which means its midnight in UTC
 * @throws ConsumerError BAD_ARGUMENT naming `name` and the value
 */
export function parseInstant(name: string, text: string): string {
  const [, day, time, fraction = '', zone] = RFC_3339.exec(text) ?? [];
  const normal = DATE.test(text)
    ? `${text}T00:00:00.000Z`
    : `${day}T${time}.${fraction.padEnd(3, '0')}${zone?.toUpperCase()}`;
  const ms = Date.parse(normal);
  // `Date.parse` reads February 30 as March 2.
  const rolled = new Date(Date.parse(`${normal.slice(0, 10)}T00:00:00.000Z`));
  if (Number.isFinite(ms) && rolled.toISOString().slice(0, 10) === normal.slice(0, 10)) {
    const instant = new Date(ms).toISOString();
    if (instant.length === NORMAL_LENGTH) return instant;
    // Other years are written with a sign and six digits, and would sort before all others.
    throw new ConsumerError(
      'BAD_ARGUMENT',
      `${name} is ${JSON.stringify(text)}: expected a time from year 0 to 9999 in UTC`,
    );
  }
  throw new ConsumerError(
    'BAD_ARGUMENT',
    `${name} is ${JSON.stringify(text)}: expected RFC 3339 with a zone and at most milliseconds, e.g. 2026-07-01T00:00:00Z, or a date, e.g. 2026-07-01 (its midnight in UTC)`,
  );
}
