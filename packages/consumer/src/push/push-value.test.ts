import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { calendarWindows, type Step } from '../usage/calendar.ts';
import type { Boundary, Usage, UsageWindow } from '../usage/usage-answer.ts';
import { amountOf, METERS } from './meters.ts';
import { pushId, valuesOf } from './push-value.ts';

const ALL = Object.fromEntries(METERS.map((meter) => [meter, `w_${meter}`]));
const headOf = (seq: number): Boundary | null =>
  seq === 0 ? null : { seq: String(seq), hash: createHash('sha256').update(String(seq)).digest('hex') };

interface Amounts {
  readonly events: number;
  readonly bytes: bigint;
  readonly count: number;
}

const tally = (amounts: readonly Amounts[], factor: bigint) => ({
  count: String(amounts.reduce((sum, { count }) => sum + BigInt(count), 0n) * factor),
  bytes: String(amounts.reduce((sum, { bytes }) => sum + bytes, 0n) * factor),
  unknown: '0',
});
const talliesOf = (amounts: readonly Amounts[]) => ({
  events: String(amounts.reduce((sum, { events }) => sum + events, 0)),
  uploads: tally(amounts, 1n),
  downloads: tally(amounts, 2n),
  deduplicated: tally(amounts, 3n),
});

/** What an answer with these amounts in its windows would be, the windows without amounts included. */
function usageOf(orgid: string, span: Parameters<typeof calendarWindows>[0], amounts: readonly Amounts[]): Usage {
  let seq = 0;
  const windows: UsageWindow[] = calendarWindows(span).map((window, index) => {
    const one = amounts[index % amounts.length] as Amounts;
    const boundary = { from: headOf(seq), to: headOf((seq += one.events)) };
    return { ...window, ...talliesOf(one.events === 0 ? [] : [one]), boundary };
  });
  const used = windows.map((_, index) => amounts[index % amounts.length] as Amounts).filter(({ events }) => events > 0);
  const { from, to, zone, step } = span;
  return {
    orgid,
    from,
    to,
    zone,
    step,
    tz: '',
    basis: 'received',
    final: true,
    as_of: '',
    ...talliesOf(used),
    boundary: { from: null, to: headOf(seq) },
    windows,
  };
}

const amounts = fc.record({
  events: fc.constantFrom(0, 0, 1, 7),
  bytes: fc.oneof(fc.constant(0n), fc.bigInt({ min: 0n, max: 2n ** 70n })),
  count: fc.nat(5),
});

test('the sum of the values of each meter is the usage, exactly, and every id is another', () => {
  const span = fc.record({
    zone: fc.constantFrom('UTC', 'Europe/Berlin', 'America/St_Johns', 'Asia/Kathmandu'),
    step: fc.constantFrom<Step>('hour', 'day', 'week', 'month'),
    days: fc.integer({ min: 1, max: 40 }),
    offset: fc.integer({ min: 0, max: 40 * 24 * 60 }),
  });
  fc.assert(
    fc.property(span, fc.array(amounts, { minLength: 1, maxLength: 12 }), ({ zone, step, days, offset }, some) => {
      const start = Date.UTC(2026, 2, 1) + offset * 60_000;
      const [from, to] = [start, start + days * 86_400_000].map((ms) => new Date(ms).toISOString()) as [string, string];
      const usage = usageOf('acme', { from, to, zone, step }, some);
      const values = valuesOf(usage, ALL, 'c1');
      for (const meter of METERS) {
        const own = values.filter((value) => value.meter === meter);
        expect(String(own.reduce((sum, { value }) => sum + BigInt(value), 0n))).toBe(amountOf(meter, usage));
      }
      expect(new Set(values.map(({ id }) => id)).size).toBe(values.length);
      for (const { at, from, to } of values) {
        expect(at % 1000).toBe(0);
        expect(at).toBeGreaterThanOrEqual(Date.parse(from));
        expect(at).toBeLessThan(Date.parse(to));
      }
    }),
  );
});

describe('an id', () => {
  const hashes = { from: '0'.repeat(64), to: 'a'.repeat(64) };

  test('is 40 digits of the SHA-256 of a canonical object', () => {
    const text = `{"from":"${hashes.from}","meter":"upload_bytes","orgid":"acme","to":"${hashes.to}"}`;
    const expected = createHash('sha256').update(text, 'utf8').digest('hex').slice(0, 40);
    expect(pushId('acme', 'upload_bytes', hashes)).toBe(expected);
    // Computed by `printf '%s' TEXT | sha256sum`.
    expect(expected).toBe('c020562a127a3b92884bb6f81c01f579e33ffef2');
  });

  test('is another one when anything is', () => {
    const ids = [
      pushId('acme', 'upload_bytes', hashes),
      pushId('Acme', 'upload_bytes', hashes),
      pushId('acme', 'upload_count', hashes),
      pushId('acme', 'upload_bytes', { ...hashes, to: 'b'.repeat(64) }),
      pushId('acme', 'upload_bytes', { ...hashes, from: 'b'.repeat(64) }),
    ];
    expect(new Set(ids).size).toBe(5);
  });
});

test('the time of a local day is on the same day in UTC', () => {
  for (const zone of ['Europe/Berlin', 'America/New_York', 'Pacific/Honolulu', 'Asia/Kolkata']) {
    for (const { from, to, local } of calendarWindows({
      from: '2026-01-02T00:00:00.000Z',
      to: '2026-12-30T00:00:00.000Z',
      zone,
      step: 'day',
    }).slice(1, -1)) {
      const boundary = { from: null, to: headOf(1) };
      const windows = [
        { from, to, local, partial: false, ...talliesOf([{ events: 1, bytes: 1n, count: 1 }]), boundary },
      ];
      const usage = {
        ...usageOf('acme', { from, to, zone, step: 'day' }, [{ events: 0, bytes: 0n, count: 0 }]),
        windows,
      };
      const [value] = valuesOf(usage, { events: 'e' }, 'c');
      expect(new Date(value?.at ?? 0).toISOString().slice(0, 10), zone).toBe(local);
    }
  }
});

test('a window without a whole second in its middle is refused', () => {
  const span = { from: '2026-01-01T00:00:00.100Z', to: '2026-01-01T00:00:00.900Z', zone: 'UTC', step: 'day' as const };
  const usage = usageOf('acme', span, [{ events: 1, bytes: 1n, count: 1 }]);
  expect(() => valuesOf(usage, { events: 'e' }, 'c')).toThrow(/no whole second/);
});
