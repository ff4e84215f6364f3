import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createPullRequests, SILENCE_MS } from './pull-requests.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function start() {
  const sent: Record<string, unknown>[] = [];
  const state = { hasRoom: true, silences: 0 };
  const requests = createPullRequests({
    batch: 2,
    maxBytes: 1_000,
    hasRoom: () => state.hasRoom,
    send: (body) => void sent.push(JSON.parse(body) as Record<string, unknown>),
    onSilence: () => void state.silences++,
  });
  return { requests, sent, state };
}

test('one request is open at a time, and its last message opens the next if there is room', () => {
  const { requests, sent, state } = start();
  requests.open();
  requests.open();
  expect(sent).toMatchObject([{ batch: 2, max_bytes: 1_000 }]);
  requests.onDelivery();
  expect(sent).toHaveLength(1);
  requests.onDelivery();
  expect(sent).toHaveLength(2);
  state.hasRoom = false;
  requests.onDelivery();
  requests.onDelivery();
  expect(sent).toHaveLength(2);
  state.hasRoom = true;
  requests.open();
  expect(sent).toHaveLength(3);
  requests.stop();
});

test('a message that is too large for a whole request is asked for alone, and no other one is', () => {
  const { requests, sent } = start();
  requests.open();
  requests.onDelivery();
  // It was only too large for what was left.
  requests.onEnd(true);
  requests.open();
  expect(sent[1]).toMatchObject({ batch: 2, max_bytes: 1_000 });
  requests.onEnd(true);
  requests.open();
  expect(sent[2]).toMatchObject({ batch: 1 });
  expect(sent[2]).not.toHaveProperty('max_bytes');
  requests.onDelivery();
  expect(sent[3]).toMatchObject({ batch: 2, max_bytes: 1_000 });
  requests.stop();
});

test('silence counts while a request is open', () => {
  const { requests, state } = start();
  vi.advanceTimersByTime(3 * SILENCE_MS);
  expect(state.silences).toBe(0);
  requests.open();
  for (let heard = 0; heard < 10; heard++) {
    vi.advanceTimersByTime(SILENCE_MS / 2);
    requests.hear();
  }
  expect(state.silences).toBe(0);
  vi.advanceTimersByTime(2 * SILENCE_MS);
  expect(state.silences).toBeGreaterThan(0);
  requests.stop();
});
