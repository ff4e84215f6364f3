/**
 * Time zones. The consumer alone computes them: its engine has `Temporal` and a time zone database, and each answer says
 * which version placed its bounds.
 */
import { ConsumerError } from './errors.ts';

export const DEFAULT_ZONE = 'UTC';

export { TZ_VERSION } from '@waybill/verify/internal';

/**
 * @returns the zone's name as the database writes it
 * @throws ConsumerError BAD_ARGUMENT
 */
export function checkZone(name: string, zone: unknown): string {
  const bad = (cause?: unknown): ConsumerError =>
    new ConsumerError(
      'BAD_ARGUMENT',
      `${name} is ${JSON.stringify(zone)}: expected a time zone of the IANA database, e.g. Europe/Berlin or UTC`,
      { cause },
    );
  // `Temporal` takes offsets and whole date-times as well. Neither says which rules hold.
  if (typeof zone !== 'string' || !/^[A-Za-z][\w+/-]*$/.test(zone)) throw bad();
  try {
    return new Temporal.ZonedDateTime(0n, zone).timeZoneId;
  } catch (cause) {
    throw bad(cause);
  }
}
