/**
 * Every operation of the consumer that touches NATS × every way in which it can fail × the ordinary recovery: the
 * ledger must come out byte for byte as if nothing had happened.
 */
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { type Consumer, createStreamHistory, type Settings, startConsumer } from '@waybill/consumer';
import {
  type Entry,
  formatAcknowledgement,
  formatAcknowledgeSubject,
  parseEntry,
  SYSTEM_CHAIN,
} from '@waybill/schema/internal';
import { expect, test } from 'vitest';
import { checkLedger } from '../support/check-ledger.ts';
import { type Fault, FAULTS, faultyConnection } from '../support/faulty-connection.ts';
import { logger } from '../support/logger.ts';
import { startNats } from '../support/nats.ts';
import { IS_WHOLE } from '../support/part.ts';
import { artifactEvent, digestOf, makeStreams, type MadeEvent, publishAll, uuid } from '../support/traffic.ts';
import { until } from '../support/until.ts';

const FAST = { logger, maxOpenEntries: 8, ackTimeoutMs: 100, restartMs: 1, takeoverMs: 50 };

/** More of them are more blocks, and so more operations of the same kinds. */
const EVENTS = IS_WHOLE ? 30 : 18;

/** What an operator says about a loss. */
function acknowledgement(settings: Settings, first: number): MadeEvent {
  const said = { orgid: 'org-0', producer: 'p1', first, last: first, by: 'ops', reason: 'a disk' };
  const subject = formatAcknowledgeSubject(said.orgid, settings.controlPrefix);
  return { subject, payload: formatAcknowledgement(said), id: uuid() };
}

/**
 * A bit of everything: several organizations, duplicates, garbage, what an operator says, a skipped upload that needs an
 * earlier size.
 */
function mixedTraffic(settings: Settings): MadeEvent[] {
  const digest = digestOf('shared');
  const events: MadeEvent[] = [];
  for (let i = 0; i < EVENTS; i++) {
    const attributes = { producer: 'p1', producerseq: String(Math.floor(i / 3) + 1) };
    const event = artifactEvent(settings, { orgid: `org-${i % 3}`, kind: 'upload', bytes: i, digest, attributes });
    events.push(event);
    if (i % 7 === 3) events.push({ ...event, id: uuid() });
    if (i % 10 === 4) events.push({ subject: event.subject, payload: 'garbage', id: uuid() });
    if (i % 10 === 8) events.push(acknowledgement(settings, i));
  }
  events.push(artifactEvent(settings, { orgid: 'org-1', kind: 'deduplicated', digest }));
  events.push(artifactEvent(settings, { orgid: 'org-1', kind: 'download', digest, bytes: 5 }));
  return events;
}

/** The same in messages of several events: of one organization and subject, and a bad one among them. */
function batchedTraffic(settings: Settings): MadeEvent[] {
  const bySubject = Map.groupBy(mixedTraffic(settings), ({ subject }) => subject);
  const cut = [...bySubject.values()].flatMap((events) =>
    Array.from({ length: Math.ceil(events.length / 5) }, (_, i) => events.slice(i * 5, i * 5 + 5)),
  );
  const messages = cut.map((events, i): MadeEvent => {
    const [first] = events as [MadeEvent];
    // JSON that is no event, so that the others count.
    const payloads = events.map(({ payload }) => (payload === 'garbage' ? '"garbage"' : payload));
    const payload = i % 4 === 3 ? 'garbage' : `[${payloads.join(',')}]`;
    return { subject: first.subject, payload, id: uuid() };
  });
  // One alone between them, again an event that was in one of them, and one that asks for sizes in its middle.
  const digest = digestOf('shared');
  const skipped = Array.from({ length: 3 }, () =>
    artifactEvent(settings, { orgid: 'org-2', kind: 'deduplicated', digest }),
  );
  const asking: MadeEvent = {
    subject: (skipped[0] as MadeEvent).subject,
    payload: `[7,${skipped.map(({ payload }) => payload).join(',')}]`,
    id: uuid(),
  };
  return [
    ...messages,
    ...mixedTraffic(settings).slice(0, 8),
    asking,
    ...messages.slice(0, 2).map((one) => ({ ...one, id: uuid() })),
  ];
}

async function anotherLedger(nc: NatsConnection, settings: Settings, tag: string): Promise<Settings> {
  const ledger = { ...settings, ledgerStream: `L_${tag}`, ledgerPrefix: `l_${tag}` };
  const manager = await jetstreamManager(nc, { checkAPI: false });
  await manager.streams.add({
    name: ledger.ledgerStream,
    subjects: [`${ledger.ledgerPrefix}.*`],
    allow_direct: true,
    allow_atomic: true,
  });
  return ledger;
}

/** By what the consumer says of itself: to ask the server again and again would cost more than all else here. */
const arrived = (consumer: Consumer, last: number) => until('the end', () => consumer.status().watermark === last);

async function hasBatch(nc: NatsConnection, { ledgerStream }: Settings): Promise<boolean> {
  const { streams } = await jetstreamManager(nc, { checkAPI: false });
  const { state } = await streams.info(ledgerStream);
  for (let seq = 1; seq <= state.last_seq; seq++) {
    const block = await streams.getMessage(ledgerStream, { seq });
    if (block?.header?.get('Nats-Batch-Commit')) return true;
  }
  return false;
}

/**
 * What has to be the same. `streams` records have the time, and come with the first commit that succeeds; a `watermark`
 * comes where the stream pauses after a message that no block claims, as on a busy machine. Either moves the numbers of
 * what is after it.
 */
function comparable(chains: ReadonlyMap<string, readonly string[]>): { chains: object; streams: number } {
  const system = (chains.get(SYSTEM_CHAIN) ?? []).map(parseEntry);
  const ofKind = (kind: string): Entry[] => system.filter(({ event }) => event?.['kind'] === kind);
  const apart = new Set([...ofKind('streams'), ...ofKind('watermark')]);
  const others = system.filter((entry) => !apart.has(entry)).map(({ core, event }) => [core.source, event]);
  return { chains: new Map<string, unknown>(chains).set(SYSTEM_CHAIN, others), streams: ofKind('streams').length };
}

test.for([
  // Without records there are the same operations, less those that make them.
  ...(IS_WHOLE ? ([['the ledger comes out the same', {}]] as const) : []),
  ['the ledger comes out the same, with records of the streams, each once', { recording: true }],
  ['the ledger comes out the same in atomic batches', { batching: true }],
  ['the ledger comes out the same from messages that hold several events', { several: true }],
] as const)(
  'whatever operation fails in whatever way, %s',
  async ([, { recording, batching, several }]: readonly [
    string,
    { recording?: true; batching?: true; several?: true },
  ]) => {
    await using server = await startNats();
    const nc = await server.connect();
    const settings = await makeStreams(nc);
    await publishAll(nc, several ? batchedTraffic(settings) : mixedTraffic(settings));
    const manager = await jetstreamManager(nc, { checkAPI: false });
    // A hole in AUDIT that has to be recorded exactly once.
    await manager.streams.deleteMessage(settings.auditStream, several ? 7 : 20);
    const { state } = await manager.streams.info(settings.auditStream);
    const LAST = state.last_seq;

    /** Each process has its own. */
    const options = () => ({
      ...FAST,
      ...(recording && { streamHistory: createStreamHistory() }),
      ...(batching && { minBatchedBlocks: 2, maxOpenEntries: 24 }),
    });

    async function run(
      at: number,
      fault: Fault,
    ): Promise<{ operations: string[]; chains: ReadonlyMap<string, readonly string[]>; batched: boolean }> {
      const ledger = await anotherLedger(nc, settings, `${at + 1}_${FAULTS.indexOf(fault)}`);
      const faulty = faultyConnection(nc, { at, fault });
      await using consumer = await startConsumer({ nc: faulty.nc, ...options(), ...ledger });
      if (fault.startsWith('killed')) {
        await until(`operation ${at}`, () => faulty.operations.length > at || consumer.status().watermark === LAST);
        await consumer.close();
        await using successor = await startConsumer({ nc, ...options(), ...ledger });
        await arrived(successor, LAST);
        await successor.close();
      } else {
        await arrived(consumer, LAST);
        await consumer.close();
      }
      const { chains } = await checkLedger(nc, ledger);
      const batched = at < 0 && (await hasBatch(nc, ledger));
      await manager.streams.delete(ledger.ledgerStream);
      return { operations: faulty.operations, chains, batched };
    }

    const { operations, chains, batched } = await run(-1, 'not sent');
    expect(chains.size).toBe(4);
    expect((chains.get(SYSTEM_CHAIN) ?? []).join('\n').includes('"kind":"acknowledged"')).toBe(!several);
    expect(batched).toBe(batching ?? false);
    expect(comparable(chains).streams).toBe(recording ? 1 : 0);
    const cases = operations.flatMap((operation, at) => FAULTS.map((fault) => ({ at, operation, fault })));
    const runAll = async (): Promise<void> => {
      for (let next = cases.pop(); next; next = cases.pop()) {
        const result = await run(next.at, next.fault);
        expect(comparable(result.chains), `operation ${next.at} (${next.operation}) ${next.fault}`).toEqual(
          comparable(chains),
        );
      }
    };
    // Most of a case is waiting for a time-out.
    await Promise.all(Array.from({ length: 8 }, runAll));
    console.log(`fault table: ${operations.length} operations × ${FAULTS.length} faults, each recovered`);
  },
);

test('whatever operation fails in whatever way, an idle ledger gets its record of the streams once', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  await publishAll(nc, mixedTraffic(settings));
  const manager = await jetstreamManager(nc, { checkAPI: false });
  const { state } = await manager.streams.info(settings.auditStream);
  const start = (connection: NatsConnection, ledger: Settings) =>
    startConsumer({ nc: connection, ...FAST, ...ledger, streamHistory: createStreamHistory() });
  const isRecorded = async ({ ledgerStream, ledgerPrefix }: Settings) => {
    const newest = await manager.streams.getMessage(ledgerStream, { last_by_subj: `${ledgerPrefix}.${SYSTEM_CHAIN}` });
    return newest?.header?.get('Waybill-Streams') === 'this';
  };

  async function run(at: number, fault: Fault): Promise<string[]> {
    const ledger = await anotherLedger(nc, settings, `idle_${at + 1}_${FAULTS.indexOf(fault)}`);
    {
      // One that records nothing, and leaves nothing to chain.
      await using before = await startConsumer({ nc, ...FAST, ...ledger });
      await arrived(before, state.last_seq);
      await before.close();
    }
    const faulty = faultyConnection(nc, { at, fault });
    await using consumer = await start(faulty.nc, ledger);
    const wasReached = () => fault.startsWith('killed') && faulty.operations.length > at;
    await until('the record', async () => (at >= 0 && wasReached()) || isRecorded(ledger));
    await consumer.close();
    if (fault.startsWith('killed') && at >= 0) {
      await using successor = await start(nc, ledger);
      await until('the record', () => isRecorded(ledger));
      await successor.close();
    }
    const entries = (await checkLedger(nc, ledger)).entries(SYSTEM_CHAIN);
    const what = `operation ${at} (${faulty.operations[at]}) ${fault}`;
    expect(entries.filter(({ event }) => event?.['kind'] === 'streams').length, what).toBe(1);
    expect(entries.at(-1)?.event?.['kind'], what).toBe('streams');
    await manager.streams.delete(ledger.ledgerStream);
    return faulty.operations;
  }

  const operations = await run(-1, 'not sent');
  const cases = operations.flatMap((_, at) => FAULTS.map((fault) => ({ at, fault })));
  const runAll = async (): Promise<void> => {
    for (let next = cases.pop(); next; next = cases.pop()) await run(next.at, next.fault);
  };
  await Promise.all(Array.from({ length: 8 }, runAll));
  console.log(`fault table: ${operations.length} operations × ${FAULTS.length} faults, the record is there once`);
});
