import { mkdtempDisposableSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { verify } from '@waybill/schema';
import { expect, test } from 'vitest';
import { createClock } from './clock.ts';
import { createPublisher } from './publisher/publisher.ts';
import { fileSink } from './sinks/file-sink.ts';

test.each([
  ['microseconds', Date.now() * 1000],
  ['beyond what Date has', 8_640_000_000_000_001],
  ['year 10000', Date.parse('9999-12-31T23:59:59.999Z') + 1],
  ['before 1970', -1],
])('%s are no time that an event can have: that of the system is taken', (_, ms) => {
  const before = Date.now();
  const now = createClock(() => ms)();
  expect(now).toBeGreaterThanOrEqual(before);
  expect(now).toBeLessThanOrEqual(Date.now());
});

test('a clock with fractions, one that returns nonsense and one that throws', () => {
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

test.each([Date.now() * 1000, -1])('a chain in a file verifies with a clock that says %d', async (ms) => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'waybill-clock-'));
  const sink = fileSink({
    source: '//test',
    directory: folder.path,
    clock: () => ms,
    logger: { info() {}, warn() {} },
  });
  await sink.confirm({ type: 'decision.ended', fields: { orgid: 'acme', duration_ms: 1 } });
  await sink.close();
  const lines = readFileSync(join(folder.path, 'acme.ndjson'), 'utf8').split('\n').slice(0, -1);
  expect(verify(lines, { orgid: 'acme' })).toMatchObject({ verdict: 'ok', entries: 2 });
});
