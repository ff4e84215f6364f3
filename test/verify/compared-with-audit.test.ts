/** Chains that are good in themselves are compared with AUDIT, which may have less than the ledger, or more. */
import { jetstreamManager } from '@nats-io/jetstream';
import { verifyLedger } from '@waybill/consumer';
import { type Entry, parseBlock, parseEntry, SYSTEM_CHAIN } from '@waybill/schema/internal';
import { describe, expect, test } from 'vitest';
import { type CopiedBlock, copyLedger, forgeChain, unchanged } from '../support/ledger-builder.ts';
import { chainloopEvent, makeStreams, publishAll } from '../support/traffic.ts';
import { chain, chainOf, traffic, useRealLedger } from './real-ledger.ts';

const real = useRealLedger();

describe('a chain that is good in itself is compared with AUDIT', () => {
  const forge = (orgid: string, change: (entry: Entry) => ReturnType<typeof unchanged>[]) => (blocks: CopiedBlock[]) =>
    forgeChain(blocks, orgid, change);

  test('forging everything faithfully gives the same chain: the forger works', async () => {
    expect((await real.verifyCopy(forge('bolt', (entry) => [unchanged(entry)]))).verdict).toBe('ok');
  });

  test('a size was changed and everything computed anew', async () => {
    const report = await real.verifyCopy(
      forge('bolt', (entry) => {
        if (entry.core.seq !== 20) return [unchanged(entry)];
        const { event, volume, ...rest } = unchanged(entry);
        return [
          {
            ...rest,
            event: { ...event, data: { ...(event['data'] as object), size_bytes: 1 } },
            volume: { ...volume, bytes: '1' },
          },
        ];
      }),
    );
    expect(chainOf(report, 'bolt')?.verdict).toBe('ok');
    expect(report).toMatchObject({
      verdict: 'tampered',
      audit: { problem_count: 1, problems: [{ kind: 'altered', detail: expect.stringContaining('chain of bolt') }] },
    });
  });

  test('a time was changed, which would move the event to another bill', async () => {
    const report = await real.verifyCopy(
      forge('bolt', (entry) => [
        { ...unchanged(entry), ...(entry.core.seq === 1 && { received: '2020-01-01T00:00:00.000Z' }) },
      ]),
    );
    expect(chainOf(report, 'bolt')?.verdict).toBe('ok');
    expect(report).toMatchObject({ verdict: 'tampered', audit: { problem_count: 1 } });
  });

  test('an event was left out', async () => {
    const report = await real.verifyCopy(forge('acme', (entry) => (entry.core.seq === 30 ? [] : [unchanged(entry)])));
    expect(chainOf(report, 'acme')).toMatchObject({ verdict: 'ok', entries: 29 });
    expect(report).toMatchObject({
      verdict: 'incomplete',
      audit: { behind: 0, problems: [{ kind: 'not_chained', detail: 'the event of acme is in no chain' }] },
    });
  });

  test('a whole chain was left out', async () => {
    const report = await real.verifyCopy((blocks) => blocks.filter(({ orgid }) => orgid !== 'acme'));
    // What is after the watermark of the last block that is left may still be on its way.
    expect(report.verdict).toBe('incomplete');
    expect(report.audit.problem_count + report.audit.behind).toBe(30);
  });

  test('an event is in two chains', async () => {
    const source = parseEntry((await real.lines('acme'))[5] as string).core.source;
    const report = await real.verifyCopy(
      forge('bolt', (entry) => {
        const next = unchanged(entry);
        return entry.core.source.seq === source.seq + 1
          ? [{ ...next, source, event: { ...next.event, producer: 'forger', producerseq: '1' } }, next]
          : [next];
      }),
    );
    expect(report.verdict).toBe('tampered');
    expect(report.chains.map(({ problem }) => problem?.detail).join()).toMatch(
      /is in the chain of (acme|bolt) already/,
    );
  });

  test('an event is recorded as if it were none', async () => {
    const report = await real.verifyCopy((blocks) => {
      const left = forgeChain(blocks, 'acme', (entry) => (entry.core.seq === 30 ? [] : [unchanged(entry)]));
      const lost = parseBlock(blocks.findLast(({ orgid }) => orgid === 'acme')?.text ?? '').entries.at(-1) as Entry;
      return forgeChain(left, SYSTEM_CHAIN, (entry) => [
        unchanged(entry),
        { ...unchanged(entry), source: lost.core.source },
      ]);
    });
    // The payload's hash is not the event's either: whatever the forger writes, one of the two shows.
    expect(report.verdict).not.toBe('ok');
  });

  test('a head that the caller holds shows a recomputed chain and a cut tail', async () => {
    const good = chainOf(await verifyLedger(real.nc, real.settings), 'bolt')?.last as { seq: number; hash: string };
    const expectHead = new Map([['bolt', [good]]]);
    expect((await verifyLedger(real.nc, real.settings, { expect: expectHead })).verdict).toBe('ok');
    const cut = await copyLedger(
      real.nc,
      real.settings,
      forge('bolt', (entry) => (entry.core.seq > 50 ? [] : [unchanged(entry)])),
    );
    expect(chainOf(await verifyLedger(real.nc, cut, { expect: expectHead, waitMs: 0 }), 'bolt')?.verdict).toBe(
      'truncated',
    );
    const gone = await copyLedger(real.nc, real.settings, (blocks) => blocks.filter(({ orgid }) => orgid !== 'bolt'));
    expect(chainOf(await verifyLedger(real.nc, gone, { expect: expectHead, waitMs: 0 }), 'bolt')?.verdict).toBe(
      'truncated',
    );
  });
});

describe('AUDIT has less, or more, than the ledger', () => {
  test('a ledger that is behind: named, after having waited', async () => {
    const fresh = await makeStreams(real.nc);
    await publishAll(real.nc, traffic(fresh, 30));
    expect(await verifyLedger(real.nc, fresh, { waitMs: 0 })).toMatchObject({
      verdict: 'incomplete',
      chains: [],
      audit: { behind: 30, problem_count: 0 },
    });
    const waiting = verifyLedger(real.nc, fresh, { waitMs: 20_000 });
    await chain(real.nc, fresh);
    expect((await waiting).verdict).toBe('ok');
  });

  test('messages deleted before they were chained are recorded as gaps, and so accounted for', async () => {
    const fresh = await makeStreams(real.nc);
    await publishAll(real.nc, traffic(fresh, 30));
    const manager = await jetstreamManager(real.nc);
    for (const seq of [1, 7, 8, 20]) await manager.streams.deleteMessage(fresh.auditStream, seq);
    await chain(real.nc, fresh);
    const report = await verifyLedger(real.nc, fresh);
    // What was deleted is a hole in its publisher's count.
    expect(report).toMatchObject({ verdict: 'incomplete', audit: { compared: 26, problems: [], behind: 0 } });
    expect(
      report.chains
        .filter(({ orgid }) => orgid !== SYSTEM_CHAIN)
        .map(({ missing }) => Number(missing))
        .reduce((a, b) => a + b),
    ).toBe(4);
  });

  test('a message that is gone from the middle after it was chained is named, though no bill needs it', async () => {
    const fresh = await makeStreams(real.nc);
    await publishAll(real.nc, traffic(fresh, 10));
    await chain(real.nc, fresh);
    await (await jetstreamManager(real.nc)).streams.deleteMessage(fresh.auditStream, 5);
    expect(await verifyLedger(real.nc, fresh)).toMatchObject({
      verdict: 'incomplete',
      audit: {
        behind: 0,
        compared: 9,
        problem_count: 1,
        problems: [{ seq: 5, kind: 'unbacked', verdict: 'incomplete' }],
      },
    });
  });

  test('events that expired after they were chained: the chains vouch for them', async () => {
    const fresh = await makeStreams(real.nc);
    await publishAll(real.nc, [
      ...traffic(fresh, 30),
      chainloopEvent(fresh, {
        TargetType: 'Workflow',
        ActionType: 'WorkflowCreated',
        OrgID: 'acme',
        Info: {},
      } as never),
    ]);
    await chain(real.nc, fresh);
    await (await jetstreamManager(real.nc)).streams.purge(fresh.auditStream, { seq: 11 });
    expect(await verifyLedger(real.nc, fresh)).toMatchObject({
      verdict: 'ok',
      audit: { from: 11, to: 31, compared: 21, problems: [] },
    });
    expect(await verifyLedger(real.nc, fresh, { orgid: 'acme' })).toMatchObject({
      verdict: 'ok',
      audit: { from: 11, compared: 7, problems: [] },
    });
  });
});
