import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { partOf } from '../../test-support/part.ts';
import { EVENT_TIME_PATTERN, isRfc3339 } from './timestamp.ts';

describe('isRfc3339', () => {
  it.each([
    '2026-01-05T09:00:00Z',
    '2026-01-05T09:00:00.1Z',
    '2026-01-05T09:00:00.123456789012345678901234567890Z',
    '2026-01-05t09:00:00z',
    '2026-01-05T09:00:00+14:00',
    '2026-01-05T09:00:00-00:00',
    '2026-01-05T23:59:60.5Z',
    '0000-02-29T00:00:00Z',
    '2000-02-29T00:00:00Z',
    '2024-02-29T00:00:00Z',
    '9999-12-31T23:59:59Z',
  ])('takes %s', (time) => expect(isRfc3339(time)).toBe(true));

  it.each([
    '',
    '2026-01-05',
    '2026-01-05T09:00Z',
    '2026-01-05 09:00:00Z',
    '2026-01-05T09:00:00',
    '2026-01-05T09:00:00.Z',
    '2026-01-05T09:00:00,5Z',
    '2026-01-05T09:00:00+0100',
    '2026-01-05T09:00:00+24:00',
    '2026-01-05T09:00:00+01:60',
    '2026-01-05T24:00:00Z',
    '2026-01-05T09:60:00Z',
    '2026-01-05T09:00:61Z',
    '2026-00-05T09:00:00Z',
    '2026-13-05T09:00:00Z',
    '2026-01-00T09:00:00Z',
    '2026-01-32T09:00:00Z',
    '2026-04-31T09:00:00Z',
    '2026-02-29T09:00:00Z',
    '2100-02-29T09:00:00Z',
    '1900-02-29T09:00:00Z',
    '2024-02-30T09:00:00Z',
    '26-01-05T09:00:00Z',
    '12026-01-05T09:00:00Z',
    '٢٠٢٦-01-05T09:00:00Z',
    '2026-01-05T09:00:00Z\n',
  ])('refuses %j', (time) => expect(isRfc3339(time)).toBe(false));
});

it('the days are those of the calendar', () => {
  const number = (max: number, digits: number) => fc.nat(max).map((n) => String(n).padStart(digits, '0'));
  fc.assert(
    fc.property(number(9999, 4), number(13, 2), number(32, 2), (year, month, day) => {
      const time = `${year}-${month}-${day}T00:00:00.000Z`;
      const date = new Date(time);
      const exists = Number.isFinite(date.getTime()) && date.toISOString() === time;
      expect([time, isRfc3339(time), EVENT_TIME_PATTERN.test(time)]).toEqual([time, exists, exists]);
    }),
    { numRuns: partOf(20_000) },
  );
});
