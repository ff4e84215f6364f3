/** Moments, as a person writes them and as `received` has them: UTC with milliseconds. */
import { ConsumerError } from './errors.ts';
import { DEFAULT_ZONE } from './zone.ts';

const RFC_3339 = /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?:\.(\d{1,3})0*)?([Zz]|[+-]\d{2}:\d{2})$/;
const LOCAL = /^(\d{4}-\d{2}-\d{2})(?:[Tt ](\d{2}:[0-5]\d)(?::([0-5]\d)(?:\.(\d{1,3})0*)?)?)?$/;
/** The length with a year of four digits. */
const NORMAL_LENGTH = '2026-07-01T00:00:00.000Z'.length;

/**
 * Turns a moment into the form of `received`. In this form equal moments are equal texts, and texts sort by time.
 *
 * @param text RFC 3339 with an offset, or a local date or date-time in `zone`. A date is where that day begins there. A
 *   local time that a clock change skips is as much later as the clock was moved; of one that comes twice, the first
 *   counts (`compatible` of RFC 5545 and Temporal)
 * @throws ConsumerError BAD_ARGUMENT naming `name` and the value
 */
export function parseInstant(name: string, text: string, zone: string = DEFAULT_ZONE): string {
  const ms = parseRfc3339(text) ?? parseLocal(text, zone);
  if (ms === null) {
    throw new ConsumerError(
      'BAD_ARGUMENT',
      `${name} is ${JSON.stringify(text)}: expected RFC 3339 with at most milliseconds, e.g. 2026-07-01T00:00:00Z, or a date or date-time in the zone ${zone}, e.g. 2026-07-01 or 2026-07-01T00:00`,
    );
  }
  return formatInstant(name, text, ms);
}

/** @throws ConsumerError BAD_ARGUMENT when the year has not four digits */
export function formatInstant(name: string, text: string, ms: number): string {
  const instant = new Date(ms).toISOString();
  if (instant.length === NORMAL_LENGTH) return instant;
  // Other years are written with a sign and six digits, and would sort before all others.
  throw new ConsumerError(
    'BAD_ARGUMENT',
    `${name} is ${JSON.stringify(text)}: expected a time from year 0 to 9999 in UTC`,
  );
}

function parseRfc3339(text: string): number | null {
  const [, day, time, fraction = '', offset] = RFC_3339.exec(text) ?? [];
  if (day === undefined) return null;
  const ms = Date.parse(`${day}T${time}.${fraction.padEnd(3, '0')}${offset?.toUpperCase()}`);
  // `Date.parse` reads February 30 as March 2.
  const rolled = new Date(Date.parse(`${day}T00:00:00.000Z`));
  return Number.isFinite(ms) && rolled.toISOString().slice(0, 10) === day ? ms : null;
}

function parseLocal(text: string, zone: string): number | null {
  const [, day, minute, second = '00', fraction = '0'] = LOCAL.exec(text) ?? [];
  if (day === undefined) return null;
  try {
    if (minute === undefined) return Temporal.PlainDate.from(day).toZonedDateTime(zone).epochMilliseconds;
    const local = Temporal.PlainDateTime.from(`${day}T${minute}:${second}.${fraction}`);
    return local.toZonedDateTime(zone, { disambiguation: 'compatible' }).epochMilliseconds;
  } catch (error) {
    // There is no such day or hour.
    if (error instanceof RangeError) return null;
    throw error;
  }
}
