import { artifactUploaded } from '@waybill/schema';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ConnectionLike } from '../connection-like.ts';
import { createPublisher } from './publisher.ts';
import { STALL_MS } from './stall-watch.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A connection on which nothing is ever answered. */
const silent: ConnectionLike = {
  publish: () => {},
  subscribe: () => ({ unsubscribe: () => {} }),
  status: () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) }),
  closed: () => new Promise(() => {}),
  isClosed: () => false,
  close: async () => {},
  info: { max_payload: 1_000_000 },
};

test('a stall is noticed while the publisher closes, and not after it', async () => {
  const logger = { info: () => {}, warn: () => {} };
  const audit = createPublisher({ source: '//x', connection: silent, ackTimeoutMs: 600_000, logger });
  audit.emit(artifactUploaded({ orgid: 'acme', digest: `sha256:${'a'.repeat(64)}` }));
  const closed = audit.close({ timeoutMs: 4 * STALL_MS });
  await vi.advanceTimersByTimeAsync(3 * STALL_MS);
  expect(audit.status()).toEqual({ state: 'degraded', reason: 'no acknowledgement for 4 s' });
  await vi.advanceTimersByTimeAsync(2 * STALL_MS);
  expect(await closed).toEqual({ acked: 0, spooled: 0, lost: 1 });
  expect(audit.status()).toMatchObject({ state: 'closed' });
  expect(vi.getTimerCount()).toBe(0);
});
