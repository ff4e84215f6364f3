import { type ChainState, emptyChain } from '@waybill/schema/internal';
import { expect, test } from 'vitest';
import type { StreamMessage } from '../nats/stream-item.ts';
import { type Chain, createChaining } from './chaining.ts';
import type { Fold } from './fold.ts';
import type { RoutedItem } from './routing.ts';
import { createWatermark } from './watermark.ts';

test('in the middle of a message, only what is before that message is folded', async () => {
  const item: StreamMessage = {
    kind: 'message',
    seq: 5,
    subject: 'audit.thing.batch.acme',
    received: '2026-01-05T09:00:00.000Z',
    payload: new Uint8Array(0),
  };
  const event = { item, orgid: 'acme', reading: null, payload: item.payload };
  const routed: RoutedItem[] = [
    { ...event, index: 0, isLast: false },
    { ...event, index: 1, isLast: true },
  ];
  const watermark = createWatermark(4);
  const chains = new Map<string, ChainState>([['acme', emptyChain('acme')]]);
  const steps: unknown[] = [];
  const run: Fold['run'] = (_, start) => (start === 0 ? { done: false, index: 1, orgid: 'acme' } : { done: true });
  const nothing = async (): Promise<void> => undefined;
  const chain: Chain = createChaining({
    route: (_, list) => void list.push(...routed),
    fold: { run } as Fold,
    ledger: { chains, load: nothing, evict: () => undefined },
    blocks: { holds: () => false },
    sizes: {
      memories: { get: () => undefined, need: () => undefined },
      load: async ({ orgid }) => void steps.push(['load', orgid]),
      trim: () => undefined,
      loads: 0,
    },
    storing: {
      trim: nothing,
      flush: nothing,
      // What is stored now says how far the ledger is.
      drain: async () => void steps.push(['drain', watermark.folded]),
      claim: nothing,
    },
    watermark,
    recorder: undefined,
  });
  await chain([item]);
  expect(steps).toEqual([
    ['drain', 4],
    ['load', 'acme'],
  ]);
  expect(watermark.folded).toBe(5);
});
