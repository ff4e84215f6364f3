import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { erase, forge, run } from '../../test-support/verdicts.ts';
import type { JsonObject } from '../json/json.ts';
import { createOpenProducers, MAX_LISTED_OPEN } from './open-producers.ts';

const event = (producer: string, producerseq: number, type = 'release.approved'): JsonObject => ({
  orgid: 'acme',
  type,
  producer,
  producerseq: String(producerseq),
});
const END = 'producer.closed';
const at = (n: number): string => `2026-01-01T00:00:00.${String(n).padStart(3, '0')}Z`;
const core = (n: number) => ({ received: at(n), source: { stream: 'AUDIT', seq: n + 1, subject: 's' } });
const chainOf = (...events: JsonObject[]): string[] => forge(events.map((one, i) => ({ event: one, received: at(i) })));
const openOf = (lines: string[], fromSeq = 1) => {
  const { open, open_count, verdict } = run(lines, { fromSeq });
  expect(verdict).toBe('ok');
  expect(open_count).toBe(open.length);
  return open;
};

describe('publishers that have not closed', () => {
  it('are those whose event with the highest number is not their end', () => {
    const lines = chainOf(event('a', 1), event('b', 1), event('a', 2, END), event('b', 2));
    expect(openOf(lines)).toEqual([{ producer: 'b', last: 2, received: at(3) }]);
    expect(openOf(lines.slice(0, 2))).toEqual([
      { producer: 'b', last: 1, received: at(1) },
      { producer: 'a', last: 1, received: at(0) },
    ]);
    expect(openOf(lines.slice(2), 3)).toEqual([{ producer: 'b', last: 2, received: at(3) }]);
  });

  it('are not those of which an earlier event comes after the end', () => {
    const lines = chainOf(event('a', 1), event('a', 3, END), event('a', 2));
    expect(openOf(lines)).toEqual([]);
  });

  it('are those that went on after their end, and those whose end was erased', () => {
    expect(openOf(chainOf(event('a', 1, END), event('a', 2)))).toHaveLength(1);
    const [first = '', end = ''] = chainOf(event('a', 1), event('a', 2, END));
    expect(openOf([first, end])).toEqual([]);
    expect(openOf([first, erase(end)])).toEqual([{ producer: 'a', last: 2, received: at(1) }]);
  });

  it('are not those without numbers, nor is an end what only looks like one', () => {
    expect(openOf(chainOf({ orgid: 'acme', type: 'x' }))).toEqual([]);
    expect(openOf(chainOf({ ...event('a', 1), data: { type: END } }))).toHaveLength(1);
  });

  it('do not make a verdict of a tampered chain better or worse', () => {
    const lines = chainOf(event('a', 1), event('a', 2, END));
    const forged = run([lines[0] as string, (lines[1] as string).replace(END, 'producer.opened')]);
    expect(forged).toMatchObject({ verdict: 'tampered', open: [{ producer: 'a', last: 1 }], open_count: 1 });
    expect(run(chainOf(event('a', 3, END)))).toMatchObject({ verdict: 'incomplete', open_count: 0 });
  });

  it('are listed up to a bound, the latest first, and all are counted', () => {
    const producers = createOpenProducers();
    for (let n = 0; n < 300; n++) producers.add({ producer: `p${n}`, producerseq: 1 }, core(n), n % 3 === 0);
    const { open, open_count } = producers.report();
    expect([open.length, open_count, open[0]?.received]).toEqual([MAX_LISTED_OPEN, 200, at(299)]);
  });

  it('are what the last word of each says', () => {
    const anyEvents = fc.array(
      fc.record({ producer: fc.constantFrom('a', 'b', 'c'), producerseq: fc.nat(9), isEnd: fc.boolean() }),
    );
    fc.assert(
      fc.property(anyEvents, (events) => {
        const producers = createOpenProducers();
        for (const [i, { isEnd, ...origin }] of events.entries()) producers.add(origin, core(i), isEnd);
        const wanted = ['a', 'b', 'c'].filter((producer) => {
          const own = events.filter((one) => one.producer === producer);
          const highest = Math.max(...own.map(({ producerseq }) => producerseq));
          return own.length > 0 && own.find(({ producerseq }) => producerseq === highest)?.isEnd === false;
        });
        expect(
          producers
            .report()
            .open.map(({ producer }) => producer)
            .toSorted(),
        ).toEqual(wanted);
      }),
    );
  });
});
