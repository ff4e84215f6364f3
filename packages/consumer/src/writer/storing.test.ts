import { type ChainState, emptyChain, parseBlock, SYSTEM_CHAIN } from '@waybill/schema/internal';
import { hash } from 'node:crypto';
import { expect, test } from 'vitest';
import type { StreamMessage } from '../nats/stream-item.ts';
import { createFold, NO_SIZES } from './fold.ts';
import { createOpenBlocks, type SealedBlock } from './open-blocks.ts';
import { createRouter, type RoutedItem } from './routing.ts';
import { createStoring } from './storing.ts';
import { createWatermark } from './watermark.ts';

const route = createRouter({ subjectPrefix: 'audit' });
/** As in open-blocks.ts. */
const FULL_BLOCK_BYTES = 262_144;

function event(seq: number, orgid: string): StreamMessage {
  const id = `01997b3c-0000-7000-8000-${String(seq).padStart(12, '0')}`;
  const time = '2026-11-21T02:00:00.000Z';
  const payload = JSON.stringify({ id, orgid, source: '//t', specversion: '1.0', time, type: 'test.happened' });
  const subject = `audit.test.happened.${orgid}`;
  return { kind: 'message', seq, subject, received: time, payload: Buffer.from(payload) };
}

/** Storing with a committer that stores at once, and what it was given. */
function prepare(maxOpenEntries: number) {
  const chains = new Map<string, ChainState>([SYSTEM_CHAIN, 'a', 'b', 'c'].map((name) => [name, emptyChain(name)]));
  const watermark = createWatermark(0);
  const blocks = createOpenBlocks(chains, watermark);
  const fold = createFold({
    stream: 'AUDIT',
    sha256: (text) => hash('sha256', text),
    chains,
    sizes: NO_SIZES,
    sink: blocks,
  });
  const stored: (readonly [how: string, orgid: string, entries: number, watermark: number])[] = [];
  const store = (how: string) => async (sealed: readonly SealedBlock[]) => {
    for (const block of sealed) {
      stored.push([how, block.orgid, block.entries, parseBlock(block.payload().toString()).trailer.watermark]);
      block.stored();
    }
  };
  const nothing = async (): Promise<void> => undefined;
  const committer = { store: store('store'), storeClaim: store('claim'), oneEnded: nothing, drain: nothing };
  const storing = createStoring({ maxOpenEntries, watermark, blocks, committer, fold, chains, recorder: undefined });
  const chain = (...items: StreamMessage[]): void => {
    const routed: RoutedItem[] = [];
    for (const item of items) route(item, routed);
    fold.run(routed, 0);
    watermark.advance(items.at(-1)?.seq ?? 0);
  };
  return { storing, chain, stored, watermark, blocks };
}

test('everything is stored with a claim, and nothing when there is nothing', async () => {
  const { storing, chain, stored } = prepare(100);
  await storing.flush();
  chain(event(1, 'a'), event(2, 'b'), event(3, 'a'));
  await storing.flush();
  await storing.flush();
  expect(stored).toEqual([
    ['claim', 'a', 2, 0],
    ['claim', 'b', 1, 3],
  ]);
});

test('under a backlog the oldest blocks are stored, until there is room again', async () => {
  const { storing, chain, stored } = prepare(4);
  chain(event(1, 'a'), event(2, 'b'), event(3, 'c'));
  await storing.trim();
  expect(stored).toEqual([]);
  chain(event(4, 'b'), event(5, 'b'));
  await storing.trim();
  expect(stored).toEqual([
    ['store', 'a', 1, 0],
    ['store', 'b', 3, 0],
  ]);
});

test('where no block says that everything is chained, a record does', async () => {
  const { storing, chain, stored, watermark } = prepare(100);
  chain(event(1, 'a'));
  await storing.flush();
  await storing.claim(event(1, 'a'));
  expect(stored).toEqual([['claim', 'a', 1, 1]]);
  // Nothing is left to chain: other writers have stored all of it.
  watermark.advance(5);
  await storing.claim(event(5, 'b'));
  expect(stored.slice(1)).toEqual([['claim', SYSTEM_CHAIN, 1, 5]]);
});

test('a last block that was full before claims what it could then, and a record claims the rest', async () => {
  const { storing, chain, stored, watermark, blocks } = prepare(1_000_000);
  let seq = 0;
  while (blocks.bytes < FULL_BLOCK_BYTES) chain(event(++seq, 'a'));
  await storing.flush();
  expect(stored).toEqual([['claim', 'a', seq, 0]]);
  expect(watermark.claimed).toBe(0);
  await storing.claim(event(seq, 'a'));
  expect(stored.slice(1)).toEqual([['claim', SYSTEM_CHAIN, 1, seq]]);
});
