import { expect, test } from 'vitest';
import { createClock } from './clock.ts';
import { createPublisher } from './publisher.ts';

test('a clock with fractions, one that gives nonsense and one that throws', () => {
  expect(createClock(() => 1_700_000_000_000.9)()).toBe(1_700_000_000_000);
  const before = Date.now();
  const broken = () => {
    throw new Error('no clock');
  };
  for (const clock of [() => Number.NaN, () => Number.POSITIVE_INFINITY, broken]) {
    expect(createClock(clock)()).toBeGreaterThanOrEqual(before);
  }
});

test('events are valid with a clock that has fractions', async () => {
  let now = 1_700_000_000_000;
  const clock = () => (now += 86.4);
  const logger = { info() {}, warn() {} };
  await using publisher = createPublisher({ source: '//test', connection: 'later', closeTimeoutMs: 1, clock, logger });
  for (let i = 0; i < 100; i++) publisher.emit({ type: 'decision.ended', fields: { orgid: 'acme', duration_ms: 1 } });
  await new Promise((resolve) => setImmediate(resolve));
  expect(publisher.stats()).toMatchObject({ pending: 100, dropped: { invalid: 0 } });
});
