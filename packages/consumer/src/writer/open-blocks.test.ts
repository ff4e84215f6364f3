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
} from '@waybill/schema/internal';
import { hash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { lastSeqOf, type StreamItem, type StreamMessage } from '../nats/stream-item.ts';
import { createFold, NO_SIZES } from './fold.ts';
import { createOpenBlocks, type SealedBlock } from './open-blocks.ts';
import { createRouter, type RoutedItem } from './routing.ts';
import { createWatermark } from './watermark.ts';

const route = createRouter({ subjectPrefix: 'audit' });
const FOLD = { stream: 'AUDIT', sha256: (text: string) => hash('sha256', text), sizes: NO_SIZES };
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

/** Open blocks of some chains, that everything up to a sequence is stored of. */
function open(start: number, ...orgids: string[]) {
  const chains = chainsOf(...orgids);
  const watermark = createWatermark(start);
  const blocks = createOpenBlocks(chains, watermark);
  const fold = createFold({ ...FOLD, chains, sink: blocks });
  /** Folds items, one after the other, as the items up to the last one's sequence. */
  const fill = (items: readonly StreamItem[]): void => {
    for (const item of items) {
      const routed: RoutedItem[] = [];
      route(item, routed);
      expect(fold.run(routed, 0)).toEqual({ done: true });
      watermark.advance(lastSeqOf(item));
    }
  };
  return { chains, watermark, blocks, fill, fold };
}

function read({ orgid, payload, bytes, entries }: SealedBlock): ReturnType<typeof parseBlock> {
  const made = payload();
  expect(made.length).toBe(bytes);
  expect(bytes).toBeLessThanOrEqual(MAX_BLOCK_BYTES);
  const block = parseBlock(made.toString());
  expect([block.trailer.orgid, block.entries.length]).toEqual([orgid, entries]);
  return block;
}

const sealAll = ({ blocks }: ReturnType<typeof open>): ReturnType<typeof parseBlock>[] => blocks.sealAll().map(read);

const outline = (sealed: readonly SealedBlock[]) =>
  sealed.map(read).map(({ trailer }) => [trailer.orgid, trailer.first, trailer.last, trailer.watermark]);
const ALL = { entries: Infinity, bytes: Infinity };

describe('open blocks', () => {
  test('sealed all together begin with _system, and only the last claims everything', () => {
    const { blocks, fill } = open(100, 'a', 'b', SYSTEM_CHAIN);
    fill([event(101, 'b'), event(102, 'a'), message(103, 'garbage'), event(104, 'b')]);
    expect(outline(blocks.sealAll())).toEqual([
      [SYSTEM_CHAIN, 1, 1, 100],
      ['b', 1, 2, 100],
      ['a', 1, 1, 104],
    ]);
    expect([blocks.entries, blocks.bytes, blocks.blocks]).toEqual([0, 0, 0]);
  });

  test('are sealed the oldest first, so many as asked for, and never the last one', () => {
    const { blocks, fill } = open(0, 'a', 'b', 'c', SYSTEM_CHAIN);
    fill([event(1, 'b'), event(2, 'a'), event(3, 'c'), event(4, 'b')]);
    expect(outline(blocks.sealOldest({ entries: 1, bytes: Infinity }))).toEqual([['b', 1, 2, 0]]);
    expect(outline(blocks.sealOldest(ALL))).toEqual([['a', 1, 1, 0]]);
    expect(blocks.sealOldest(ALL)).toEqual([]);
    expect(outline(blocks.sealAll())).toEqual([['c', 1, 1, 4]]);
  });

  test('claim what is stored, from the oldest block on that is not', () => {
    const { watermark, blocks, fill } = open(0, 'a', 'b', 'c', SYSTEM_CHAIN);
    fill([event(1, 'a'), event(2, 'b'), event(3, 'a'), event(4, 'c')]);
    const [a, b] = blocks.sealOldest(ALL);
    expect(watermark.stored).toBe(0);
    b?.stored();
    expect(watermark.stored).toBe(0);
    a?.stored();
    // The block of c was begun after 3.
    expect(watermark.stored).toBe(3);
    fill([event(5, 'b')]);
    const [c] = blocks.sealOldest(ALL);
    expect(outline([c as SealedBlock])).toEqual([['c', 1, 1, 3]]);
    c?.stored();
    expect(watermark.stored).toBe(4);
    const [last] = blocks.sealAll();
    last?.stored();
    expect(watermark.stored).toBe(5);
  });

  test('do not claim messages that a gap stands for before its record is stored', () => {
    const { blocks, fill } = open(10, 'a', SYSTEM_CHAIN);
    fill([{ kind: 'gap', first: 11, last: 20, received: null }]);
    fill([event(21, 'a')]);
    expect(outline(blocks.sealOldest(ALL))).toEqual([[SYSTEM_CHAIN, 1, 1, 10]]);
  });

  test('of a chain with a block on its way wait until that is stored; those of _system do not', () => {
    const { blocks, fill } = open(0, 'a', 'b', SYSTEM_CHAIN);
    fill([event(1, 'a'), message(2, 'garbage'), event(3, 'b')]);
    const sent = blocks.sealOldest(ALL);
    expect(outline(sent).map(([orgid]) => orgid)).toEqual([SYSTEM_CHAIN, 'a']);
    fill([event(4, 'a'), event(5, 'b'), message(6, 'garbage')]);
    expect(outline(blocks.sealOldest({ entries: 1, bytes: 1 }))).toEqual([
      [SYSTEM_CHAIN, 2, 2, 0],
      ['b', 1, 2, 0],
    ]);
    fill([event(7, 'b')]);
    expect(blocks.sealOldest(ALL)).toEqual([]);
    expect([blocks.holds('a'), blocks.holds('b'), blocks.holds('c')]).toEqual([true, true, false]);
    for (const block of sent) block.stored();
    expect(outline(blocks.sealOldest(ALL))).toEqual([['a', 2, 2, 2]]);
  });

  test('hold a chain until all of it is stored', () => {
    const { blocks, fill } = open(0, 'a', 'b', SYSTEM_CHAIN);
    fill([event(1, 'a'), event(2, 'b')]);
    const sent = blocks.sealAll();
    fill([event(3, 'a')]);
    for (const block of sent) block.stored();
    expect([blocks.holds('a'), blocks.holds('b')]).toEqual([true, false]);
    for (const block of blocks.sealAll()) block.stored();
    expect(blocks.holds('a')).toBe(false);
  });

  test('say which block records how the streams are configured', () => {
    const { blocks, fill, fold } = open(0, 'a', SYSTEM_CHAIN);
    fill([event(1, 'a'), message(2, '{"kind":"streams"}')]);
    expect(blocks.sealOldest(ALL).map(({ hasStreamRecord }) => hasStreamRecord)).toEqual([false]);
    fold.record({ kind: 'streams', time: '', changes: [], config: {} }, { seq: 2, received: null });
    const sealed = blocks.sealAll().map(({ orgid, hasStreamRecord }) => [orgid, hasStreamRecord]);
    expect(sealed).toEqual([
      [SYSTEM_CHAIN, true],
      ['a', false],
    ]);
  });

  test('are cut under the limit, each with the state after it, whatever comes', () => {
    const opened = open(0, 'acme', SYSTEM_CHAIN);
    const acme = opened.chains.get('acme') as ChainState;
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
    opened.fill(items);
    const blocks = sealAll(opened);
    for (const orgid of ['acme', SYSTEM_CHAIN]) {
      const own = blocks.filter(({ trailer }) => trailer.orgid === orgid);
      expect(own.length).toBeGreaterThan(1);
      expect(own.flatMap(({ entries }) => entries.map(({ core }) => core.seq))).toEqual(
        Array.from({ length: orgid === 'acme' ? 27 : 13 }, (_, i) => i + 1),
      );
    }
  });

  test('that were cut have the anti-replay window of that moment, not of the end', () => {
    const opened = open(0, 'acme', SYSTEM_CHAIN);
    const counted = (seq: number): StreamMessage => {
      const one = JSON.parse(Buffer.from(event(seq, 'acme', 'x'.repeat(60_000)).payload).toString()) as object;
      return message(seq, JSON.stringify({ ...one, producer: 'p', producerseq: String(seq) }));
    };
    opened.fill(Array.from({ length: 10 }, (_, i) => counted(i + 1)));
    const blocks = sealAll(opened);
    expect(blocks.length).toBeGreaterThan(1);
    for (const { trailer } of blocks) expect(trailer.producers['p']?.last).toBe(trailer.last);
  });
});

test('the hash of node:crypto is the portable one', () => {
  for (const text of ['', 'abc', '€', '\u{1f600}', 'x'.repeat(100_000)])
    expect(hash('sha256', text)).toBe(sha256Hex(text));
});
