import type { JetStreamManager } from '@nats-io/jetstream';
import { expect, test } from 'vitest';
import { DEFAULT_SETTINGS } from '../settings.ts';
import { endOf, readFinality } from './finality.ts';

test('in a cluster a message stored right after a moment does not show that none comes with a time before it', () => {
  const before = '2026-12-01T00:00:00.000Z';
  expect(new Date(endOf(before, 1)).toISOString()).toBe(before);
  expect(new Date(endOf(before, 3)).toISOString()).toBe('2026-12-01T00:00:05.000Z');
});

test('messages that the stream has had and the ledger has not keep an answer open, also when they are gone', async () => {
  const finalWith = async (lastSeq: number): Promise<boolean> => {
    const info = {
      created: '2026-01-01T00:00:00Z',
      ts: '2026-12-02T00:00:00Z',
      config: { num_replicas: 1 },
      state: { last_seq: lastSeq },
    };
    // An empty ledger, and a stream without its messages.
    const streams = { info: async () => info, getMessage: async () => null };
    const jsm = { streams } as unknown as JetStreamManager;
    return (await readFinality(jsm, DEFAULT_SETTINGS, '2026-12-01T00:00:00.000Z')).final;
  };
  expect(await finalWith(0)).toBe(true);
  expect(await finalWith(1)).toBe(false);
});
