/** Which heads the writer has at hand is its own business: with hardly any, the ledger comes out the same. */
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { type Settings, startConsumer } from '@waybill/consumer';
import { formatBlock, parseBlock, SYSTEM_CHAIN } from '@waybill/schema';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { createHeads, type Heads } from '../../packages/consumer/src/heads.ts';
import { caughtUp, checkLedger, readStream } from '../support/check-ledger.ts';
import { faultyConnection } from '../support/faulty-connection.ts';
import { startNats } from '../support/nats.ts';
import { artifactEvent, createCount, makeStreams, publishAll, uuid } from '../support/traffic.ts';

const logger = pino({ level: process.env['WAYBILL_LOG_LEVEL'] ?? 'silent' });

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

async function open(nc: NatsConnection, settings: Settings, known: { orgid: string; seq: number }): Promise<Heads> {
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  return createHeads({ nc, jsm, settings, timeoutMs: 300, maxChains: 100, known: () => known });
}

const asked = [...Array.from({ length: CHAINS }, (_, i) => `org-${i}`), 'org-without-a-chain', SYSTEM_CHAIN];

function expectHeads(heads: Heads, newest: Awaited<ReturnType<typeof someChains>>['newest']): void {
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
  const first = await open(silent.nc, settings, known);
  await first.load(asked);
  expectHeads(first, newest);
  const manager = await jetstreamManager(nc);
  await manager.streams.update(settings.ledgerStream, { allow_direct: false });
  const second = await open(nc, settings, known);
  await second.load(asked);
  expectHeads(second, newest);
});

test('chains that nobody needs go, those first that were not asked for since; the rest stays', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  const heads = createHeads({ nc, jsm, settings, timeoutMs: 300, maxChains: 3, known: () => null });
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
