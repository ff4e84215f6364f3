import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { type LedgerReport, replay, type Settings, startConsumer, verifyLedger, verifyLines } from '@waybill/consumer';
import { type Entry, parseBlock, parseEntry, SYSTEM_CHAIN } from '@waybill/schema';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { caughtUp } from '../support/check-ledger.ts';
import { type CopiedBlock, copyLedger, forgeChain, unchanged } from '../support/ledger-builder.ts';
import { startNats, type TestNats } from '../support/nats.ts';
import { artifactEvent, chainloopEvent, makeStreams, type MadeEvent, publishAll } from '../support/traffic.ts';

const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

async function chain(nc: NatsConnection, settings: Settings): Promise<void> {
  await using _consumer = await startConsumer({ nc, logger: SILENT, ...settings, maxOpenEntries: 16 });
  await caughtUp(nc, settings);
}

function traffic(settings: Settings, count: number): MadeEvent[] {
  const events = Array.from({ length: count }, (_, i) =>
    artifactEvent(settings, {
      orgid: i % 3 === 0 ? 'acme' : 'bolt',
      kind: i % 2 === 0 ? 'upload' : 'download',
      bytes: i,
      attributes: { producer: `boot-${i % 2}`, producerseq: '1' },
    }),
  );
  // Each publisher numbers each organization's events on its own.
  const counts = new Map<string, number>();
  return events.map((made) => {
    const event = JSON.parse(made.payload) as Record<string, unknown>;
    const key = `${String(event['producer'])} ${String(event['orgid'])}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
    return { ...made, payload: JSON.stringify({ ...event, producerseq: String(counts.get(key)) }) };
  });
}

/** One real ledger that each test copies and damages. */
let server: TestNats;
let nc: NatsConnection;
let settings: Settings;

beforeAll(async () => {
  server = await startNats();
  nc = await server.connect();
  settings = await makeStreams(nc);
  const events = traffic(settings, 90);
  events.splice(40, 0, { subject: `${settings.auditPrefix}.nothing`, payload: 'nonsense', id: 'garbage' });
  await publishAll(nc, events);
  await chain(nc, settings);
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

async function verifyCopy(change: (blocks: CopiedBlock[]) => readonly CopiedBlock[]): Promise<LedgerReport> {
  return verifyLedger(nc, await copyLedger(nc, settings, change), { waitMs: 0 });
}

function of(report: LedgerReport, orgid: string): LedgerReport['chains'][number] | undefined {
  return report.chains.find((one) => one.orgid === orgid);
}

test('a ledger as the consumer wrote it', async () => {
  const report = await verifyLedger(nc, settings);
  expect(report).toMatchObject({
    verdict: 'ok',
    ledger: { entries: 91, watermark: 91, problems: [] },
    audit: { from: 1, to: 91, compared: 91, behind: 0, problems: [], problem_count: 0 },
  });
  expect(report.chains.map(({ orgid, entries }) => [orgid, entries])).toEqual([
    ['acme', 30],
    ['bolt', 60],
    [SYSTEM_CHAIN, 1],
  ]);
  expect((await verifyCopy((blocks) => blocks)).verdict).toBe('ok');
});

test('one organization, from the start and from any entry', async () => {
  for (const fromSeq of [1, 2, 17, 30]) {
    const report = await verifyLedger(nc, settings, { orgid: 'acme', fromSeq });
    expect(report, `from ${fromSeq}`).toMatchObject({
      verdict: 'ok',
      audit: { compared: fromSeq === 1 ? 30 : 30 - fromSeq, behind: 0 },
    });
    expect(of(report, 'acme')).toMatchObject({ first: { seq: fromSeq }, last: { seq: 30 } });
    expect(of(report, 'bolt')).toBeUndefined();
  }
  const unknown = await verifyLedger(nc, settings, { orgid: 'nobody' });
  expect(unknown).toMatchObject({
    verdict: 'unreadable',
    chains: [{ problem: { detail: 'there is no entry' } }, { verdict: 'ok' }],
  });
});

test('one organization, when others sent what is no event on subjects that end like its own', async () => {
  const own = await makeStreams(nc);
  const { payload } = artifactEvent(own, { orgid: 'acme', kind: 'upload', bytes: 1 });
  const ends = ['a.b.c.acme', 'acme', 'a.acme', 'A.B.acme', 'casartifact.uploaded.acme', 'casartifact.batch.acme'];
  const events = ends.flatMap((end) => [payload, '[1,[]]'].map((text) => ({ end, text })));
  await publishAll(
    nc,
    events.map(({ end, text }, i) => ({ subject: `${own.auditPrefix}.${end}`, payload: text, id: String(i) })),
  );
  await chain(nc, own);
  expect(await verifyLedger(nc, own)).toMatchObject({ verdict: 'ok' });
  for (const orgid of ['acme', SYSTEM_CHAIN])
    expect(await verifyLedger(nc, own, { orgid })).toMatchObject({ verdict: 'ok', audit: { problems: [] } });
});

test('one organization, from an entry that it does not have', async () => {
  for (const fromSeq of [31, 1_000]) {
    const report = await verifyLedger(nc, settings, { orgid: 'acme', fromSeq });
    expect(report).toMatchObject({ verdict: 'unreadable', audit: { compared: 0, problems: [] } });
    expect(of(report, 'acme')).toMatchObject({ problem: { detail: 'there is no entry' } });
  }
  const expected = new Map([['acme', [{ seq: 31, hash: '0'.repeat(64) }]]]);
  expect(await verifyLedger(nc, settings, { orgid: 'acme', fromSeq: 31, expect: expected })).toMatchObject({
    verdict: 'truncated',
  });
});

describe('what was changed in a stored block is found', () => {
  const inBlock = (index: number, change: (text: string) => string) => (blocks: CopiedBlock[]) => {
    let seen = 0;
    return blocks.map((block) =>
      block.orgid === 'bolt' && seen++ === index ? { ...block, text: change(block.text) } : block,
    );
  };

  test('a digit in an event', async () => {
    let damaged = 0;
    const report = await verifyCopy(
      inBlock(1, (text) => {
        const { lines, trailer } = parseBlock(text);
        damaged = trailer.first + 1;
        const line = lines[1] as string;
        const bytes = /"size_bytes":(\d+)/.exec(line)?.[1] ?? '';
        return text.replace(line, line.replace(`"size_bytes":${bytes}`, `"size_bytes":${bytes}0`));
      }),
    );
    expect(report.verdict).toBe('tampered');
    expect(of(report, 'bolt')).toMatchObject({
      verdict: 'tampered',
      problem: { seq: damaged, detail: 'event_hash is not the SHA-256 of event' },
    });
    expect(of(report, 'acme')?.verdict).toBe('ok');
  });

  test.each([
    ['watermark', (n: number) => ({ watermark: n + 1_000_000 }), 'up to message 1000'],
    ['producers', () => ({ producers: {} }), 'producers are not those of the entries'],
    ['head', () => ({ head: 'f'.repeat(64) }), 'trailer.head is f'],
    ['first', (_: number, first: number) => ({ first: first + 1 }), 'trailer.first is'],
  ])('the %s in a trailer', async (_name, change, detail) => {
    const report = await verifyCopy(
      inBlock(1, (text) => {
        const { lines, trailer } = parseBlock(text);
        return `${lines.join('\n')}\n${JSON.stringify({ ...trailer, ...change(trailer.watermark, trailer.first) })}\n`;
      }),
    );
    expect(report.verdict).toBe('tampered');
    const details = [...report.chains.map(({ problem }) => problem?.detail ?? ''), ...report.ledger.problems];
    expect(details.join()).toContain(detail);
  });

  test('a block that is none, that is missing, doubled, or in another chain', async () => {
    const none = await verifyCopy(inBlock(1, () => 'nonsense'));
    expect(of(none, 'bolt')).toMatchObject({
      verdict: 'tampered',
      problem: { detail: expect.stringContaining('of the stream is none') },
    });
    let seen = 0;
    const missing = await verifyCopy((blocks) => blocks.filter(({ orgid }) => orgid !== 'bolt' || seen++ !== 1));
    expect(of(missing, 'bolt')).toMatchObject({
      verdict: 'tampered',
      problem: { detail: expect.stringMatching(/expected seq \d+, found \d+/) },
    });
    const doubled = await verifyCopy((blocks) =>
      blocks.flatMap((block) => (block.orgid === 'bolt' ? [block, block] : [block])),
    );
    expect(of(doubled, 'bolt')?.verdict).toBe('tampered');
    const moved = await verifyCopy((blocks) =>
      blocks.map((block) => (block.orgid === 'acme' ? { ...block, orgid: 'corp' } : block)),
    );
    expect(of(moved, 'corp')).toMatchObject({
      verdict: 'tampered',
      problem: { seq: 1, detail: expect.stringContaining('chain of acme') },
    });
  });

  test('a block removed from the stream itself', async () => {
    const copy = await copyLedger(nc, settings, (blocks) => blocks);
    const manager = await jetstreamManager(nc);
    const { state } = await manager.streams.info(copy.ledgerStream);
    await manager.streams.deleteMessage(copy.ledgerStream, state.last_seq - 1);
    const report = await verifyLedger(nc, copy, { waitMs: 0 });
    const hole = state.last_seq - 1;
    expect(report).toMatchObject({
      verdict: 'tampered',
      ledger: { problems: [`blocks ${hole} to ${hole} are missing in stream ${copy.ledgerStream}`] },
    });
  });
});

describe('a chain that is good in itself is compared with AUDIT', () => {
  const forge = (orgid: string, change: (entry: Entry) => ReturnType<typeof unchanged>[]) => (blocks: CopiedBlock[]) =>
    forgeChain(blocks, orgid, change);

  test('forging everything faithfully gives the same chain: the forger works', async () => {
    expect((await verifyCopy(forge('bolt', (entry) => [unchanged(entry)]))).verdict).toBe('ok');
  });

  test('a size was changed and everything computed anew', async () => {
    const report = await verifyCopy(
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
    expect(of(report, 'bolt')?.verdict).toBe('ok');
    expect(report).toMatchObject({
      verdict: 'tampered',
      audit: { problem_count: 1, problems: [{ kind: 'altered', detail: expect.stringContaining('chain of bolt') }] },
    });
  });

  test('a time was changed, which would move the event to another bill', async () => {
    const report = await verifyCopy(
      forge('bolt', (entry) => [
        { ...unchanged(entry), ...(entry.core.seq === 1 && { received: '2020-01-01T00:00:00.000Z' }) },
      ]),
    );
    expect(of(report, 'bolt')?.verdict).toBe('ok');
    expect(report).toMatchObject({ verdict: 'tampered', audit: { problem_count: 1 } });
  });

  test('an event was left out', async () => {
    const report = await verifyCopy(forge('acme', (entry) => (entry.core.seq === 30 ? [] : [unchanged(entry)])));
    expect(of(report, 'acme')).toMatchObject({ verdict: 'ok', entries: 29 });
    expect(report).toMatchObject({
      verdict: 'incomplete',
      audit: { behind: 0, problems: [{ kind: 'not_chained', detail: 'the event of acme is in no chain' }] },
    });
  });

  test('a whole chain was left out', async () => {
    const report = await verifyCopy((blocks) => blocks.filter(({ orgid }) => orgid !== 'acme'));
    // What is after the watermark of the last block that is left may still be on its way.
    expect(report.verdict).toBe('incomplete');
    expect(report.audit.problem_count + report.audit.behind).toBe(30);
  });

  test('an event is in two chains', async () => {
    const source = parseEntry((await lines('acme'))[5] as string).core.source;
    const report = await verifyCopy(
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
    const report = await verifyCopy((blocks) => {
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
    const good = of(await verifyLedger(nc, settings), 'bolt')?.last as { seq: number; hash: string };
    const expectHead = new Map([['bolt', [good]]]);
    expect((await verifyLedger(nc, settings, { expect: expectHead })).verdict).toBe('ok');
    const cut = await copyLedger(
      nc,
      settings,
      forge('bolt', (entry) => (entry.core.seq > 50 ? [] : [unchanged(entry)])),
    );
    expect(of(await verifyLedger(nc, cut, { expect: expectHead, waitMs: 0 }), 'bolt')?.verdict).toBe('truncated');
    const gone = await copyLedger(nc, settings, (blocks) => blocks.filter(({ orgid }) => orgid !== 'bolt'));
    expect(of(await verifyLedger(nc, gone, { expect: expectHead, waitMs: 0 }), 'bolt')?.verdict).toBe('truncated');
  });
});

describe('AUDIT has less, or more, than the ledger', () => {
  test('a ledger that is behind: named, after having waited', async () => {
    const fresh = await makeStreams(nc);
    await publishAll(nc, traffic(fresh, 30));
    expect(await verifyLedger(nc, fresh, { waitMs: 0 })).toMatchObject({
      verdict: 'incomplete',
      chains: [],
      audit: { behind: 30, problem_count: 0 },
    });
    const waiting = verifyLedger(nc, fresh, { waitMs: 20_000 });
    await chain(nc, fresh);
    expect((await waiting).verdict).toBe('ok');
  });

  test('messages deleted before they were chained are recorded as gaps, and so accounted for', async () => {
    const fresh = await makeStreams(nc);
    await publishAll(nc, traffic(fresh, 30));
    const manager = await jetstreamManager(nc);
    for (const seq of [1, 7, 8, 20]) await manager.streams.deleteMessage(fresh.auditStream, seq);
    await chain(nc, fresh);
    const report = await verifyLedger(nc, fresh);
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
    const fresh = await makeStreams(nc);
    await publishAll(nc, traffic(fresh, 10));
    await chain(nc, fresh);
    await (await jetstreamManager(nc)).streams.deleteMessage(fresh.auditStream, 5);
    expect(await verifyLedger(nc, fresh)).toMatchObject({
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
    const fresh = await makeStreams(nc);
    await publishAll(nc, [
      ...traffic(fresh, 30),
      chainloopEvent(fresh, {
        TargetType: 'Workflow',
        ActionType: 'WorkflowCreated',
        OrgID: 'acme',
        Info: {},
      } as never),
    ]);
    await chain(nc, fresh);
    await (await jetstreamManager(nc)).streams.purge(fresh.auditStream, { seq: 11 });
    expect(await verifyLedger(nc, fresh)).toMatchObject({
      verdict: 'ok',
      audit: { from: 11, to: 31, compared: 21, problems: [] },
    });
    expect(await verifyLedger(nc, fresh, { orgid: 'acme' })).toMatchObject({
      verdict: 'ok',
      audit: { from: 11, compared: 7, problems: [] },
    });
  });
});

async function lines(orgid: string, options: { fromSeq?: number } = {}): Promise<string[]> {
  const all: string[] = [];
  for await (const batch of replay(nc, settings, { orgid, ...options })) all.push(...batch);
  return all;
}

describe('replay', () => {
  test('gives the entries as they are stored, from any of them, and they verify as a file', async () => {
    const all = await lines('bolt');
    expect(all.map((line) => parseEntry(line).core.seq)).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
    for (const fromSeq of [2, 13, 60]) expect(await lines('bolt', { fromSeq })).toEqual(all.slice(fromSeq - 1));
    expect(await lines('bolt', { fromSeq: 61 })).toEqual([]);
    expect(await lines('nobody')).toEqual([]);
    async function* file(text: string): AsyncGenerator<Uint8Array> {
      const bytes = new TextEncoder().encode(text);
      for (let i = 0; i < bytes.length; i += 1000) yield bytes.subarray(i, i + 1000);
    }
    expect(await verifyLines(file(`${all.join('\n')}\n`), { orgid: 'bolt' })).toMatchObject({
      verdict: 'ok',
      entries: 60,
    });
    expect(await verifyLines(file('hello\n'))).toMatchObject({ verdict: 'unreadable' });
  });

  test('goes on with new entries when it follows, until it is stopped', async () => {
    const fresh = await makeStreams(nc);
    await publishAll(nc, traffic(fresh, 6));
    await chain(nc, fresh);
    const stop = new AbortController();
    const seen: number[] = [];
    for await (const batch of replay(nc, fresh, { orgid: 'bolt', follow: true, signal: stop.signal })) {
      for (const line of batch) seen.push(parseEntry(line).core.seq);
      if (seen.length === 4) {
        await publishAll(nc, [artifactEvent(fresh, { orgid: 'bolt', kind: 'upload', bytes: 1 })]);
        await chain(nc, fresh);
      }
      if (seen.length === 5) stop.abort();
    }
    expect(seen).toEqual([1, 2, 3, 4, 5]);
  });
});
