import { jetstreamManager } from '@nats-io/jetstream';
import {
  type ConsumerError,
  type Settings,
  usage,
  usageOfAll,
  type UsageNotice,
  type UsageQuery,
} from '@waybill/consumer';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type BuiltEntry, createLedgerBuilder } from '../support/ledger-builder.ts';
import { startNats } from '../support/nats.ts';
import { artifactEvent, makeStreams, publishAll } from '../support/traffic.ts';
import { until } from '../support/until.ts';

/** The same question answered by adding up, in numbers that stay small here. */
function naive(
  entries: readonly BuiltEntry[],
  { orgid, from, to }: { orgid: string; from?: string; to?: string },
): { events: string; bytes: string } {
  const inside = entries.filter(
    (e) => e.orgid === orgid && (from === undefined || e.received >= from) && (to === undefined || e.received < to),
  );
  return { events: String(inside.length), bytes: String(inside.reduce((sum, { bytes }) => sum + bytes, 0)) };
}

const at = (ms: number): string => new Date(ms).toISOString();
/** Entries and blocks are told apart by their milliseconds. */
const clockPasses = (ms: number) => until('the clock to go on', () => Date.now() > ms);

describe('usage equals adding up, at any boundary', () => {
  test('with blocks of any cut, times that many entries share, and empty windows', async () => {
    await using server = await startNats();
    const nc = await server.connect();
    const start = Date.UTC(2026, 6, 1);
    const step = fc.record({
      orgid: fc.constantFrom('a', 'b', 'c_1', 'd-2'),
      // Mostly equal or near times: boundaries must fall between entries with the same one.
      later: fc.constantFrom(0, 0, 0, 1, 1, 5, 1000),
      bytes: fc.nat(1000),
      commit: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 60 }),
        fc.array(fc.tuple(fc.nat(80), fc.nat(80)), { minLength: 4, maxLength: 8 }),
        async (steps, windows) => {
          const settings = await makeStreams(nc);
          const builder = createLedgerBuilder(nc, settings);
          const entries: BuiltEntry[] = [];
          let now = start;
          for (const { orgid, later, bytes, commit } of steps) {
            now += later;
            entries.push({ orgid, bytes, received: builder.append({ orgid, bytes, received: at(now) }) });
            if (commit) await builder.commit();
          }
          await builder.commit();
          const times = [
            start - 1,
            start,
            ...entries.flatMap(({ received }) => [Date.parse(received), Date.parse(received) + 1]),
          ];
          for (const [i, j] of windows) {
            const [from, to] = [times[i % times.length] as number, times[j % times.length] as number]
              .toSorted((a, b) => a - b)
              .map(at) as [string, string];
            for (const orgid of ['a', 'b', 'nobody']) {
              const found = await usage(nc, settings, { orgid, from, to });
              const expected = naive(entries, { orgid, from, to });
              expect({ events: found.events, bytes: found.uploads.bytes }, `${orgid} ${from} ${to}`).toEqual(expected);
              expect(found.uploads.count).toBe(found.events);
            }
            const all = await usageOfAll(nc, settings, { from, to });
            expect(all.sum.events).toBe(String(entries.filter((e) => e.received >= from && e.received < to).length));
          }
          await Promise.all(
            [settings.auditStream, settings.ledgerStream].map(async (name) =>
              (await jetstreamManager(nc)).streams.delete(name),
            ),
          );
        },
      ),
      { numRuns: 15 },
    );
  });

  test('a final answer is the same for ever, byte by byte, whoever comes later', async () => {
    await using server = await startNats();
    const nc = await server.connect();
    const start = Date.UTC(2026, 6, 1);
    const step = fc.record({
      orgid: fc.constantFrom('a', 'b', 'c_1', 'd-2', '0', 'Z'),
      later: fc.constantFrom(0, 0, 1, 5),
      bytes: fc.nat(1000),
    });
    const steps = fc.array(step, { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(steps, steps, fc.option(fc.nat(20), { nil: undefined }), async (before, after, from) => {
        const settings = await makeStreams(nc);
        const builder = createLedgerBuilder(nc, settings);
        let now = start;
        const append = async (some: typeof before): Promise<void> => {
          for (const { orgid, later, bytes } of some) {
            now += later;
            builder.append({ orgid, bytes, received: at(now) });
          }
          await builder.commit();
        };
        await append(before);
        const to = ++now;
        const window = { to: at(to), ...(from !== undefined && { from: at(Math.min(start + from, to)) }) };
        const first = await usageOfAll(nc, settings, window);
        expect(first.final).toBe(true);
        expect(first.organizations.map(({ orgid }) => orgid)).toEqual(
          [...new Set(before.map(({ orgid }) => orgid))].toSorted((a, b) => (a < b ? -1 : 1)),
        );
        await append(after);
        expect(JSON.stringify(await usageOfAll(nc, settings, window))).toBe(JSON.stringify(first));
        await Promise.all(
          [settings.auditStream, settings.ledgerStream].map(async (name) =>
            (await jetstreamManager(nc)).streams.delete(name),
          ),
        );
      }),
      { numRuns: 15 },
    );
  });

  test('when blocks are stored long after, and even before, the times of their entries', async () => {
    await using server = await startNats();
    const nc = await server.connect();
    const settings = await makeStreams(nc);
    const builder = createLedgerBuilder(nc, settings);
    const entries: BuiltEntry[] = [];
    for (let i = 0; i < 60; i++) {
      for (const orgid of ['lagging', 'ahead', 'both']) {
        const skew = orgid === 'lagging' ? -40 : orgid === 'ahead' ? 40 : (i % 3) * 40 - 40;
        entries.push({
          orgid,
          bytes: i,
          received: builder.append({ orgid, bytes: i, received: at(Date.now() + skew) }),
        });
      }
      await builder.commit();
      await clockPasses(Date.now() + 1);
    }
    const times = [...new Set(entries.map(({ received }) => received))];
    for (const [i, from] of times.entries()) {
      const to = times[(i + 17) % times.length] as string;
      if (to < from) continue;
      for (const orgid of ['lagging', 'ahead', 'both']) {
        const found = await usage(nc, settings, { orgid, from, to });
        expect({ events: found.events, bytes: found.uploads.bytes }, `${orgid} ${from} ${to}`).toEqual(
          naive(entries, { orgid, from, to }),
        );
      }
    }
  });

  test('for more organizations than the server answers in one request', async () => {
    await using server = await startNats();
    const nc = await server.connect();
    const settings = await makeStreams(nc);
    const builder = createLedgerBuilder(nc, settings);
    const organizations = Array.from({ length: 1500 }, (_, i) => `org-${String(i).padStart(4, '0')}`);
    const noon = Date.UTC(2026, 6, 1, 12);
    for (const [i, orgid] of organizations.entries()) builder.append({ orgid, bytes: i, received: at(noon) });
    await builder.commit();
    for (const orgid of organizations) builder.append({ orgid, bytes: 1, received: at(noon + 1000) });
    await builder.commit();

    const first = await usageOfAll(nc, settings, { to: at(noon + 1000) });
    expect(first.organizations.map(({ orgid }) => orgid)).toEqual(organizations);
    expect(first.organizations.map((u) => u.uploads.bytes)).toEqual(organizations.map((_, i) => String(i)));
    expect(first.sum.uploads).toEqual({ count: '1500', bytes: String((1499 * 1500) / 2), unknown: '0' });
    const second = await usageOfAll(nc, settings, { from: at(noon + 1), to: at(noon + 1001) });
    expect(second.sum.uploads).toEqual({ count: '1500', bytes: '1500', unknown: '0' });
    expect(second.organizations[7]?.boundary).toMatchObject({ from: { seq: '1' }, to: { seq: '2' } });
  });
});

describe('the answer', () => {
  test('is exactly this, and the window is the difference of the two entries that it names', async () => {
    await using server = await startNats();
    const nc = await server.connect();
    const settings = await makeStreams(nc);
    const builder = createLedgerBuilder(nc, settings);
    for (const [bytes, received] of [
      [5, '2026-06-30T23:59:59.999Z'],
      [7, '2026-07-01T00:00:00.000Z'],
      [9, '2026-07-31T23:59:59.999Z'],
      [11, '2026-08-01T00:00:00.000Z'],
    ] as const) {
      builder.append({ orgid: 'acme', bytes, received });
    }
    await builder.commit();
    const none = { count: '0', bytes: '0', unknown: '0' };
    const found = await usage(nc, settings, { orgid: 'acme', from: '2026-07-01', to: '2026-08-01T02:00:00+02:00' });
    expect(found).toEqual({
      orgid: 'acme',
      from: '2026-07-01T00:00:00.000Z',
      to: '2026-08-01T00:00:00.000Z',
      zone: 'UTC',
      tz: process.versions['tz'],
      step: null,
      basis: 'received',
      final: true,
      as_of: expect.stringMatching(/^3:[0-9a-f]{64}$/),
      events: '2',
      uploads: { count: '2', bytes: '16', unknown: '0' },
      downloads: none,
      deduplicated: none,
      boundary: {
        from: { seq: '1', hash: expect.stringMatching(/^[0-9a-f]{64}$/) },
        to: { seq: '3', hash: expect.any(String) },
      },
    });
    expect(found.as_of).toBe(`3:${found.boundary.to?.hash}`);
    expect(Object.keys(found).join(' ')).toBe(
      'orgid from to zone tz step basis final as_of events uploads downloads deduplicated boundary',
    );
    const before = await usage(nc, settings, { orgid: 'acme', to: '2026-06-30' });
    expect(before).toMatchObject({ events: '0', boundary: { from: null, to: null }, final: true });
    expect(before.as_of).toBe(`0:${'0'.repeat(64)}`);
  });

  test('of the longest window there is has everything', async () => {
    await using server = await startNats();
    const nc = await server.connect();
    const settings = await makeStreams(nc);
    const builder = createLedgerBuilder(nc, settings);
    for (const day of ['2026-07-01', '2026-07-02']) {
      builder.append({ orgid: 'acme', bytes: 1, received: `${day}T00:00:00.000Z` });
      await builder.commit();
    }
    for (const window of [{ from: '0000-01-01' }, { to: '9999-12-31T23:59:59.999Z' }]) {
      expect(await usage(nc, settings, { orgid: 'acme', ...window })).toMatchObject({ events: '2' });
      expect(await usageOfAll(nc, settings, window)).toMatchObject({ sum: { events: '2' } });
    }
  });

  test('asks the server about as often for ten times as many entries', async () => {
    await using server = await startNats();
    const nc = await server.connect();
    const requests: number[] = [];
    for (const blocks of [30, 300]) {
      const settings = await makeStreams(nc);
      const builder = createLedgerBuilder(nc, settings);
      for (let i = 0; i < blocks; i++) {
        for (let j = 0; j < 10; j++)
          builder.append({ orgid: 'acme', bytes: 1, received: at(Date.UTC(2026, 6, 1) + i * 1000) });
        await builder.commit();
      }
      const before = nc.stats().outMsgs;
      const { events } = await usage(nc, settings, {
        orgid: 'acme',
        to: at(Date.UTC(2026, 6, 1) + (blocks / 2) * 1000),
      });
      requests.push(nc.stats().outMsgs - before);
      expect(events).toBe(String(blocks * 5));
    }
    expect(requests[1]).toBeLessThanOrEqual((requests[0] as number) + 4);
  });
});

describe('final', () => {
  async function withEvents(
    count: number,
    run: (
      nc: Awaited<ReturnType<Awaited<ReturnType<typeof startNats>>['connect']>>,
      settings: Settings,
    ) => Promise<void>,
  ): Promise<void> {
    await using server = await startNats();
    const nc = await server.connect();
    const settings = await makeStreams(nc);
    await publishAll(
      nc,
      Array.from({ length: count }, () => artifactEvent(settings, { orgid: 'acme', kind: 'upload', bytes: 1 })),
    );
    await run(nc, settings);
  }

  test('not while an event that was received before the end is not chained', async () => {
    await withEvents(3, async (nc, settings) => {
      const builder = createLedgerBuilder(nc, settings);
      builder.append({ orgid: 'acme', bytes: 1, received: at(Date.now() - 5) });
      await builder.commit(1);
      await clockPasses(Date.now());
      const notices: UsageNotice[] = [];
      const to = at(Date.now());
      const found = await usage(nc, settings, { orgid: 'acme', to, onNotice: (notice) => notices.push(notice) });
      expect(found).toMatchObject({
        final: false,
        as_of: '1',
        pending: `at position 1 the ledger is not known to have all that was received before ${to}`,
      });
      expect(notices).toEqual([
        { kind: 'not_final', reason: expect.stringContaining('up to 2 later messages are not chained yet') },
      ]);
      await expect(usage(nc, settings, { orgid: 'acme', to, requireFinal: true })).rejects.toThrow(
        expect.objectContaining({ code: 'NOT_FINAL', message: expect.stringContaining('2 later messages') }),
      );
      expect((await usage(nc, settings, { orgid: 'acme', to: '2026-01-01' })).final).toBe(true);
    });
  });

  test('not while the end is in the future, and not without an end', async () => {
    await withEvents(0, async (nc, settings) => {
      const later = { orgid: 'acme', to: at(Date.now() + 3_600_000) };
      expect(await usage(nc, settings, later)).toMatchObject({ final: false, as_of: '0' });
      await expect(usage(nc, settings, { ...later, requireFinal: true })).rejects.toThrow('is not past yet');
      const open = await usage(nc, settings, { orgid: 'acme' });
      expect(open).toMatchObject({ to: null, final: false, pending: expect.stringContaining('without an end') });
      expect((await usage(nc, settings, { orgid: 'acme', to: at(Date.now() - 1000) })).final).toBe(true);
    });
  });
});

describe('questions that make no sense', () => {
  test.each([
    [{ from: '2026-07-01T00' }, 'from is "2026-07-01T00": expected RFC 3339 with at most milliseconds'],
    [{ zone: 'Europe/Atlantis' }, 'zone is "Europe/Atlantis": expected a time zone of the IANA database'],
    [{ zone: '+02:00' }, 'zone is "+02:00": expected a time zone of the IANA database'],
    [{ period: '2026-07', to: '2026-08-01' }, 'period is "2026-07": from and to cannot be given as well'],
    [{ step: 'day', to: '2026-08-01' }, 'step is day: windows need from and to, or period'],
    [{ step: 'minute', period: '2026-07' }, 'step is "minute": expected one of hour, day, week, month'],
    [{ step: 'hour', period: '2026' }, 'step is hour: that is more than 1000 windows'],
    [{ asOf: 'yesterday' }, 'asOf is "yesterday": expected as_of of an earlier answer'],
    [{ asOf: '1' }, 'asOf is 1: stream '],
    [{ asOf: `7:${'0'.repeat(64)}`, to: '2026-08-01' }, 'and the answer is as of 0:0000'],
    [{ waitMs: 5 }, 'waitMs is 5: an answer without to, or as of a position, never becomes final'],
    [{ waitMs: -1 }, 'waitMs is -1'],
    [{ to: '2026-02-30' }, 'to is "2026-02-30"'],
    [{ from: 'yesterday' }, 'from is "yesterday"'],
    [{ from: '2026-07-02', to: '2026-07-01' }, 'from is 2026-07-02T00:00:00.000Z, after to'],
    [{ orgid: 'a.b' }, 'orgid is "a.b"'],
    [{ to: '9999-12-31T23:59:59-08:00' }, 'expected a time from year 0 to 9999 in UTC'],
    [{ from: '0000-01-01T00:00:00+08:00' }, 'expected a time from year 0 to 9999 in UTC'],
  ])('%j', async (query, message) => {
    await using server = await startNats();
    const nc = await server.connect();
    const settings = await makeStreams(nc);
    const question = { orgid: 'acme', ...query } as UsageQuery & { orgid: string };
    const error = (await usage(nc, settings, question).catch((e: unknown) => e)) as ConsumerError;
    expect(error.code).toBe('BAD_ARGUMENT');
    expect(error.message).toContain(message);
  });
});
