import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { calendarWindows, MAX_WINDOWS, type Step, STEPS } from './calendar.ts';

const HOUR_MS = 3_600_000;

function windowsOf(from: string, to: string, zone: string, step: Step) {
  return calendarWindows({ from: iso(Date.parse(from)), to: iso(Date.parse(to)), zone, step });
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

/** Lengths in hours. */
function hoursOf(windows: readonly { from: string; to: string }[]): number[] {
  return windows.map(({ from, to }) => (Date.parse(to) - Date.parse(from)) / HOUR_MS);
}

describe('days', () => {
  test('of 25 and 23 hours', () => {
    const october = windowsOf('2026-10-24T00:00+02:00', '2026-10-27T00:00+01:00', 'Europe/Berlin', 'day');
    expect(october.map(({ local }) => local)).toEqual(['2026-10-24', '2026-10-25', '2026-10-26']);
    expect(hoursOf(october)).toEqual([24, 25, 24]);
    const march = windowsOf('2026-03-28T23:00Z', '2026-03-29T22:00Z', 'Europe/Berlin', 'day');
    expect(march).toEqual([
      { from: '2026-03-28T23:00:00.000Z', to: '2026-03-29T22:00:00.000Z', local: '2026-03-29', partial: false },
    ]);
  });

  test('of 24 hours and a half', () => {
    const days = windowsOf('2026-04-04T00:00+11:00', '2026-04-06T00:00+10:30', 'Australia/Lord_Howe', 'day');
    expect(hoursOf(days)).toEqual([24, 24.5]);
    expect(days.every(({ partial }) => !partial)).toBe(true);
  });

  test('that a zone never had have no window', () => {
    const days = windowsOf('2011-12-29T00:00-10:00', '2012-01-01T00:00+14:00', 'Pacific/Apia', 'day');
    expect(days.map(({ local }) => local)).toEqual(['2011-12-29', '2011-12-31']);
    expect(hoursOf(days)).toEqual([24, 24]);
    expect(days[0]?.to).toBe(days[1]?.from);
  });

  test('that have no midnight begin after it', () => {
    const days = windowsOf('2015-10-17T00:00-03:00', '2015-10-19T00:00-02:00', 'America/Sao_Paulo', 'day');
    expect(days.map(({ from }) => from)).toEqual(['2015-10-17T03:00:00.000Z', '2015-10-18T03:00:00.000Z']);
    expect(hoursOf(days)).toEqual([24, 23]);
  });

  test('begin with their first moment, where the clock is set back over midnight', () => {
    // At 00:01 of November 7 it was 23:01 of November 6 again.
    const days = windowsOf('2010-11-06T02:30Z', '2010-11-08T03:30Z', 'America/St_Johns', 'day');
    expect(days.map(({ local }) => local)).toEqual(['2010-11-06', '2010-11-07']);
    expect(hoursOf(days)).toEqual([24, 25]);
    // A span that begins in the repeated hour.
    const later = windowsOf('2010-11-07T03:00Z', '2010-11-08T03:30Z', 'America/St_Johns', 'day');
    expect(later.map(({ local, partial }) => [local, partial])).toEqual([['2010-11-07', true]]);
  });
});

describe('other steps', () => {
  test('hours are elapsed ones: a repeated hour is there twice, a skipped one not at all', () => {
    const night = windowsOf('2026-10-25T01:00+02:00', '2026-10-25T04:00+01:00', 'Europe/Berlin', 'hour');
    expect(night.map(({ local }) => local)).toEqual([
      '2026-10-25T01:00+02:00',
      '2026-10-25T02:00+02:00',
      '2026-10-25T02:00+01:00',
      '2026-10-25T03:00+01:00',
    ]);
    const spring = windowsOf('2026-03-29T01:00+01:00', '2026-03-29T04:00+02:00', 'Europe/Berlin', 'hour');
    expect(spring.map(({ local }) => local)).toEqual(['2026-03-29T01:00+01:00', '2026-03-29T03:00+02:00']);
  });

  test('hours begin with the local hour, also where that is the half of an hour in UTC', () => {
    const hours = windowsOf('2026-07-01T10:17+05:30', '2026-07-01T12:00+05:30', 'Asia/Kolkata', 'hour');
    expect(hours).toEqual([
      {
        from: '2026-07-01T04:47:00.000Z',
        to: '2026-07-01T05:30:00.000Z',
        local: '2026-07-01T10:00+05:30',
        partial: true,
      },
      {
        from: '2026-07-01T05:30:00.000Z',
        to: '2026-07-01T06:30:00.000Z',
        local: '2026-07-01T11:00+05:30',
        partial: false,
      },
    ]);
  });

  test('a day of 24 hours and a half has 25 hours, the last one half', () => {
    const hours = windowsOf('2026-04-05T00:00+11:00', '2026-04-06T00:00+10:30', 'Australia/Lord_Howe', 'hour');
    expect(hours.length).toBe(25);
    expect(hoursOf(hours).at(-1)).toBe(0.5);
    expect(hours.map(({ partial }) => partial)).toEqual([...Array.from({ length: 24 }, () => false), true]);
  });

  test('weeks begin on Monday, and belong to the year of their Thursday', () => {
    const weeks = windowsOf('2026-12-28T00:00Z', '2027-01-06T00:00Z', 'UTC', 'week');
    expect(weeks.map(({ from, local, partial }) => [from, local, partial])).toEqual([
      ['2026-12-28T00:00:00.000Z', '2026-W53', false],
      ['2027-01-04T00:00:00.000Z', '2027-W01', true],
    ]);
  });

  test('months are the calendar’s, and clipped ones say so', () => {
    const months = windowsOf('2026-01-31T00:00Z', '2026-04-01T00:00Z', 'UTC', 'month');
    expect(months.map(({ local, partial }) => [local, partial])).toEqual([
      ['2026-01', true],
      ['2026-02', false],
      ['2026-03', false],
    ]);
  });

  test('an empty span has none', () => {
    for (const step of STEPS) expect(windowsOf('2026-07-01T10:17Z', '2026-07-01T10:17Z', 'UTC', step)).toEqual([]);
  });
});

test('more than 1,000 windows are refused with a step that fits', () => {
  expect(windowsOf('2026-01-01T00:00Z', '2026-02-11T16:00Z', 'UTC', 'hour').length).toBe(MAX_WINDOWS);
  const refused = (to: string, step: Step): unknown => {
    try {
      return windowsOf('2026-01-01T00:00Z', to, 'UTC', step);
    } catch (error) {
      return error;
    }
  };
  const expected = (message: string): unknown => expect.objectContaining({ code: 'BAD_ARGUMENT', message });
  expect(refused('2026-02-11T16:00:00.001Z', 'hour')).toEqual(
    expected(
      'step is hour: that is more than 1000 windows from 2026-01-01T00:00:00.000Z to 2026-02-11T16:00:00.001Z; step day gives 42',
    ),
  );
  expect(refused('2040-01-01T00:00Z', 'hour')).toEqual(
    expect.objectContaining({ message: expect.stringMatching(/; step week gives 731$/) }),
  );
  expect(refused('2126-01-01T00:00Z', 'month')).toEqual(
    expect.objectContaining({ message: expect.stringMatching(/; ask for a shorter time$/) }),
  );
});

/** Of these, every kind of change: by an hour, half an hour, a day, over midnight, with seconds in the offset, never. */
const ZONES = [
  'UTC',
  'Europe/Berlin',
  'Pacific/Apia',
  'America/Sao_Paulo',
  'Australia/Lord_Howe',
  'America/St_Johns',
  'Asia/Kathmandu',
  'Africa/Monrovia',
  'America/Juneau',
  'Asia/Manila',
  'America/Toronto',
  'Antarctica/Troll',
];

test('windows of any span follow each other from its beginning to its end, and only its edges clip', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...ZONES),
      fc.constantFrom(...STEPS),
      fc.integer({ min: Date.UTC(1840, 0), max: Date.UTC(2040, 0) }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (zone, step, start, share) => {
        const longest = { hour: 900, day: 900 * 24, week: 900 * 24 * 7, month: 900 * 24 * 28 }[step] * HOUR_MS;
        const end = start + Math.floor(share * longest);
        const windows = calendarWindows({ from: iso(start), to: iso(end), zone, step });
        expect(windows.length === 0).toBe(start === end);
        if (start === end) return;
        expect([windows[0]?.from, windows.at(-1)?.to]).toEqual([iso(start), iso(end)]);
        expect(windows.filter(({ from, to }) => from >= to)).toEqual([]);
        const later = windows.slice(1);
        expect(later.map(({ from }) => from)).toEqual(windows.slice(0, -1).map(({ to }) => to));
        expect(later.slice(0, -1).filter(({ partial }) => partial)).toEqual([]);
        expect(later.filter(({ from }) => !isNew(from, zone, step))).toEqual([]);
        expect(new Set(windows.map(({ local }) => local)).size).toBe(windows.length);
      },
    ),
    { numRuns: 400 },
  );
});

/** By `Intl`, which has the zones from elsewhere in the engine: a new day, week or month begins there. */
function isNew(from: string, zone: string, step: Step): boolean {
  if (step === 'hour') return true;
  const format = new Intl.DateTimeFormat('en-CA', { timeZone: zone, weekday: 'short', day: '2-digit' });
  const partsAt = (ms: number) => Object.fromEntries(format.formatToParts(ms).map(({ type, value }) => [type, value]));
  const [before, after] = [partsAt(Date.parse(from) - 1), partsAt(Date.parse(from))];
  if (step === 'week') return after['weekday'] === 'Mon' && before['weekday'] !== 'Mon';
  if (step === 'month') return after['day'] === '01' && before['day'] !== '01';
  return after['day'] !== before['day'];
}

test('the zones of this engine’s Temporal and of its Intl are the same', () => {
  for (const zone of Intl.supportedValuesOf('timeZone')) {
    const format = new Intl.DateTimeFormat('en-CA', { timeZone: zone, timeZoneName: 'longOffset' });
    for (let year = 2000; year < 2036; year += 5) {
      for (const month of [0, 6]) {
        const ms = Date.UTC(year, month, 15);
        const offset =
          format
            .formatToParts(ms)
            .find(({ type }) => type === 'timeZoneName')
            ?.value.slice(3) || '+00:00';
        expect(Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(zone).offset, zone).toBe(offset);
      }
    }
  }
});
