import { NO_TOTALS } from '@waybill/schema/internal';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { BlockEnds, Edge } from './block-ends.ts';
import { type ChainSource, createChainSearch, END_OF_CHAIN } from './chain-search.ts';

interface Block {
  readonly streamSeq: number;
  readonly entries: readonly Edge[];
}

/** A chain: of each block, the distance from the one before it, and the time from one entry to the next. */
const chain = fc
  .array(
    fc.record({
      gap: fc.constantFrom(1, 1, 2, 5, 40, 1000),
      times: fc.array(fc.constantFrom(0, 0, 1, 3, 100, 5000), { minLength: 1, maxLength: 4 }),
    }),
    { maxLength: 60 },
  )
  .map((blocks) => {
    let [streamSeq, seq, time] = [0, 0, Date.UTC(2026, 6, 1)];
    return blocks.map(({ gap, times }): Block => {
      streamSeq += gap;
      const at = streamSeq;
      const entries = times.map((later) => {
        time += later;
        seq++;
        return { streamSeq: at, seq, hash: `hash ${seq}`, received: iso(time), totals: NO_TOTALS };
      });
      return { streamSeq: at, entries };
    });
  });

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function endsOf({ streamSeq, entries }: Block): BlockEnds {
  const [first, last] = [entries[0] as Edge, entries.at(-1) as Edge];
  return { streamSeq, firstSeq: first.seq, firstReceived: first.received, last };
}

/** @param lacks of a block, whether the replicas lack it; the leader has all */
function sourceOf(blocks: readonly Block[], upTo: number, lacks: (block: Block) => boolean = () => false) {
  let requests = 0;
  const counted = blocks.filter((block) => block.streamSeq <= upTo);
  const ask = async (block: Block | undefined): Promise<BlockEnds | null> => {
    requests++;
    return block ? endsOf(block) : null;
  };
  const source: ChainSource = {
    upTo,
    next: (from) => ask(counted.find((block) => block.streamSeq >= from && !lacks(block))),
    nextByLeader: (from) => ask(counted.find((block) => block.streamSeq >= from)),
    async entriesOf(at) {
      const { entries } = blocks.find(({ streamSeq }) => streamSeq === at) as Block;
      return { length: entries.length, at: (index) => entries[index] as Edge };
    },
  };
  return { source, requests: () => requests };
}

/** The same by looking at every entry. */
function naive(blocks: readonly Block[], upTo: number, moment: string) {
  const entries = blocks.filter(({ streamSeq }) => streamSeq <= upTo).flatMap((block) => block.entries);
  return {
    before: entries.findLast(({ received }) => received < moment) ?? null,
    after: entries.find(({ received }) => received >= moment)?.received ?? null,
  };
}

test('finds the same cuts as looking at every entry, with any hints, limits and replicas that lack blocks', async () => {
  await fc.assert(
    fc.asyncProperty(
      chain,
      fc.array(fc.tuple(fc.nat(300), fc.constantFrom(-1, 0, 1)), { maxLength: 30 }),
      fc.array(fc.nat(100), { maxLength: 3 }),
      fc.double({ min: 0, max: 1.2, noNaN: true }),
      fc.array(fc.nat(10), { maxLength: 4 }),
      fc.boolean(),
      async (blocks, picks, hints, share, lost, knowsNewest) => {
        const all = blocks.flatMap(({ entries }) => entries);
        const last = blocks.at(-1)?.streamSeq ?? 0;
        const upTo = Math.floor(share * last);
        const { source } = sourceOf(blocks, upTo, ({ streamSeq }) => lost.includes(streamSeq % 11));
        const search = createChainSearch(source);
        const newest = blocks.findLast(({ streamSeq }) => streamSeq <= upTo);
        if (knowsNewest) search.addNewest(newest ? endsOf(newest) : null);
        for (const hint of hints) {
          const block = blocks[hint % Math.max(1, blocks.length)];
          if (block) search.addHint(endsOf(block));
        }
        const moments = picks.map(([pick, shift]) =>
          iso(Date.parse(all[pick % Math.max(1, all.length)]?.received ?? '2026-07-01') + shift),
        );
        moments.push(END_OF_CHAIN);
        const cuts = await search.cutsAt(moments);
        for (const moment of moments) expect(cuts.get(moment), moment).toEqual(naive(blocks, upTo, moment));
      },
    ),
    { numRuns: 500 },
  );
});

test('asks a few times for each moment, whatever the length of the chain and of the stream', async () => {
  for (const [count, gap] of [
    [1_000, 1],
    [1_000, 1_000],
    [20_000, 7],
  ] as const) {
    const spread = (i: number): number => (i * 7919) % 1_000;
    const blocks = Array.from({ length: count }, (_, i): Block => {
      const streamSeq = 1 + i * gap + (gap > 1 ? spread(i) % gap : 0);
      const received = iso(Date.UTC(2026, 6, 1) + i * 10_000 + spread(i));
      return { streamSeq, entries: [{ streamSeq, seq: i + 1, hash: '', received, totals: NO_TOTALS }] };
    });
    const { source, requests } = sourceOf(blocks, count * gap);
    const search = createChainSearch(source);
    search.addNewest(endsOf(blocks.at(-1) as Block));
    const moments = Array.from({ length: 32 }, (_, i) => iso(Date.UTC(2026, 6, 1) + (i * count * 10_000) / 33 + 5));
    await search.cutsAt(moments);
    expect(requests(), `${count} blocks`).toBeLessThan(32 * 3);
  }
});

test('asks nothing for moments between which the chain has no block', async () => {
  const at = (day: number): Edge => ({
    streamSeq: day * 100,
    seq: day,
    hash: '',
    received: iso(Date.UTC(2026, 6, day)),
    totals: NO_TOTALS,
  });
  const blocks = [1, 2, 3].map((day): Block => ({ streamSeq: day * 100, entries: [at(day)] }));
  const { source, requests } = sourceOf(blocks, 1_000);
  const search = createChainSearch(source);
  search.addNewest(endsOf(blocks[2] as Block));
  await search.cutsAt(Array.from({ length: 745 }, (_, hour) => iso(Date.UTC(2026, 6, 1, hour))));
  expect(requests()).toBeLessThan(10);
});
