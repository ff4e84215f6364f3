import {
  type ChainState,
  createSizeMemory,
  emptyChain,
  MAX_MISSING,
  parseBlock,
  parseEntry,
  stateAfter,
  SYSTEM_CHAIN,
  UNATTRIBUTED_CHAIN,
} from '@waybill/schema/internal';
import { hash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { StreamItem, StreamMessage } from '../nats/stream-item.ts';
import { createFold, type Fold, type FoldCounts, noCounts, NO_SIZES, type SizeMemories } from './fold.ts';
import { createOpenBlocks } from './open-blocks.ts';
import { createRouter, type RoutedItem } from './routing.ts';
import { createWatermark } from './watermark.ts';

const RECEIVED = '2026-11-21T02:00:00.000Z';
const routeItem = createRouter({ subjectPrefix: 'audit' });
const FOLD = { stream: 'AUDIT', sha256: (text: string) => hash('sha256', text) };

type Event = Record<string, unknown>;

function event(note: string, more: Event = {}): Event {
  const id = `01997b3c-0000-7000-8000-${hash('sha256', note).slice(0, 12)}`;
  const required = { id, orgid: 'acme', source: '//t', specversion: '1.0', time: RECEIVED, type: 'test.happened' };
  return { ...required, data: { note }, ...more };
}

function message(seq: number, payload: unknown, subject = 'audit.test.happened.acme'): StreamMessage {
  return { kind: 'message', seq, subject, received: RECEIVED, payload: Buffer.from(JSON.stringify(payload)) };
}

function route(...items: StreamItem[]): RoutedItem[] {
  const routed: RoutedItem[] = [];
  for (const item of items) routeItem(item, routed);
  return routed;
}

interface Folded {
  readonly chains: Map<string, ChainState>;
  counts: FoldCounts;
  /** Of every entry: its chain, its place, and what it is. */
  readonly entries: (readonly [orgid: string, seq: number, index: number | undefined, what: unknown])[];
  readonly lines: string[];
}

function start(): Folded {
  const chains = new Map([SYSTEM_CHAIN, UNATTRIBUTED_CHAIN, 'acme', 'bolt'].map((name) => [name, emptyChain(name)]));
  return {
    chains,
    counts: noCounts(),
    entries: [],
    lines: [],
  };
}

function foldInto(folded: Folded, sizes: SizeMemories = NO_SIZES): Fold {
  return createFold({
    ...FOLD,
    chains: folded.chains,
    sizes,
    sink: {
      append(_, pieces) {
        const line = pieces.join('');
        const { core, event } = parseEntry(line);
        const data = event?.['data'] as { note?: string } | undefined;
        folded.lines.push(line);
        folded.entries.push([core.orgid, core.source.seq, core.source.index, data?.note ?? event?.['kind']]);
      },
    },
  });
}

function run(folded: Folded, items: readonly RoutedItem[], from = 0, sizes: SizeMemories = NO_SIZES) {
  const fold = foldInto(folded, sizes);
  const result = fold.run(items, from);
  folded.counts = fold.takeCounts();
  return result;
}

describe('a message that holds several events', () => {
  const bad = { ...event('bad'), id: '' };
  const login = {
    EventType: 'AUDIT_EVENT',
    Timestamp: 'now',
    Data: { ActionType: 'UserLoggedIn', TargetType: 'User' },
  };

  test('becomes an entry for each, at its place; a bad one is a record and costs nothing else', () => {
    const folded = start();
    expect(run(folded, route(message(7, [event('a'), bad, event('b')]), message(8, event('c'))))).toEqual({
      done: true,
    });
    expect(folded.entries).toEqual([
      ['acme', 7, 0, 'a'],
      [SYSTEM_CHAIN, 7, 1, 'rejected'],
      ['acme', 7, 2, 'b'],
      ['acme', 8, undefined, 'c'],
    ]);
    const record = parseEntry(folded.lines[1] as string).event as Event;
    const own = JSON.stringify(bad);
    expect(record).toEqual({
      kind: 'rejected',
      reason: 'not_an_event',
      detail: 'id: a non-empty string',
      subject: 'audit.test.happened.acme',
      size: own.length,
      sha256: hash('sha256', own),
      payload: Buffer.from(own).toString('base64'),
    });
  });

  test('goes to several chains: Chainloop’s subjects name no organization', () => {
    const folded = start();
    const of = (OrgID: string) => ({ ...login, Data: { ...login.Data, OrgID } });
    run(folded, route(message(1, [of('acme'), login, of('bolt'), of('acme')], 'audit.user.userloggedin')));
    expect(folded.entries.map(([orgid, , index]) => [orgid, index])).toEqual([
      ['acme', 0],
      [UNATTRIBUTED_CHAIN, 1],
      ['bolt', 2],
      ['acme', 3],
    ]);
  });

  test('is one record as a whole when it is no JSON', () => {
    const folded = start();
    run(folded, route({ ...message(1, []), payload: Buffer.from('[{},') }));
    expect(folded.entries).toEqual([[SYSTEM_CHAIN, 1, undefined, 'rejected']]);
  });

  test('is gone on with wherever it was left off, with the same bytes', () => {
    const numbered = (n: number) => event(`n${n}`, { producer: 'p', producerseq: String(n) });
    const all = [
      message(1, event('before')),
      message(2, [numbered(1), bad, numbered(1), numbered(2), { ...bad, orgid: 7 }, numbered(2), numbered(3)]),
      message(3, [bad, event('after')]),
    ];
    const whole = start();
    run(whole, route(...all));
    expect(whole.counts).toMatchObject({ rejected: 3, duplicates: 2 });
    // A crash after any entry, of which each chain has stored any number: the rest is folded again from the watermark.
    const lengths = (orgid: string) => whole.entries.filter(([name]) => name === orgid).length;
    for (let acme = 0; acme <= lengths('acme'); acme++) {
      for (let system = 0; system <= lengths(SYSTEM_CHAIN); system++) {
        const stored = { acme, [SYSTEM_CHAIN]: system } as Record<string, number>;
        // What is stored of `_system` is never less than what the chain of an organization has been past.
        const pastAcme = whole.entries.findLastIndex(
          ([name], i) => name === 'acme' && countTo(whole, i, 'acme') === acme,
        );
        if (countTo(whole, pastAcme, SYSTEM_CHAIN) > system) continue;
        const again = start();
        for (const [i, line] of whole.lines.entries()) {
          const entry = parseEntry(line);
          const { orgid } = entry.core;
          if (countTo(whole, i, orgid) > (stored[orgid] ?? 0)) continue;
          const chain = again.chains.get(orgid) as ChainState;
          const { origin } = entry.core;
          if (origin) chain.producers.admit(origin.producer, Number(origin.producerseq), entry.core.seq);
          again.chains.set(orgid, { ...chain, head: stateAt(line) });
          again.lines.push(line);
        }
        run(again, route(...all));
        const sorted = (lines: readonly string[]) => lines.toSorted();
        expect(sorted(again.lines), `${acme} of acme, ${system} of _system`).toEqual(sorted(whole.lines));
      }
    }
  });

  test('waits in its middle for the sizes of uploads, and is gone on with there', () => {
    const digest = `sha256:${'a'.repeat(64)}`;
    const upload = (data: Event) => event('', { type: 'casartifact.uploaded', data: { digest, ...data } });
    const folded = start();
    const items = route(
      message(
        4,
        [upload({ size_bytes: 5 }), upload({ skipped: true }), upload({ skipped: true })],
        'audit.casartifact.uploaded.acme',
      ),
    );
    expect(run(folded, items)).toEqual({ done: false, index: 1, orgid: 'acme' });
    expect(items.map(({ isLast }) => isLast)).toEqual([false, false, true]);
    const memory = createSizeMemory();
    memory.note(1, { kind: 'upload', digest, bytes: 5 }, { kind: 'upload', bytes: '5' });
    expect(run(folded, items, 1, { get: () => memory, need: () => memory })).toEqual({ done: true });
    expect(folded.lines.map((line) => parseEntry(line).core.volume)).toEqual([
      { kind: 'upload', bytes: '5' },
      { kind: 'deduplicated', bytes: '5', from: 1 },
      { kind: 'deduplicated', bytes: '5', from: 1 },
    ]);
  });

  test('may be divided between blocks: in its middle nothing of it is claimed, and a head knows how far it came', () => {
    const { chains } = start();
    const watermark = createWatermark(0);
    const blocks = createOpenBlocks(chains, watermark);
    const large = Array.from({ length: 200 }, (_, i) =>
      event(`${i} ${'x'.repeat(900)}`, { producer: 'p', producerseq: `${i + 1}` }),
    );
    const many = Array.from({ length: 5 }, (_, i) =>
      message(
        i + 1,
        large.map((one, n) => ({ ...one, producerseq: `${i * 200 + n + 1}` })),
      ),
    );
    createFold({ ...FOLD, chains, sizes: NO_SIZES, sink: blocks }).run(route(...many), 0);
    watermark.advance(5);
    const sealed = blocks.sealAll().map((block) => parseBlock(block.payload().toString()));
    expect(sealed.length).toBeGreaterThan(3);
    const [first] = sealed;
    const last = first?.entries.at(-1);
    expect(last?.core.source.index).toBeGreaterThan(0);
    expect(last?.core.source.index).toBeLessThan(199);
    expect(sealed.map(({ trailer }) => trailer.watermark)).toEqual([...sealed.slice(1).map(() => 0), 5]);
    // Another writer goes on after the first block alone.
    const again = start();
    if (!first || !last) throw new Error('no block');
    again.chains.set('acme', stateAfter(last, first.trailer));
    run(again, route(...many));
    expect([...first.lines, ...again.lines]).toEqual(sealed.flatMap(({ lines }) => lines));
  });
});

function countTo({ entries }: Folded, at: number, orgid: string): number {
  return entries.slice(0, at + 1).filter(([name]) => name === orgid).length;
}

function stateAt(line: string): ChainState['head'] {
  const entry = parseEntry(line);
  const { core, hash: head } = entry;
  const trailer = {
    v: 1,
    orgid: core.orgid,
    first: core.seq,
    last: core.seq,
    head,
    totals: core.totals,
    watermark: 0,
  } as const;
  return stateAfter(entry, { ...trailer, producers: {}, base: null }).head;
}

test('an event that comes when nobody knows any more whether it came is a record of its own, and in no chain', () => {
  const folded = start();
  const numbers = [...Array.from({ length: MAX_MISSING + 1 }, (_, i) => 2 * i + 2), 1, 2, 3];
  const items = numbers.map((n, i) => message(i + 1, event(`n${n}`, { producer: 'p', producerseq: String(n) })));
  run(folded, route(...items));
  expect(folded.counts).toMatchObject({ duplicates: 1, beyondWindow: 1 });
  const [beyond, duplicate] = folded.lines.map(parseEntry).filter(({ core }) => core.orgid === SYSTEM_CHAIN);
  expect(beyond?.event).toMatchObject({ kind: 'beyond_window', orgid: 'acme', producer: 'p', producerseq: '1' });
  expect(duplicate?.event).toMatchObject({ kind: 'duplicate', orgid: 'acme', producer: 'p', producerseq: '2' });
  expect(beyond?.core.origin).toBeNull();
  expect(folded.entries.at(-1)).toEqual(['acme', items.length, undefined, 'n3']);
});

test('what it did is counted, and told once', () => {
  const folded = start();
  const fold = foldInto(folded);
  fold.run(route(message(1, event('a')), { ...message(2, 'x'), payload: Buffer.from('garbage') }), 0);
  fold.run(route({ kind: 'gap', first: 3, last: 4, received: null }), 0);
  expect(fold.takeCounts()).toEqual({ ...noCounts(), rejected: 1, gaps: 1 });
  fold.run(route({ ...message(5, 'x'), payload: Buffer.from('garbage') }), 0);
  expect(fold.takeCounts()).toEqual({ ...noCounts(), rejected: 1 });
  expect(fold.takeCounts()).toEqual(noCounts());
});

test('publishers that begin in a chain and those that end there are counted, each once', () => {
  const folded = start();
  const of = (id: string, producer: string, producerseq: string, more = {}): Record<string, unknown> =>
    event(id, { producer, producerseq, ...more });
  const closed = { type: 'producer.closed' };
  const items = route(
    message(1, of('a', 'p', '1')),
    message(2, of('b', 'p', '2')),
    message(3, of('c', 'q', '1')),
    message(4, of('d', 'p', '3', closed), 'audit.producer.closed.acme'),
    // It says what an end says, and is none.
    message(5, of('e', 'q', '2', { data: closed })),
    message(6, of('f', 'p', '3', closed), 'audit.producer.closed.acme'),
  );
  run(folded, items);
  expect(folded.counts).toMatchObject({ producersOpened: 2, producersClosed: 1, duplicates: 1 });
  const gone = { v: 1, orgid: 'acme', producer: 'q', first: 3, last: null, by: 'ops', reason: 'a disk' };
  run(folded, route(message(7, gone, 'waybill.control.acknowledge.acme')));
  expect(folded.counts).toEqual({ ...noCounts(), acknowledged: 1, producersClosed: 1 });
});

test('what an operator acknowledges becomes a record, once, and no event of anybody', () => {
  const folded = start();
  const said = { v: 1, orgid: 'acme', producer: 'p', first: 2, last: 3, by: 'ops', reason: 'a disk' };
  const control = 'waybill.control.acknowledge.acme';
  const items = route(message(1, event('a')), message(2, said, control), message(3, { ...said, v: 2 }, control));
  expect(items.map(({ orgid, isLast }) => [orgid, isLast])).toEqual([
    ['acme', true],
    [SYSTEM_CHAIN, true],
    [SYSTEM_CHAIN, true],
  ]);
  run(folded, items);
  expect(folded.counts).toEqual({ ...noCounts(), acknowledged: 1, rejected: 1 });
  // Delivered again, as after a crash.
  run(folded, items);
  expect(folded.counts).toEqual(noCounts());
  expect(folded.entries).toEqual([
    ['acme', 1, undefined, 'a'],
    [SYSTEM_CHAIN, 2, undefined, 'acknowledged'],
    [SYSTEM_CHAIN, 3, undefined, 'rejected'],
  ]);
  const { v: _, ...members } = said;
  const payload = JSON.stringify(said);
  expect(parseEntry(folded.lines[1] as string).event).toEqual({
    kind: 'acknowledged',
    ...members,
    subject: control,
    size: payload.length,
    sha256: hash('sha256', payload),
    payload: Buffer.from(payload).toString('base64'),
  });
});

test('records that stand for no message take the place of the entry before, in the middle of a message too', () => {
  const folded = start();
  const fold = foldInto(folded);
  const [first, ...rest] = route(message(5, [{}, {}]), message(6, {}));
  run(folded, [first as RoutedItem]);
  // The message is not whole: what is before it is chained, and `_system` is past that.
  fold.record({ kind: 'streams', time: RECEIVED, changes: [], config: {} }, { seq: 4, received: null });
  run(folded, rest);
  fold.recordWatermark(message(6, {}));
  fold.recordWatermark(message(9, {}));
  const system = folded.lines
    .map(parseEntry)
    .map(({ core, event }) => [event?.['kind'], core.source.seq, core.source.index]);
  expect(system).toEqual([
    ['rejected', 5, 0],
    ['streams', 5, 0],
    ['rejected', 5, 1],
    ['rejected', 6, undefined],
    ['watermark', 6, undefined],
    ['watermark', 9, undefined],
  ]);
});
