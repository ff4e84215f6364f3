import {
  admit,
  type ChainState,
  emptyHead,
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
import { createBatch } from './batch.ts';
import { createFold } from './fold.ts';
import type { StreamMessage } from './reader.ts';

const fold = () => createFold({ stream: 'AUDIT', subjectPrefix: 'audit', sha256: (text) => hash('sha256', text) });
const chainsOf = (...orgids: string[]) =>
  new Map<string, ChainState>(orgids.map((orgid) => [orgid, { head: emptyHead(orgid), producers: new Map() }]));

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

function seal(items: StreamMessage[], chains: Map<string, ChainState>): ReturnType<typeof parseBlock>[] {
  const one = fold();
  const batch = createBatch(chains);
  expect(one.run(items.map(one.route), 0, { chains, sizes: new Map() }, batch)).toEqual({ done: true });
  return batch.seal({ before: 100, after: 200 }).map(({ orgid, payload }) => {
    const text = Buffer.from(payload()).toString();
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(MAX_BLOCK_BYTES);
    const block = parseBlock(text);
    expect(block.trailer.orgid).toBe(orgid);
    return block;
  });
}

describe('a batch', () => {
  test('puts _system first, and lets only the last block claim the watermark', () => {
    const blocks = seal(
      [event(1, 'b'), event(2, 'a'), message(3, 'garbage'), event(4, 'b')],
      chainsOf('a', 'b', SYSTEM_CHAIN),
    );
    expect(blocks.map(({ trailer }) => [trailer.orgid, trailer.first, trailer.last, trailer.watermark])).toEqual([
      [SYSTEM_CHAIN, 1, 1, 100],
      ['b', 1, 2, 100],
      ['a', 1, 1, 200],
    ]);
  });

  test('cuts a chain into blocks under the limit, each with the state after it, whatever comes', () => {
    const chains = chainsOf('acme', SYSTEM_CHAIN);
    const acme = chains.get('acme') as ChainState;
    // The largest trailer that there can be.
    for (let p = 0; p < MAX_PRODUCERS; p++) {
      const producer = `${p}`.padStart(64, 'p');
      for (let gap = 0; gap <= MAX_MISSING; gap++)
        admit(acme.producers, producer, Number.MAX_SAFE_INTEGER - 1_000 + gap * 2, 1);
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

  test('takes memory that a batch before it gave back', () => {
    const chains = chainsOf('a', 'b', SYSTEM_CHAIN);
    const pool = { free: [] };
    const one = fold();
    const notes = ['first', 'second'].map((word) => {
      const items = Array.from({ length: 40 }, (_, i) =>
        event(i + 1, i % 2 ? 'a' : 'b', `${word} ${'x'.repeat(50_000)}`),
      );
      for (const [orgid, { producers }] of chains) chains.set(orgid, { head: emptyHead(orgid), producers });
      const batch = createBatch(chains, pool);
      one.run(items.map(one.route), 0, { chains, sizes: new Map() }, batch);
      const blocks = batch
        .seal({ before: 1, after: 2 })
        .map((block) => parseBlock(Buffer.from(block.payload()).toString()));
      batch.release();
      return blocks.flatMap(({ entries }) =>
        entries.map((entry) => String(entry.event?.['data']?.['note' as never]).slice(0, 6)),
      );
    });
    expect(pool.free).toHaveLength(3);
    expect(notes).toEqual([Array.from({ length: 40 }, () => 'first '), Array.from({ length: 40 }, () => 'second')]);
  });

  test('has in a cut block the anti-replay window of that moment, not of the end', () => {
    const chains = chainsOf('acme', SYSTEM_CHAIN);
    const counted = (seq: number): StreamMessage => {
      const one = JSON.parse(Buffer.from(event(seq, 'acme', 'x'.repeat(60_000)).payload).toString()) as object;
      return message(seq, JSON.stringify({ ...one, producer: 'p', sequence: String(seq) }));
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
