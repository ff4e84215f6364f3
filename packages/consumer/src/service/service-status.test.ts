import { expect, test } from 'vitest';
import { noProgress } from '../writer/progress.ts';
import { type ServiceStatus, unreadiness } from './service-status.ts';

const READY: ServiceStatus = {
  role: 'writer',
  conflicts: 0,
  failures: 0,
  lastError: null,
  ...noProgress(),
  watermark: 7,
  commits: 1,
  blocks: 1,
  entries: 7,
  chains: 1,
  lastCommitMs: 1,
  clockAheadSeconds: 0,
  version: '0.0.0',
  id: 'x',
  started: '2026-07-01T00:00:00.000Z',
  connected: true,
  identityRefusedSince: null,
  reconnects: 0,
  lagSeconds: 0,
  stalledSeconds: 0,
  lastCommitAt: null,
  drift: [],
  driftCheckedAt: null,
  refused: [],
  streams: [],
};

test('a writer and a standby that get on are ready, also with a backlog', () => {
  expect(unreadiness(READY)).toEqual([]);
  expect(unreadiness({ ...READY, role: 'standby', lag: 1_000_000, lagSeconds: 9_000, stalledSeconds: 59 })).toEqual([]);
});

test('progress that stops is a reason, whatever the role', () => {
  for (const role of ['writer', 'standby'] as const) {
    expect(unreadiness({ ...READY, role, lag: 3, stalledSeconds: 61.2 })).toEqual([
      'nothing has been chained for 61 s, and 3 messages wait',
    ]);
  }
});

test('an identity that is refused is no mere disconnection', () => {
  const since = '2026-07-01T00:00:00.000Z';
  expect(unreadiness({ ...READY, connected: false, identityRefusedSince: since })).toEqual([
    `NATS refuses this identity since ${since}`,
  ]);
});
