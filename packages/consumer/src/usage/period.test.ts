import { expect, test } from 'vitest';
import { parsePeriod } from './period.ts';

test.each([
  ['2026-11', 'UTC', '2026-11-01T00:00:00.000Z', '2026-12-01T00:00:00.000Z'],
  ['2026-11', 'Europe/Berlin', '2026-10-31T23:00:00.000Z', '2026-11-30T23:00:00.000Z'],
  ['2026', 'Europe/Berlin', '2025-12-31T23:00:00.000Z', '2026-12-31T23:00:00.000Z'],
  ['2026-10-25', 'Europe/Berlin', '2026-10-24T22:00:00.000Z', '2026-10-25T23:00:00.000Z'],
  ['2026-W01', 'UTC', '2025-12-29T00:00:00.000Z', '2026-01-05T00:00:00.000Z'],
  ['2026-W53', 'UTC', '2026-12-28T00:00:00.000Z', '2027-01-04T00:00:00.000Z'],
  ['2015-10-18', 'America/Sao_Paulo', '2015-10-18T03:00:00.000Z', '2015-10-19T02:00:00.000Z'],
  ['2011-12', 'Pacific/Apia', '2011-12-01T10:00:00.000Z', '2011-12-31T10:00:00.000Z'],
])('%s in %s', (text, zone, from, to) => {
  expect(parsePeriod('period', text, zone)).toEqual({ from, to });
});

test.each([
  ['2026-13', 'expected a month'],
  ['2026-02-29', 'expected a month'],
  ['2025-W53', 'expected a month'],
  ['2026-W00', 'expected a month'],
  ['26-11', 'expected a month'],
  ['november', 'expected a month'],
  ['2026-11-01T00:00', 'expected a month'],
  ['9999', 'expected a time from year 0 to 9999 in UTC'],
])('%s is none', (text, rule) => {
  expect(() => parsePeriod('period', text, 'UTC')).toThrow(
    expect.objectContaining({ code: 'BAD_ARGUMENT', message: expect.stringContaining(rule) }),
  );
});

test('a day that a zone never had is no period there', () => {
  expect(() => parsePeriod('period', '2011-12-30', 'Pacific/Apia')).toThrow(
    'period is "2011-12-30": Pacific/Apia never had that day',
  );
});
