import {
  type ChainState,
  emptyChain,
  MAX_BLOCK_BYTES,
  MAX_EVENT_BYTES,
  MAX_MISSING,
  MAX_PRODUCERS,
  parseBlock,
  sha256Hex,
  SYSTEM_CHAIN,
} from '@waybill/schema';
import { hash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { StreamMessage } from '../nats/stream-item.ts';
import { createFold, NO_SIZES, type RoutedItem } from './fold.ts';
import { createOpenBlocks, type OpenBlocks, type SealedBlock } from './open-blocks.ts';

const fold = () => createFold({ stream: 'AUDIT', subjectPrefix: 'audit', sha256: (text) => hash('sha256', text) });
const chainsOf = (...orgids: string[]) =>
  new Map<string, ChainState>(orgids.map((orgid) => [orgid, emptyChain(orgid)]));

function message(seq: number, payload: string, orgid = 'acme'): StreamMessage {
  const subject = `audit.test.happened.${orgid}`;
  return { kind: 'message', seq, subject, received: '2026-11-21T02:00:00.000Z', payload: Buffer.from(payload) };
}

function event(seq: number, orgid = 'acme', note = ''): StreamMessage {
  const id = `01997b3c-0000-7000-8000-${String(seq).padStart(12, '0')}`;
  const time = '2026-11-21T02:00:00.000Z';
  const data = { note };
  return message(
    seq,
    JSON.stringify({ data, id, orgid, source: '//t', specversion: '1.0', time, type: 'test.happened' }),
    orgid,
  );
}

/** Folds items in, one after the other, as the messages up to the last one's sequence. */
function fill(blocks: OpenBlocks, chains: ReadonlyMap<string, ChainState>, items: readonly StreamMessage[]): void {
  const one = fold();
  for (const item of items) {
    const routed: RoutedItem[] = [];
    one.route(item, routed);
    expect(one.run(routed, 0, { chains, sizes: NO_SIZES }, blocks)).toEqual({ done: true });
    blocks.position = item.seq;
  }
}

function read({ orgid, payload, bytes, entries }: SealedBlock): ReturnType<typeof parseBlock> {
  const made = payload();
  expect(made.length).toBe(bytes);
  expect(bytes).toBeLessThanOrEqual(MAX_BLOCK_BYTES);
  const block = parseBlock(made.toString());
  expect([block.trailer.orgid, block.entries.length]).toEqual([orgid, entries]);
  return block;
}

function seal(items: StreamMessage[], chains: Map<string, ChainState>): ReturnType<typeof parseBlock>[] {
  const blocks = createOpenBlocks(chains, 0);
  fill(blocks, chains, items);
  return blocks.sealAll().map(read);
}

const outline = (sealed: readonly SealedBlock[]) =>
  sealed.map(read).map(({ trailer }) => [trailer.orgid, trailer.first, trailer.last, trailer.watermark]);
const ALL = { entries: Infinity, bytes: Infinity };

describe('open blocks', () => {
  test('sealed all together begin with _system, and only the last claims everything', () => {
    const chains = chainsOf('a', 'b', SYSTEM_CHAIN);
    const blocks = createOpenBlocks(chains, 100);
    fill(blocks, chains, [event(101, 'b'), event(102, 'a'), message(103, 'garbage'), event(104, 'b')]);
    expect(outline(blocks.sealAll())).toEqual([
      [SYSTEM_CHAIN, 1, 1, 100],
      ['b', 1, 2, 100],
      ['a', 1, 1, 104],
    ]);
    expect([blocks.entries, blocks.bytes, blocks.blocks]).toEqual([0, 0, 0]);
  });

  test('are sealed the oldest first, so many as asked for, and never the last one', () => {
    const chains = chainsOf('a', 'b', 'c', SYSTEM_CHAIN);
    const blocks = createOpenBlocks(chains, 0);
    fill(blocks, chains, [event(1, 'b'), event(2, 'a'), event(3, 'c'), event(4, 'b')]);
    expect(outline(blocks.sealOldest({ entries: 1, bytes: Infinity }))).toEqual([['b', 1, 2, 0]]);
    expect(outline(blocks.sealOldest(ALL))).toEqual([['a', 1, 1, 0]]);
    expect(blocks.sealOldest(ALL)).toEqual([]);
    expect(outline(blocks.sealAll())).toEqual([['c', 1, 1, 4]]);
  });

  test('claim what is stored, from the oldest block on that is not', () => {
    const chains = chainsOf('a', 'b', 'c', SYSTEM_CHAIN);
    const blocks = createOpenBlocks(chains, 0);
    fill(blocks, chains, [event(1, 'a'), event(2, 'b'), event(3, 'a'), event(4, 'c')]);
    const [a, b] = blocks.sealOldest(ALL);
    expect(blocks.watermark).toBe(0);
    b?.stored();
    expect(blocks.watermark).toBe(0);
    a?.stored();
    // The block of c was begun after 3.
    expect(blocks.watermark).toBe(3);
    fill(blocks, chains, [event(5, 'b')]);
    const [c] = blocks.sealOldest(ALL);
    expect(outline([c as SealedBlock])).toEqual([['c', 1, 1, 3]]);
    c?.stored();
    expect(blocks.watermark).toBe(4);
    const [last] = blocks.sealAll();
    last?.stored();
    expect(blocks.watermark).toBe(5);
  });

  test('do not claim messages that a gap stands for before its record is stored', () => {
    const chains = chainsOf('a', SYSTEM_CHAIN);
    const blocks = createOpenBlocks(chains, 10);
    const one = fold();
    const gap = { kind: 'gap', first: 11, last: 20, received: null } as const;
    const routed: RoutedItem[] = [];
    one.route(gap, routed);
    one.run(routed, 0, { chains, sizes: NO_SIZES }, blocks);
    blocks.position = 20;
    fill(blocks, chains, [event(21, 'a')]);
    expect(outline(blocks.sealOldest(ALL))).toEqual([[SYSTEM_CHAIN, 1, 1, 10]]);
  });

  test('of a chain with a block on its way wait until that is stored; those of _system do not', () => {
    const chains = chainsOf('a', 'b', SYSTEM_CHAIN);
    const blocks = createOpenBlocks(chains, 0);
    fill(blocks, chains, [event(1, 'a'), message(2, 'garbage'), event(3, 'b')]);
    const sent = blocks.sealOldest(ALL);
    expect(outline(sent).map(([orgid]) => orgid)).toEqual([SYSTEM_CHAIN, 'a']);
    fill(blocks, chains, [event(4, 'a'), event(5, 'b'), message(6, 'garbage')]);
    expect(outline(blocks.sealOldest({ entries: 1, bytes: 1 }))).toEqual([
      [SYSTEM_CHAIN, 2, 2, 0],
      ['b', 1, 2, 0],
    ]);
    fill(blocks, chains, [event(7, 'b')]);
    expect(blocks.sealOldest(ALL)).toEqual([]);
    expect([blocks.holds('a'), blocks.holds('b'), blocks.holds('c')]).toEqual([true, true, false]);
    for (const block of sent) block.stored();
    expect(outline(blocks.sealOldest(ALL))).toEqual([['a', 2, 2, 2]]);
  });

  test('hold a chain until all of it is stored', () => {
    const chains = chainsOf('a', 'b', SYSTEM_CHAIN);
    const blocks = createOpenBlocks(chains, 0);
    fill(blocks, chains, [event(1, 'a'), event(2, 'b')]);
    const sent = blocks.sealAll();
    fill(blocks, chains, [event(3, 'a')]);
    for (const block of sent) block.stored();
    expect([blocks.holds('a'), blocks.holds('b')]).toEqual([true, false]);
    for (const block of blocks.sealAll()) block.stored();
    expect(blocks.holds('a')).toBe(false);
  });

  test('count what was rejected since they were asked last', () => {
    const chains = chainsOf('a', SYSTEM_CHAIN);
    const blocks = createOpenBlocks(chains, 0);
    fill(blocks, chains, [event(1, 'a'), message(2, 'garbage')]);
    expect(blocks.takeCounts()).toEqual({ entries: 2, rejected: 1, duplicates: 0, beyondWindow: 0, gaps: 0 });
    fill(blocks, chains, [message(3, 'garbage')]);
    expect(blocks.takeCounts()).toMatchObject({ entries: 1, rejected: 1 });
  });

  test('are cut under the limit, each with the state after it, whatever comes', () => {
    const chains = chainsOf('acme', SYSTEM_CHAIN);
    const acme = chains.get('acme') as ChainState;
    // The largest trailer that there can be.
    for (let p = 0; p < MAX_PRODUCERS; p++) {
      const producer = `${p}`.padStart(64, 'p');
      for (let gap = 0; gap <= MAX_MISSING; gap++)
        acme.producers.admit(producer, Number.MAX_SAFE_INTEGER - 1_000 + gap * 2, 1);
    }
    const room = MAX_EVENT_BYTES - Buffer.from(event(0).payload).length;
    // The largest events, in JSON and in UTF-8, and the largest garbage.
    const items = Array.from({ length: 40 }, (_, i) => {
      if (i % 3 === 0) return event(i + 1, 'acme', 'x'.repeat(room));
      if (i % 3 === 1) return event(i + 1, 'acme', '€'.repeat(Math.floor(room / 3)));
      return message(i + 1, '\u0001'.repeat(900_000));
    });
    const blocks = seal(items, chains);
    for (const orgid of ['acme', SYSTEM_CHAIN]) {
      const own = blocks.filter(({ trailer }) => trailer.orgid === orgid);
      expect(own.length).toBeGreaterThan(1);
      expect(own.flatMap(({ entries }) => entries.map(({ core }) => core.seq))).toEqual(
        Array.from({ length: orgid === 'acme' ? 27 : 13 }, (_, i) => i + 1),
      );
    }
  });

  test('that were cut have the anti-replay window of that moment, not of the end', () => {
    const chains = chainsOf('acme', SYSTEM_CHAIN);
    const counted = (seq: number): StreamMessage => {
      const one = JSON.parse(Buffer.from(event(seq, 'acme', 'x'.repeat(60_000)).payload).toString()) as object;
      return message(seq, JSON.stringify({ ...one, producer: 'p', producerseq: String(seq) }));
    };
    const blocks = seal(
      Array.from({ length: 10 }, (_, i) => counted(i + 1)),
      chains,
    );
    expect(blocks.length).toBeGreaterThan(1);
    for (const { trailer } of blocks) expect(trailer.producers['p']?.last).toBe(trailer.last);
  });
});

test('the hash of node:crypto is the portable one', () => {
  for (const text of ['', 'abc', '€', '\u{1f600}', 'x'.repeat(100_000)])
    expect(hash('sha256', text)).toBe(sha256Hex(text));
});
