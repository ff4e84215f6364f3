/**
 * What somebody can do who has the identity of the ledger's writer: every hash, link, total and trailer is right. Each has
 * to be found by comparison with AUDIT, over all chains and for the one organization alone.
 */
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { type LedgerReport, type Settings, startConsumer, verifyLedger } from '@waybill/consumer';
import { type Entry, type JsonObject, parseBlock, SYSTEM_CHAIN } from '@waybill/schema';
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { caughtUp } from '../support/check-ledger.ts';
import {
  type CopiedBlock,
  copyLedger,
  erased,
  type ForgedEntry,
  forgeChain,
  unchanged,
} from '../support/ledger-builder.ts';
import { startNats, type TestNats } from '../support/nats.ts';
import {
  artifactEvent,
  type ArtifactFields,
  chainloopEvent,
  digestOf,
  makeStreams,
  type MadeEvent,
  publishAll,
  uuid,
} from '../support/traffic.ts';

const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const HUGE = '9007199254740991';

type Change = (blocks: CopiedBlock[]) => readonly CopiedBlock[];

let server: TestNats;
let nc: NatsConnection;
let settings: Settings;
/** AUDIT's last sequence. */
let last = 0;

function numbered(fields: ArtifactFields, producer: string, producerseq: number): MadeEvent {
  return artifactEvent(settings, { ...fields, attributes: { producer, producerseq: String(producerseq) } });
}

/** Several events in one message, on the subject of the first. */
function together(events: readonly MadeEvent[], more: readonly string[] = []): MadeEvent {
  const payload = `[${[...events.map((event) => event.payload), ...more].join(', ')}]`;
  return { subject: (events[0] as MadeEvent).subject, payload, id: uuid() };
}

/** One of everything that there is. */
function traffic(): MadeEvent[] {
  const digest = digestOf('x');
  const acme = (kind: ArtifactFields['kind'], bytes: number | undefined, n: number) =>
    numbered({ orgid: 'acme', kind, ...(bytes !== undefined && { bytes }), digest }, 'boot', n);
  const first = acme('upload', 10, 1);
  return [
    first,
    ...Array.from({ length: 5 }, (_, i) => numbered({ orgid: 'bolt', kind: 'download', bytes: i }, 'boot', i + 1)),
    acme('deduplicated', undefined, 2),
    { ...first, id: uuid() },
    together([acme('download', 20, 3), acme('download', 30, 4)], ['{"specversion":"1.0"}']),
    { subject: `${settings.auditPrefix}.casartifact.uploaded.acme`, payload: 'nonsense', id: uuid() },
    chainloopEvent(settings, {
      TargetType: 'CASArtifact',
      ActionType: 'CASArtifactDownloaded',
      OrgID: 'acme',
      Info: { digest: 'ab'.repeat(32), size_bytes: 7 },
    } as never),
    numbered({ orgid: 'acme', kind: 'upload', bytes: 40 }, 'lonely', 1),
    numbered({ orgid: 'bolt', kind: 'upload', bytes: 1 }, 'boot', 6),
    acme('upload', 50, 5),
  ];
}

beforeAll(async () => {
  server = await startNats();
  nc = await server.connect();
  settings = await makeStreams(nc);
  const events = traffic();
  last = events.length;
  await publishAll(nc, events);
  await using _consumer = await startConsumer({ nc, logger: SILENT, ...settings, maxOpenEntries: 4 });
  await caughtUp(nc, settings);
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

/** Of the whole ledger, and of one organization. */
async function verifyBoth(change: Change, where = settings): Promise<{ all: LedgerReport; one: LedgerReport }> {
  const copy = await copyLedger(nc, where, change);
  const all = await verifyLedger(nc, copy, { waitMs: 0 });
  return { all, one: await verifyLedger(nc, copy, { orgid: 'acme', waitMs: 0 }) };
}

/** Everything that a report says against the ledger. */
function complaints({ chains, ledger, audit }: LedgerReport): string {
  return [
    ...chains.map(({ problem }) => problem?.detail ?? ''),
    ...ledger.problems,
    ...audit.problems.map(({ detail }) => detail),
  ].join('\n');
}

function notChecked({ chains, audit }: LedgerReport): string[] {
  return [...chains.flatMap((chain) => chain.not_checked), ...audit.not_checked].map(
    ({ what, count }) => `${what}: ${count}`,
  );
}

const forge =
  (orgid: string, change: (entry: Entry) => readonly ForgedEntry[]): Change =>
  (blocks) =>
    forgeChain(blocks, orgid, change);

const isOf = (entry: Entry, seq: number, index?: number): boolean =>
  entry.core.source.seq === seq && entry.core.source.index === index;

/** Before the first entry of `orgid` after a place, or at the end. */
function insert(orgid: string, seq: number, make: (neighbour: Entry) => ForgedEntry): Change {
  return (blocks) => {
    const entries = blocks.flatMap((block) => (block.orgid === orgid ? parseBlock(block.text).entries : []));
    const after = entries.find(({ core }) => core.source.seq > seq);
    const before = entries.findLast(({ core }) => core.source.seq <= seq);
    return forgeChain(blocks, orgid, (entry) => {
      if (entry.core.seq === after?.core.seq) return [make(after), unchanged(entry)];
      if (!after && entry.core.seq === before?.core.seq) return [unchanged(entry), make(before)];
      return [unchanged(entry)];
    });
  };
}

const invented: JsonObject = {
  specversion: '1.0',
  id: '01997b3c-8a01-7000-8000-000000000001',
  source: '//forger',
  type: 'casartifact.downloaded',
  time: '2026-01-05T09:00:00.000Z',
  orgid: 'acme',
  data: { digest: `sha256:${'0'.repeat(64)}`, size_bytes: Number(HUGE) },
};

function inventedAt(seq: number, index?: number): Change {
  const subject = `${settings.auditPrefix}.casartifact.downloaded.acme`;
  return insert('acme', seq, ({ core }) => ({
    received: core.received,
    source: { stream: settings.auditStream, seq, ...(index !== undefined && { index }), subject },
    event: invented,
    volume: { kind: 'download', bytes: HUGE },
  }));
}

/** The message that the only event of `lonely` came in, and a ledger without its entry. */
const LONELY = 12;
async function lonelyMessage(): Promise<{ subject: string; payload: Uint8Array }> {
  const message = await (await jetstreamManager(nc)).streams.getMessage(settings.auditStream, { seq: LONELY });
  if (!message) throw new Error('the message is not there');
  return { subject: message.subject, payload: message.data };
}

function hide(record: JsonObject, subject: string): Change {
  return (blocks) => {
    const left = forgeChain(blocks, 'acme', (entry) => (isOf(entry, LONELY) ? [] : [unchanged(entry)]));
    return insert(SYSTEM_CHAIN, LONELY, ({ core }) => ({
      received: core.received,
      source: { stream: settings.auditStream, seq: LONELY, subject },
      event: record,
      volume: { kind: 'none', bytes: null },
    }))(left);
  };
}

test('the ledger as the consumer wrote it, and as a forger writes it who changes nothing', async () => {
  const { all, one } = await verifyBoth((blocks) =>
    ['acme', 'bolt', SYSTEM_CHAIN].reduce<readonly CopiedBlock[]>(
      (left, orgid) => forgeChain(left, orgid, (entry) => [unchanged(entry)]),
      blocks,
    ),
  );
  expect(complaints(all).trim()).toBe('');
  expect(complaints(one).trim()).toBe('');
  expect(all).toMatchObject({ verdict: 'ok', audit: { compared: last + 2, behind: 0, problem_count: 0 } });
  expect(one).toMatchObject({ verdict: 'ok', audit: { compared: last - 6 + 2, behind: 0, problem_count: 0 } });
  expect(all.audit.checked).toContainEqual({ what: expect.stringContaining('recorded as repeated'), count: 1 });
  expect(one.audit.checked).toContainEqual({ what: expect.stringContaining('recorded as repeated'), count: 1 });
  expect(await verifyLedger(nc, settings, { orgid: SYSTEM_CHAIN })).toMatchObject({
    verdict: 'ok',
    audit: { compared: 3, not_checked: [{ what: expect.stringContaining('recorded as repeated'), count: 1 }] },
  });
});

describe('entries that no message stands behind', () => {
  test.each([
    ['an event of a message that holds one', () => inventedAt(1, 0), 'no such event'],
    ['an event after the last one of a message that holds several', () => inventedAt(9, 3), 'no such event'],
    ['a message of another organization', () => inventedAt(3), /already|no such event/],
    ['beyond the end of AUDIT', () => inventedAt(last + 5), 'it is of message 19 of'],
  ] as const)('%s', async (_name, change, wanted) => {
    const { all, one } = await verifyBoth(change());
    for (const report of [all, one]) {
      expect(report.verdict).toBe('tampered');
      expect(complaints(report)).toMatch(wanted);
    }
  });

  test('where a message was lost, it is incomplete, and the entry is named', async () => {
    const fresh = await makeStreams(nc);
    const event = (n: number) =>
      artifactEvent(fresh, {
        orgid: n % 2 === 0 ? 'acme' : 'bolt',
        kind: 'upload',
        bytes: n,
        attributes: { producer: 'boot', producerseq: String(Math.floor(n / 2) + 1) },
      });
    const events = Array.from({ length: 10 }, (_, n) => event(n));
    await publishAll(nc, [...events, { ...(events[2] as MadeEvent), id: uuid() }]);
    {
      await using _consumer = await startConsumer({ nc, logger: SILENT, ...fresh });
      await caughtUp(nc, fresh);
    }
    await (await jetstreamManager(nc)).streams.deleteMessage(fresh.auditStream, 3);
    for (const options of [{}, { orgid: 'acme' }]) {
      const report = await verifyLedger(nc, fresh, options);
      expect(report).toMatchObject({
        verdict: 'incomplete',
        audit: { problem_count: 1, problems: [{ seq: 3, kind: 'unbacked', verdict: 'incomplete' }] },
      });
      // What is recorded as repeated may be what was lost: nobody can say, and the report does.
      expect(notChecked(report)).toContainEqual(expect.stringMatching(/recorded as repeated.*: 1$/));
    }
  });
});

describe('an event that is chained as erased, while AUDIT has its message', () => {
  const erase = (seq: number, change: Partial<ForgedEntry> = {}, index?: number): Change =>
    forge('acme', (entry) => (isOf(entry, seq, index) ? [{ ...erased(entry), ...change }] : [unchanged(entry)]));

  test('as it was: its volume, its origin and its hash are those of the message', async () => {
    const { all, one } = await verifyBoth(
      forge('acme', (entry) => [entry.core.source.seq === 1 ? unchanged(entry) : erased(entry)]),
    );
    for (const report of [all, one]) {
      expect(complaints(report).trim()).toBe('');
      expect(report.verdict).toBe('ok');
      expect(report.audit.checked).toContainEqual({ what: expect.stringContaining('erased entries'), count: 6 });
      expect(notChecked(report)).toContainEqual(expect.stringMatching(/^events that were erased: 6$/));
    }
  });

  test.each<[string, () => Change]>([
    ['with 9 PB', () => erase(1, { volume: { kind: 'upload', bytes: HUGE } })],
    ['with 9 PB, of a message that holds several', () => erase(9, { volume: { kind: 'download', bytes: HUGE } }, 1)],
    ['with nothing', () => erase(LONELY, { volume: { kind: 'none', bytes: null } })],
    ['with an unknown size', () => erase(LONELY, { volume: { kind: 'upload', bytes: null } })],
    ['of another kind', () => erase(LONELY, { volume: { kind: 'download', bytes: '40' } })],
    ['with a size that was not taken', () => erase(7, { volume: { kind: 'deduplicated', bytes: null } })],
    ['with a size that nobody said', () => erase(7, { volume: { kind: 'deduplicated', bytes: HUGE, from: 1 } })],
    ['in Chainloop’s dialect', () => erase(11, { volume: { kind: 'download', bytes: HUGE } })],
    ['of another event', () => erase(LONELY, { eventHash: 'f'.repeat(64) })],
    ['of another publisher', () => erase(LONELY, { origin: { producer: 'forger', producerseq: '1' } })],
    ['of none', () => erase(LONELY, { origin: null })],
  ])('%s', async (_name, change) => {
    const { all, one } = await verifyBoth(change());
    for (const report of [all, one]) {
      expect(report.verdict).toBe('tampered');
      expect(report.audit.problems[0]).toMatchObject({ kind: 'altered', verdict: 'tampered' });
    }
  });

  test('a size that is taken from an erased upload is that of its message', async () => {
    // Whoever erases an upload may change its size with that of what was taken from it: of the chain, nothing is wrong.
    const change = forge('acme', (entry) => {
      if (isOf(entry, 1)) return [{ ...erased(entry), volume: { kind: 'upload', bytes: '11' } }];
      return [
        isOf(entry, 7)
          ? { ...erased(entry), volume: { kind: 'deduplicated', bytes: '11', from: 1 } }
          : unchanged(entry),
      ];
    });
    const { all, one } = await verifyBoth(change);
    for (const report of [all, one]) {
      expect(report.audit.problems.map(({ seq }) => seq)).toEqual([1, 7]);
      expect(report.verdict).toBe('tampered');
    }
  });
});

describe('an event that is hidden in _system, though it came once', () => {
  test.each(['duplicate', 'beyond_window', 'rejected', 'hold', 'erased', 'gap'])('as %s', async (kind) => {
    const { subject, payload } = await lonelyMessage();
    const kept = {
      subject,
      size: payload.length,
      sha256: createHash('sha256').update(payload).digest('hex'),
      payload: Buffer.from(payload).toString('base64'),
    };
    const repeated = { orgid: 'acme', producer: 'lonely', producerseq: '1' };
    const records: Record<string, JsonObject> = {
      duplicate: { kind, ...repeated, ...kept },
      beyond_window: { kind, ...repeated, ...kept },
      rejected: { kind, reason: 'not_json', detail: 'is not JSON', ...kept },
      hold: { kind, orgid: 'acme', held: true, by: 'me', reason: 'none', ...kept },
      gap: { kind, first: LONELY, last: LONELY },
      erased: { kind: 'duplicate', ...repeated, ...kept },
    };
    const record = records[kind] as JsonObject;
    const hidden = hide(record, kind === 'gap' ? '' : subject);
    const { all, one } = await verifyBoth((blocks) =>
      kind === 'erased'
        ? forgeChain(hidden(blocks), SYSTEM_CHAIN, (entry) => [isOf(entry, LONELY) ? erased(entry) : unchanged(entry)])
        : hidden(blocks),
    );
    for (const report of [all, one]) {
      expect(report.verdict).toBe('tampered');
      expect(report.audit.problems).toMatchObject([{ seq: LONELY, kind: 'misjudged', verdict: 'tampered' }]);
    }
  });

  test('a record of a message that is not what came: its payload, its subject', async () => {
    for (const change of [{ payload: 'AAAA' }, { subject: 'elsewhere' }, { size: 1 }, { sha256: 'f'.repeat(64) }]) {
      const { all, one } = await verifyBoth(
        forge(SYSTEM_CHAIN, (entry) => {
          const next = unchanged(entry);
          return [entry.event?.['kind'] === 'rejected' ? { ...next, event: { ...next.event, ...change } } : next];
        }),
      );
      for (const report of [all, one]) expect(report.verdict).toBe('tampered');
    }
  });

  test('an entry that says to be of another subject', async () => {
    const { all, one } = await verifyBoth(
      forge('acme', (entry) => [
        { ...unchanged(entry), source: { ...entry.core.source, subject: `${entry.core.source.subject}x` } },
      ]),
    );
    for (const report of [all, one]) expect(report.verdict).toBe('tampered');
  });
});

test('publishers in a trailer are re-derived, whatever was erased: what they hide is not new to an honest writer', async () => {
  const change: Change = (blocks) => {
    const left = forgeChain(blocks, 'acme', (entry) => [entry.core.seq === 1 ? erased(entry) : unchanged(entry)]);
    const at = left.findLastIndex(({ orgid }) => orgid === 'acme');
    return left.map((block, i) => {
      if (i !== at) return block;
      const { lines, trailer } = parseBlock(block.text);
      const boot = { last: 1_000, missing: [], floor: 0, seen: trailer.last };
      return {
        ...block,
        text: `${lines.join('\n')}\n${JSON.stringify({ ...trailer, producers: { ...trailer.producers, boot } })}\n`,
      };
    });
  };
  const { all, one } = await verifyBoth(change);
  for (const report of [all, one]) {
    expect(report.verdict).toBe('tampered');
    expect(complaints(report)).toContain('producers are not those of the entries');
  }
});

describe('an epoch', () => {
  const open = (first: number, created: string): Change => {
    const base = 1e12;
    const record = { kind: 'epoch', epoch: 1, stream: settings.auditStream, created, first, watermark: last };
    return (blocks) =>
      insert(SYSTEM_CHAIN, base, ({ core }) => ({
        received: core.received,
        source: { stream: settings.auditStream, seq: base, subject: '' },
        event: record,
        volume: { kind: 'none', bytes: null },
      }))(blocks).map((block, i, all) => {
        if (i !== all.findLastIndex(({ orgid }) => orgid === SYSTEM_CHAIN)) return block;
        const { lines, trailer } = parseBlock(block.text);
        return {
          ...block,
          text: `${lines.join('\n')}\n${JSON.stringify({ ...trailer, watermark: base + first - 1 })}\n`,
        };
      });
  };
  const inflated = forge('acme', (entry) => {
    if (!isOf(entry, LONELY)) return [unchanged(entry)];
    const { event, ...rest } = unchanged(entry);
    const data = { ...(event['data'] as JsonObject), size_bytes: Number(HUGE) };
    return [{ ...rest, event: { ...event, data }, volume: { kind: 'upload', bytes: HUGE } }];
  });

  test('is none with a stream of our own, whatever it says', async () => {
    const { created } = await (await jetstreamManager(nc)).streams.info(settings.auditStream);
    for (const change of [open(last + 1, created), open(1, created), open(1, '2020-01-01T00:00:00Z')]) {
      const { all, one } = await verifyBoth((blocks) => change([...inflated(blocks)]));
      for (const report of [all, one]) {
        expect(report.verdict).toBe('tampered');
        expect(complaints(report)).toContain('WAYBILL_STREAM_MODE=bind');
        // And everything is compared all the same.
        expect(report.audit.problems).toMatchObject([{ seq: LONELY, kind: 'altered' }]);
      }
    }
  });

  test('of a stream of somebody else: what the stream still has of the one before is compared', async () => {
    const { created } = await (await jetstreamManager(nc)).streams.info(settings.auditStream);
    const change = open(last + 1, created);
    const honest = await copyLedger(nc, settings, change);
    expect(await verifyLedger(nc, honest, { bind: true, waitMs: 0 })).toMatchObject({
      verdict: 'ok',
      audit: { epoch: 1, earlier: 0, from: 1, to: last, compared: last + 2 },
    });
    const forged = await copyLedger(nc, settings, (blocks) => change([...inflated(blocks)]));
    for (const options of [{}, { orgid: 'acme' }]) {
      expect(await verifyLedger(nc, forged, { ...options, bind: true, waitMs: 0 })).toMatchObject({
        verdict: 'tampered',
        audit: { problems: [{ seq: LONELY, kind: 'altered' }] },
      });
    }
  });

  test('of a stream that is not there: nothing is compared, and nothing is ok', async () => {
    const copy = await copyLedger(nc, settings, open(1, '2020-01-01T00:00:00Z'));
    for (const options of [{}, { orgid: 'acme' }]) {
      const report = await verifyLedger(nc, copy, { ...options, bind: true, waitMs: 0 });
      expect(report).toMatchObject({ verdict: 'incomplete', audit: { compared: 0, behind: last } });
      expect(notChecked(report)).toContainEqual(expect.stringContaining('a stream that the ledger does not know'));
    }
  });
});

test('a chain that is erased as a whole, when AUDIT has nothing of it any more, says so', async () => {
  const fresh = await makeStreams(nc);
  const events = Array.from({ length: 4 }, (_, n) => artifactEvent(fresh, { orgid: 'acme', kind: 'upload', bytes: n }));
  await publishAll(nc, events);
  {
    await using _consumer = await startConsumer({ nc, logger: SILENT, ...fresh });
    await caughtUp(nc, fresh);
  }
  await (await jetstreamManager(nc)).streams.purge(fresh.auditStream);
  const { all, one } = await verifyBoth(
    forge('acme', (entry) => [erased(entry)]),
    fresh,
  );
  for (const report of [all, one]) {
    expect(report.verdict).toBe('ok');
    expect(notChecked(report)).toEqual([
      'events that were erased: 4',
      expect.stringMatching(/^volumes of erased events.*: 4$/),
      'entries of messages before the first one that was compared: 4',
    ]);
  }
});

describe('AUDIT has lost its beginning', () => {
  /** An upload of `acme`, what becomes of it later, and a ledger of both. */
  async function prunedLedger(): Promise<Settings> {
    const fresh = await makeStreams(nc);
    const digest = digestOf('pruned');
    const event = (n: number, fields: Partial<ArtifactFields>) =>
      artifactEvent(fresh, {
        orgid: 'acme',
        kind: 'upload',
        digest,
        ...fields,
        attributes: { producer: 'boot', producerseq: String(n) },
      });
    const first = event(1, { bytes: 10 });
    await publishAll(nc, [first, event(2, { bytes: 20, kind: 'download' })]);
    await using _consumer = await startConsumer({ nc, logger: SILENT, ...fresh });
    await caughtUp(nc, fresh);
    await (await jetstreamManager(nc)).streams.purge(fresh.auditStream, { seq: 3 });
    await publishAll(nc, [event(3, { kind: 'deduplicated' }), { ...first, id: uuid() }, event(4, { bytes: 40 })]);
    await caughtUp(nc, fresh);
    return fresh;
  }

  test('what was chained before is known by the cores alone: a repeated event is one, another is not', async () => {
    const fresh = await prunedLedger();
    const erase = forge('acme', (entry) => [entry.core.seq <= 2 ? erased(entry) : unchanged(entry)]);
    for (const change of [(blocks: CopiedBlock[]) => blocks, erase]) {
      const { all, one } = await verifyBoth(change, fresh);
      for (const report of [all, one]) {
        expect(complaints(report).trim()).toBe('');
        expect(report).toMatchObject({ verdict: 'ok', audit: { from: 3, compared: 3 } });
        expect(report.audit.checked).toContainEqual({
          what: expect.stringContaining('recorded as repeated'),
          count: 1,
        });
        expect(notChecked(report)).toContainEqual(
          expect.stringMatching(/^entries of messages before the first .*: 2$/),
        );
      }
    }
    // The event was in the chain as it was; left out, it is none that came before.
    const { all, one } = await verifyBoth((blocks) => {
      return forgeChain(blocks, 'acme', (entry) => {
        if (entry.core.seq === 1) return [];
        const { volume, ...rest } = unchanged(entry);
        return [{ ...rest, volume: volume.from === undefined ? volume : { kind: volume.kind, bytes: null } }];
      });
    }, fresh);
    for (const report of [all, one]) {
      expect(report.verdict).toBe('tampered');
      expect(report.audit.problems).toContainEqual(expect.objectContaining({ seq: 4, kind: 'misjudged' }));
    }
  });

  test('a size that an erased entry took from before is taken on trust, and the report says so', async () => {
    const fresh = await prunedLedger();
    const { all, one } = await verifyBoth(
      forge('acme', (entry) => [erased(entry)]),
      fresh,
    );
    for (const report of [all, one]) {
      expect(complaints(report).trim()).toBe('');
      expect(report.verdict).toBe('ok');
      expect(notChecked(report)).toContainEqual(expect.stringMatching(/^sizes that erased entries took .*: 1$/));
    }
  });
});
