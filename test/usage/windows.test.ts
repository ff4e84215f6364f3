/** Windows of a calendar, and answers that can be repeated: against a real ledger. */
import { jetstreamManager } from '@nats-io/jetstream';
import { type Settings, type Step, type Usage, usage, usageOfAll, type UsageReport } from '@waybill/consumer';
import { sumTotals } from '@waybill/schema/internal';
import type { NatsConnection } from '@nats-io/nats-core';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { type BuiltEntry, createLedgerBuilder, type LedgerBuilder } from '../support/ledger-builder.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { makeStreams } from '../support/traffic.ts';

const HOUR_MS = 3_600_000;
/** Clocks change within the longest spans from here. */
const START = Date.UTC(2026, 2, 25);
const ZONES = ['UTC', 'Europe/Berlin', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'America/St_Johns'];

function at(ms: number): string {
  return new Date(ms).toISOString();
}

const made = fc.record({
  orgid: fc.constantFrom('a', 'b', 'c_1'),
  later: fc.constantFrom(0, 1, HOUR_MS - 1, 7 * HOUR_MS, 40 * HOUR_MS, 300 * HOUR_MS),
  bytes: fc.nat(1000),
  commit: fc.boolean(),
});
type Made = typeof made extends fc.Arbitrary<infer T> ? T : never;

/** Appends entries one after the other in time. @returns them, and the time after the last one */
async function append(builder: LedgerBuilder, some: readonly Made[], start: number) {
  const entries: BuiltEntry[] = [];
  let now = start;
  for (const { orgid, later, bytes, commit } of some) {
    now += later;
    entries.push({ orgid, bytes, received: builder.append({ orgid, bytes, received: at(now) }) });
    if (commit) await builder.commit();
  }
  await builder.commit();
  return { entries, end: now + 1 };
}

async function forget(nc: NatsConnection, { auditStream, ledgerStream }: Settings): Promise<void> {
  const manager = await jetstreamManager(nc);
  for (const stream of [auditStream, ledgerStream]) await manager.streams.delete(stream);
}

const question = fc.record({
  zone: fc.constantFrom(...ZONES),
  step: fc.constantFrom<Step>('hour', 'day', 'week', 'month'),
  offset: fc.integer({ min: -48, max: 600 }),
  share: fc.double({ min: 0, max: 1, noNaN: true }),
});
type Question = typeof question extends fc.Arbitrary<infer T> ? T : never;

function windowOf({ zone, step, offset, share }: Question) {
  const from = START + offset * HOUR_MS;
  const longest = { hour: 990, day: 24 * 60, week: 24 * 60, month: 24 * 120 }[step] * HOUR_MS;
  return { zone, step, from: at(from), to: at(from + Math.floor(share * longest)) };
}

function count(entries: readonly BuiltEntry[], { orgid, from, to }: { orgid: string; from: string; to: string }) {
  const inside = entries.filter((e) => e.orgid === orgid && e.received >= from && e.received < to);
  return { events: String(inside.length), bytes: String(inside.reduce((sum, { bytes }) => sum + bytes, 0)) };
}

test('each window is what adding up gives, and all of them are the whole', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  await fc.assert(
    fc.asyncProperty(
      fc.array(made, { maxLength: 40 }),
      fc.array(question, { minLength: 1, maxLength: 4 }),
      async (some, questions) => {
        const settings = await makeStreams(nc);
        const { entries } = await append(createLedgerBuilder(nc, settings), some, START);
        for (const window of questions.map(windowOf)) {
          for (const orgid of ['a', 'nobody']) {
            const found = await usage(nc, settings, { orgid, ...window });
            const windows = found.windows ?? [];
            for (const one of windows)
              expect({ events: one.events, bytes: one.uploads.bytes }).toEqual(count(entries, { orgid, ...one }));
            const { events, uploads, downloads, deduplicated } = found;
            expect(sumTotals(windows)).toEqual({ events, uploads, downloads, deduplicated });
            for (const [i, one] of windows.entries()) {
              expect(one.boundary.from).toEqual(i === 0 ? found.boundary.from : windows[i - 1]?.boundary.to);
            }
            expect((windows.at(-1) ?? found).boundary.to).toEqual(found.boundary.to);
          }
          const all = await usageOfAll(nc, settings, window);
          expect(sumTotals(all.organizations.flatMap(({ windows = [] }) => windows))).toEqual(all.sum);
        }
        await forget(nc, settings);
      },
    ),
    { numRuns: 12 },
  );
});

test('a month by day, with a day of 25 hours, empty ones too', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const builder = createLedgerBuilder(nc, settings);
  builder.append({ orgid: 'acme', bytes: 1, received: '2025-10-24T22:30:00.000Z' });
  builder.append({ orgid: 'acme', bytes: 2, received: '2025-10-25T22:30:00.000Z' });
  builder.append({ orgid: 'acme', bytes: 4, received: '2025-10-26T23:00:00.000Z' });
  await builder.commit();
  const query = { orgid: 'acme', period: '2025-10', zone: 'Europe/Berlin', step: 'day' } as const;
  const found = await usage(nc, settings, query);
  expect(found).toMatchObject({
    from: '2025-09-30T22:00:00.000Z',
    to: '2025-10-31T23:00:00.000Z',
    zone: 'Europe/Berlin',
    tz: process.versions['tz'],
    step: 'day',
    final: true,
    uploads: { bytes: '7' },
  });
  expect(found.windows?.length).toBe(31);
  expect(found.windows?.slice(24, 27).map(({ local, uploads }) => [local, uploads.bytes])).toEqual([
    ['2025-10-25', '1'],
    ['2025-10-26', '2'],
    ['2025-10-27', '4'],
  ]);
  expect(found.windows?.[25]).toMatchObject({
    from: '2025-10-25T22:00:00.000Z',
    to: '2025-10-26T23:00:00.000Z',
    partial: false,
    boundary: { from: { seq: '1' }, to: { seq: '2' } },
  });
  expect(found.windows?.filter(({ events }) => events === '0').length).toBe(28);
});

describe('the same question', () => {
  beforeEach(needsOwnServer);

  test('has the same final answer for ever: after later events, late organizations, a restart, by another reader', async () => {
    await using server = await startNats();
    const nc = await server.connect();
    await fc.assert(
      fc.asyncProperty(
        fc.array(made, { maxLength: 25 }),
        fc.array(made, { maxLength: 10 }),
        question,
        async (before, after, asked) => {
          const settings = await makeStreams(nc);
          const builder = createLedgerBuilder(nc, settings);
          const { end } = await append(builder, before, START);
          const window = { ...windowOf(asked), to: at(end) };
          const query = { ...window, from: window.from < window.to ? window.from : window.to, step: undefined };
          const ask = async (by = nc): Promise<string[]> => {
            const answers: (Usage | UsageReport)[] = [await usageOfAll(by, settings, query)];
            for (const orgid of ['a', 'late', 'nobody']) answers.push(await usage(by, settings, { ...query, orgid }));
            const windows = await usage(by, settings, { ...query, orgid: 'a', step: 'month' });
            return [...answers, windows].map((answer) => JSON.stringify(answer));
          };
          const first = await ask();
          expect(first.every((answer) => answer.includes('"final":true'))).toBe(true);
          builder.append({ orgid: 'late', bytes: 5, received: at(end) });
          await append(builder, after, end);
          expect(await ask()).toEqual(first);
          const [all = '', one = ''] = first.map((answer) => (JSON.parse(answer) as Usage).as_of);
          expect(JSON.stringify(await usageOfAll(nc, settings, { ...query, asOf: all }))).toBe(first[0]);
          expect(JSON.stringify(await usage(nc, settings, { ...query, orgid: 'a', asOf: one }))).toBe(first[1]);
          await using reader = await server.connect();
          expect(await ask(reader)).toEqual(first);
          await forget(nc, settings);
        },
      ),
      { numRuns: 12 },
    );
    const settings = await makeStreams(nc);
    const builder = createLedgerBuilder(nc, settings);
    builder.append({ orgid: 'acme', bytes: 3, received: at(START) });
    await builder.commit();
    const query = { orgid: 'acme', period: '2026-03', zone: 'Europe/Berlin', step: 'week' } as const;
    const first = JSON.stringify(await usage(nc, settings, query));
    await server.kill9();
    await server.restart();
    expect(JSON.stringify(await usage(await server.connect(), settings, query))).toBe(first);
  });

  test('as of a position has the same answer, byte for byte, whatever is chained after it', async () => {
    await using server = await startNats();
    const nc = await server.connect();
    await fc.assert(
      fc.asyncProperty(
        fc.array(made, { maxLength: 25 }),
        fc.array(made, { minLength: 1, maxLength: 25 }),
        question,
        async (before, after, asked) => {
          const settings = await makeStreams(nc);
          const builder = createLedgerBuilder(nc, settings);
          const { end } = await append(builder, before, START);
          const { from, zone, step } = windowOf(asked);
          const future = { zone, from: at(Date.now() - HOUR_MS), to: at(Date.now() + HOUR_MS), step };
          for (const query of [{}, { from }, future, { from, zone, to: future.to }]) {
            const one = { ...query, orgid: 'a' };
            const first = [await usage(nc, settings, one), await usageOfAll(nc, settings, query)];
            expect(first.map(({ final }) => final)).toEqual([false, false]);
            await append(builder, after, end);
            const again = [
              await usage(nc, settings, { ...one, asOf: first[0]?.as_of }),
              await usageOfAll(nc, settings, { ...query, asOf: first[1]?.as_of }),
            ];
            expect(again.map((answer) => JSON.stringify(answer))).toEqual(
              first.map((answer) => JSON.stringify(answer)),
            );
          }
          await forget(nc, settings);
        },
      ),
      { numRuns: 12 },
    );
  });
});

test('pages of organizations are the whole, and do not change when others come later', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const builder = createLedgerBuilder(nc, settings);
  for (const orgid of ['a', 'b', 'c', 'd', 'e']) builder.append({ orgid, bytes: 1, received: at(START) });
  await builder.commit();
  const query = { to: at(START + 1), limit: 2 };
  const pages: UsageReport[] = [];
  for (let after: string | undefined; ; after = pages.at(-1)?.next) {
    pages.push(await usageOfAll(nc, settings, { ...query, after }));
    if (pages.at(-1)?.next === undefined) break;
    for (const orgid of [`${after ?? ''}a0`, 'b0', 'd0']) builder.append({ orgid, bytes: 1, received: at(START + 1) });
    await builder.commit();
  }
  expect(pages.map(({ organizations }) => organizations.map(({ orgid }) => orgid))).toEqual([
    ['a', 'b'],
    ['c', 'd'],
    ['e'],
  ]);
  const some = await usageOfAll(nc, settings, { to: query.to, orgids: ['e', 'nobody', 'b', 'b'] });
  expect(some.organizations.map(({ orgid }) => orgid)).toEqual(['b', 'e']);
  await expect(usageOfAll(nc, settings, { limit: 0 })).rejects.toThrow('usageOfAll: limit is 0');
});

test('waits for a final answer, and not longer than it was told', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const to = at(Date.now() + 700);
  expect(await usage(nc, settings, { orgid: 'acme', to, waitMs: 60_000 })).toMatchObject({ final: true, to });
  const begun = performance.now();
  expect(await usage(nc, settings, { orgid: 'acme', to: at(Date.now() + HOUR_MS), waitMs: 300 })).toMatchObject({
    final: false,
  });
  expect(performance.now() - begun).toBeGreaterThan(290);
});

test('a month by day takes about as many requests as it has bounds, in a ledger of any length', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const requests: number[] = [];
  for (const blocks of [300, 3_000]) {
    const settings = await makeStreams(nc);
    const builder = createLedgerBuilder(nc, settings);
    for (let i = 0; i < blocks; i++) {
      const received = at(Date.UTC(2026, 1, 15) + Math.floor((i * 60 * 24 * HOUR_MS) / blocks));
      builder.append({ orgid: 'acme', bytes: 1, received });
      builder.append({ orgid: `other-${i % 10}`, bytes: 1, received });
      await builder.commit();
    }
    const before = nc.stats().outMsgs;
    const { windows = [] } = await usage(nc, settings, { orgid: 'acme', period: '2026-03', step: 'day' });
    requests.push(nc.stats().outMsgs - before);
    expect(windows.length).toBe(31);
  }
  for (const count of requests) expect(count).toBeLessThan(32 * 3 + 15);
});
