import { expect, test } from 'vitest';
import type { PushValue } from './push-value.ts';
import { createStripe } from './stripe.ts';

const NOW = Date.UTC(2026, 10, 30);
const engine = createStripe({ http: { request: () => Promise.reject(new Error('asked')) }, now: () => NOW });

function valueAt(change: Partial<PushValue> = {}): PushValue {
  return {
    id: 'i',
    orgid: 'acme',
    meter: 'events',
    name: 'n',
    customer: 'cus_1',
    from: '2026-11-29T00:00:00.000Z',
    to: '2026-11-30T00:00:00.000Z',
    value: '1',
    at: NOW - 43_200_000,
    proof: { from: '', to: '' },
    ...change,
  };
}

test.each<[Partial<PushValue>, string]>([
  [{}, 'taken'],
  [{ value: '9007199254740991' }, 'taken'],
  [{ value: '9007199254740992' }, '2^53-1'],
  [{ customer: 'acme' }, 'expected cus_'],
  [{ from: '2026-11-29T00:00:01.000Z' }, 'whole minutes'],
  [{ to: '2026-11-29T23:59:59.999Z' }, 'whole minutes'],
  [{ at: NOW - (35 * 24 - 1) * 3_600_000 }, 'taken'],
  [{ at: NOW - (35 * 24 - 1) * 3_600_000 - 1000 }, '35 days back'],
])('a value with %j: %s', (change, says) => {
  expect(engine.fault(valueAt(change)) ?? 'taken').toContain(says);
});
