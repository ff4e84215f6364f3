/** Which heads the writer has at hand is its own business: with hardly any, the ledger comes out the same. */
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { headers, type NatsConnection } from '@nats-io/nats-core';
import { type Settings, startConsumer, verifyLedger } from '@waybill/consumer';
import { formatBlock, parseBlock, SYSTEM_CHAIN } from '@waybill/schema/internal';
import { describe, expect, test } from 'vitest';
import { createChainCache, type ChainCache } from '../../packages/consumer/src/writer/chain-cache.ts';
import { caughtUp, checkLedger, readStream } from '../support/check-ledger.ts';
import { faultyConnection } from '../support/faulty-connection.ts';
import { copyLedger } from '../support/ledger-builder.ts';
import { logger } from '../support/logger.ts';
import { startNats } from '../support/nats.ts';
import { WAIT_MS } from '../support/time.ts';
import { artifactEvent, createCount, type MadeEvent, makeStreams, publishAll, uuid } from '../support/traffic.ts';

/** Artifact events of organizations picked at random, some of them sent twice. */
function randomTraffic(settings: Settings, organizations: number, count: ReturnType<typeof createCount>) {
  const sequences = new Map<string, number>();
  return Array.from({ length: 1_500 }, (_, i) => {
    const orgid = `org-${Math.floor(Math.random() * organizations)}`;
    const sequence = (sequences.get(orgid) ?? 0) + 1;
    sequences.set(orgid, sequence);
    const fields = { orgid, kind: 'upload', bytes: i } as const;
    count.add(fields);
    const event = artifactEvent(settings, {
      ...fields,
      attributes: { producer: 'p1', producerseq: String(sequence) },
    });
    // With another message id, as after the stream's dedupe window: only the producer's window in the head knows it.
    return i % 10 === 0 ? [event, { ...event, id: uuid() }] : [event];
  }).flat();
}

test.each([
  ['asked for one by one', 10],
  ['asked for many at once', 200],
])('a writer that keeps hardly any heads makes a right ledger: %s', async (_, organizations) => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const count = createCount();
  await publishAll(nc, randomTraffic(settings, organizations, count));
  await using consumer = await startConsumer({ nc, logger, maxCachedChains: 2, maxOpenEntries: 100, ...settings });
  await caughtUp(nc, settings);
  const { conflicts, duplicates, commits } = consumer.status();
  await consumer.close();
  expect(conflicts).toBe(0);
  expect(duplicates).toBe(150);
  expect(commits).toBeGreaterThan(10);
  const { totals, entries } = await checkLedger(nc, settings);
  expect(totals).toEqual(count.totals());
  expect(entries(SYSTEM_CHAIN)).toHaveLength(150);
});

const CHAINS = 40;

/** A ledger with some chains, and where each of them stands. */
async function someChains(nc: NatsConnection) {
  const settings = await makeStreams(nc);
  const events = Array.from({ length: 3 * CHAINS }, (_, i) =>
    artifactEvent(settings, { orgid: `org-${i % CHAINS}`, kind: 'upload', bytes: i }),
  );
  await publishAll(nc, events);
  await using consumer = await startConsumer({ nc, logger, maxOpenEntries: 50, ...settings });
  await caughtUp(nc, settings);
  await consumer.close();
  const newest = new Map<string, { streamSeq: number; hash: string; seq: number }>();
  const blocks = await readStream(nc, settings.ledgerStream);
  for (const { seq: streamSeq, text } of blocks) {
    const { orgid, head, last } = parseBlock(text).trailer;
    newest.set(orgid, { streamSeq, hash: head, seq: last });
  }
  return { settings, newest, blocks };
}

async function open(
  nc: NatsConnection,
  settings: Settings,
  known: { orgid: string; seq: number },
  timeoutMs = WAIT_MS,
): Promise<ChainCache> {
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  return createChainCache({ nc, jsm, settings, timeoutMs, maxChains: 100, newestKnown: () => known });
}

const asked = [...Array.from({ length: CHAINS }, (_, i) => `org-${i}`), 'org-without-a-chain', SYSTEM_CHAIN];

function expectHeads(heads: ChainCache, newest: Awaited<ReturnType<typeof someChains>>['newest']): void {
  for (const orgid of asked) {
    const at = newest.get(orgid);
    expect(heads.newest(orgid)).toBe(at?.streamSeq ?? 0);
    expect(heads.chains.get(orgid)?.head).toMatchObject(at ? { seq: at.seq, hash: at.hash } : { seq: 0 });
  }
}

test('many heads are read in one request, and a chain that is in none of the answers is empty', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const { settings, newest } = await someChains(nc);
  const { nc: watched, operations } = faultyConnection(nc, { at: -1, fault: 'not sent' });
  const heads = await open(watched, settings, { orgid: 'org-1', seq: newest.get('org-1')?.streamSeq ?? 0 });
  await heads.load(asked);
  expectHeads(heads, newest);
  expect(operations).toEqual([`$JS.API.DIRECT.GET.${settings.ledgerStream}`]);
});

test('an answer that does not fit into one message after the other is continued', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const { settings, newest, blocks } = await someChains(nc);
  // Blocks of 400 KB, so that all of them are several times what one answer may have.
  const manager = await jetstreamManager(nc);
  const large = { ...settings, ledgerStream: `${settings.ledgerStream}_L`, ledgerPrefix: `${settings.ledgerPrefix}_l` };
  await manager.streams.add({ name: large.ledgerStream, subjects: [`${large.ledgerPrefix}.*`], allow_direct: true });
  const filler = ' '.repeat(400_000);
  await publishAll(
    nc,
    blocks.map(({ text }) => {
      const { lines, trailer } = parseBlock(text);
      const payload = formatBlock([filler, lines.at(-1) as string], trailer);
      return { subject: `${large.ledgerPrefix}.${trailer.orgid}`, payload, id: uuid() };
    }),
  );
  const { nc: watched, operations } = faultyConnection(nc, { at: -1, fault: 'not sent' });
  const heads = await open(watched, large, { orgid: 'org-1', seq: newest.get('org-1')?.streamSeq ?? 0 });
  await heads.load(asked);
  expectHeads(heads, newest);
  expect(operations.length).toBeGreaterThan(2);
  expect(new Set(operations).size).toBe(1);
});

test('whoever does not know what the writer knows is not believed: the leader is asked', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const { settings, newest, blocks } = await someChains(nc);
  const { nc: watched, operations } = faultyConnection(nc, { at: -1, fault: 'not sent' });
  const heads = await open(watched, settings, { orgid: 'org-1', seq: blocks.length + 1 });
  await heads.load(asked);
  expectHeads(heads, newest);
  expect(operations).toContain(`$JS.API.STREAM.MSG.GET.${settings.ledgerStream}`);
});

test('a stream without direct reads, or an answer that does not come, costs speed and nothing else', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const { settings, newest } = await someChains(nc);
  const silent = faultyConnection(nc, { at: 0, fault: 'not sent' });
  const known = { orgid: 'org-1', seq: newest.get('org-1')?.streamSeq ?? 0 };
  const first = await open(silent.nc, settings, known, 300);
  await first.load(asked);
  expectHeads(first, newest);
  const manager = await jetstreamManager(nc);
  await manager.streams.update(settings.ledgerStream, { allow_direct: false });
  const second = await open(nc, settings, known, 300);
  await second.load(asked);
  expectHeads(second, newest);
});

test('chains that nobody needs go, those first that were not asked for since; the rest stays', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  const heads = createChainCache({ nc, jsm, settings, timeoutMs: WAIT_MS, maxChains: 3, newestKnown: () => null });
  const kept = () => [...heads.chains.keys()].toSorted();
  await heads.load([SYSTEM_CHAIN, 'a', 'b', 'c']);
  // All were asked for just now.
  heads.evict(() => false);
  expect(kept()).toEqual([SYSTEM_CHAIN, 'a', 'b', 'c'].toSorted());
  await heads.load(['b', 'd', 'e']);
  heads.evict((orgid) => orgid === 'c');
  expect(kept()).toEqual([SYSTEM_CHAIN, 'b', 'c', 'd', 'e'].toSorted());
  heads.evict((orgid) => orgid === 'c');
  expect(kept()).toEqual([SYSTEM_CHAIN, 'c', 'e'].toSorted());
  heads.evict(() => false);
  expect(kept()).toEqual([SYSTEM_CHAIN, 'c', 'e'].toSorted());
});

describe('a chain with so many publishers that its blocks tell what changed', () => {
  const ORG = 'acme';
  const producerOf = (i: number): string => `${'p'.repeat(50)}-${i}`;

  /** Blocks of 40 publishers, and then of a few of them, one block after the other. */
  async function manyPublishers(nc: NatsConnection) {
    const settings = await makeStreams(nc);
    const sequences = new Map<number, number>();
    const sent = new Map<string, MadeEvent>();
    const send = async (publishers: readonly number[]) => {
      const events = publishers.map((p) => {
        const n = (sequences.get(p) ?? 0) + 1;
        sequences.set(p, n);
        const attributes = { producer: producerOf(p), producerseq: String(n) };
        const event = artifactEvent(settings, { orgid: ORG, kind: 'upload', bytes: n, attributes });
        sent.set(`${p} ${n}`, event);
        return event;
      });
      await publishAll(nc, events);
      await caughtUp(nc, settings);
    };
    await using consumer = await startConsumer({ nc, logger, ...settings });
    await send(Array.from({ length: 40 }, (_, i) => i));
    for (let i = 0; i < 8; i++) await send([i % 3]);
    await consumer.close();
    const blocks = (await readStream(nc, settings.ledgerStream)).map(({ seq, text, headers }) => ({
      seq,
      text,
      hint: headers?.get('Waybill-Base') ?? '',
      trailer: parseBlock(text).trailer,
    }));
    return { settings, sent, blocks };
  }

  async function windowsOf(nc: NatsConnection, settings: Settings, seq: number): Promise<string | undefined> {
    const heads = await open(nc, settings, { orgid: ORG, seq });
    await heads.load([ORG]);
    return heads.chains.get(ORG)?.producers.formatAll();
  }

  test('has a header in each that tells only that, with the block that it adds to', async () => {
    await using server = await startNats();
    const nc = await server.connect();
    const { blocks } = await manyPublishers(nc);
    const full = blocks.filter(({ trailer }) => trailer.base === null);
    const changed = blocks.filter(({ trailer }) => trailer.base !== null);
    expect(changed.length).toBeGreaterThan(5);
    for (const { hint } of full) expect(hint).toBe('');
    for (const { hint, trailer } of changed) {
      expect(Object.keys(trailer.producers).length).toBeLessThan(5);
      expect(blocks.find(({ seq }) => String(seq) === hint)?.trailer.last).toBe(trailer.base);
    }
  });

  test.each([
    ['right', (hint: string) => hint],
    ['absent', () => ''],
    ['that of another block', () => '1'],
    ['that of no block', () => '4711'],
    ['no number', () => 'x'],
  ])('gives all windows back from the newest block and its base, the header being %s', async (what, change) => {
    await using server = await startNats();
    const nc = await server.connect();
    const { settings, blocks } = await manyPublishers(nc);
    const expected = await windowsOf(nc, settings, 1);
    expect(Object.keys(JSON.parse(expected ?? '{}') as object)).toHaveLength(40);
    const copy = {
      ...settings,
      ledgerStream: `${settings.ledgerStream}_C`,
      ledgerPrefix: `${settings.ledgerPrefix}_c`,
    };
    const manager = await jetstreamManager(nc);
    await manager.streams.add({ name: copy.ledgerStream, subjects: [`${copy.ledgerPrefix}.*`], allow_direct: true });
    const js = jetstream(nc);
    // One in front, so that no sequence is what it was.
    await js.publish(`${copy.ledgerPrefix}.other`, blocks[0]?.text ?? '');
    for (const { text, hint } of blocks) {
      const own = headers();
      const changed = change(hint === '' ? '' : String(Number(hint) + 1));
      if (hint !== '' && changed !== '') own.set('Waybill-Base', changed);
      await js.publish(`${copy.ledgerPrefix}.${ORG}`, text, { headers: own });
    }
    const { nc: watched, operations } = faultyConnection(nc, { at: -1, fault: 'not sent' });
    expect(await windowsOf(watched, copy, 1)).toBe(expected);
    expect(operations.length === 2).toBe(what === 'right');
  });

  test('is not gone on with when the block that it adds to is another one', async () => {
    await using server = await startNats();
    const nc = await server.connect();
    const { settings } = await manyPublishers(nc);
    const copy = await copyLedger(nc, settings, (all) =>
      all.filter(({ text }) => parseBlock(text).trailer.base !== null),
    );
    await expect(windowsOf(nc, copy, 1)).rejects.toMatchObject({ code: 'LEDGER_DAMAGED' });
  });

  test('goes on after a restart with what all its publishers sent', async () => {
    await using server = await startNats();
    const nc = await server.connect();
    const { settings, sent } = await manyPublishers(nc);
    await using consumer = await startConsumer({ nc, logger, ...settings });
    await publishAll(
      nc,
      [...sent.values()].map((event) => ({ ...event, id: uuid() })),
    );
    await caughtUp(nc, settings);
    await consumer.close();
    expect(consumer.status()).toMatchObject({ entries: sent.size, duplicates: sent.size, beyondWindow: 0 });
    const report = await verifyLedger(nc, settings, { waitMs: 0 });
    expect(report.verdict).toBe('ok');
  });
});
