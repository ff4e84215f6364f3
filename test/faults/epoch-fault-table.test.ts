/**
 * A stream of somebody else was deleted and made anew: every operation of the consumer that touches NATS while the new
 * epoch begins × every way in which it can fail × the ordinary recovery. The ledger must come out byte for byte as if
 * nothing had happened, whatever was half done.
 */
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { type Consumer, type Settings, startConsumer } from '@waybill/consumer';
import { SYSTEM_CHAIN } from '@waybill/schema/internal';
import { expect, test } from 'vitest';
import { boundSettings, chainloopTraffic, type OwnerStream, ownerStream } from '../support/chainloop-owner.ts';
import { checkLedger, readStream } from '../support/check-ledger.ts';
import { type Fault, FAULTS, faultyConnection } from '../support/faulty-connection.ts';
import { logger } from '../support/logger.ts';
import { startNats } from '../support/nats.ts';
import { IS_WHOLE } from '../support/part.ts';
import { publishAll } from '../support/traffic.ts';
import { until } from '../support/until.ts';

const FAST = { logger, bind: true, maxOpenEntries: 8, ackTimeoutMs: 100, restartMs: 1, takeoverMs: 50 };
/** Of each stream. More of them are more blocks, and so more operations of the same kinds. */
const EVENTS = IS_WHOLE ? 20 : 12;
const GARBAGE = { payload: 'garbage', id: '' };

/** A ledger of the first stream, as each case begins with; the second stream stands there when this returns. */
async function firstEpoch(nc: NatsConnection, owner: OwnerStream): Promise<Settings> {
  const settings = boundSettings(owner.config);
  const manager = await jetstreamManager(nc);
  await manager.streams.add({
    name: settings.ledgerStream,
    subjects: [`${settings.ledgerPrefix}.*`],
    allow_direct: true,
  });
  await publishAll(nc, chainloopTraffic(settings, EVENTS).events);
  await using consumer = await startConsumer({ nc, ...settings, ...FAST });
  await until('the first epoch', () => consumer.status().watermark === 1e12 + EVENTS);
  await consumer.close();
  await owner.remove();
  await owner.create();
  await publishAll(nc, chainloopTraffic(settings, EVENTS).events);
  await publishAll(nc, [{ ...GARBAGE, subject: `${settings.auditPrefix}.casartifact.casartifactuploaded` }]);
  return settings;
}

const END = 2e12 + EVENTS + 1;

/**
 * A copy of a ledger in a stream of its own, so that each case begins with the same bytes. Its last block is left out,
 * as if the writer had been killed within its last commit: chains have entries above the watermark, and their events
 * are gone.
 */
async function copyOf(nc: NatsConnection, settings: Settings, tag: string): Promise<Settings> {
  const copy = { ...settings, ledgerStream: `L_${tag}`, ledgerPrefix: `l_${tag}` };
  const manager = await jetstreamManager(nc);
  await manager.streams.add({ name: copy.ledgerStream, subjects: [`${copy.ledgerPrefix}.*`], allow_direct: true });
  const blocks = await readStream(nc, settings.ledgerStream);
  for (const { subject, text } of blocks.slice(0, -1))
    await publishAll(nc, [
      { subject: subject.replace(settings.ledgerPrefix, copy.ledgerPrefix), payload: text, id: crypto.randomUUID() },
    ]);
  return copy;
}

const arrived = (consumer: Consumer) => until('the end', () => consumer.status().watermark === END);

test('whatever fails while an epoch begins, it begins once', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const owner = await ownerStream(await server.connect());
  const settings = await firstEpoch(nc, owner);
  const manager = await jetstreamManager(nc);

  async function run(
    at: number,
    fault: Fault,
  ): Promise<{ operations: string[]; chains: ReadonlyMap<string, readonly string[]> }> {
    const ledger = await copyOf(nc, settings, `${at + 1}_${FAULTS.indexOf(fault)}`);
    const faulty = faultyConnection(nc, { at, fault });
    await using consumer = await startConsumer({ nc: faulty.nc, ...FAST, ...ledger });
    if (fault.startsWith('killed')) {
      await until(`operation ${at}`, () => faulty.operations.length > at || consumer.status().watermark === END);
      await consumer.close();
      await using successor = await startConsumer({ nc, ...FAST, ...ledger });
      await arrived(successor);
      await successor.close();
    } else {
      await arrived(consumer);
      await consumer.close();
    }
    const { chains } = await checkLedger(nc, ledger);
    await manager.streams.delete(ledger.ledgerStream);
    return { operations: faulty.operations, chains };
  }

  const { operations, chains } = await run(-1, 'not sent');
  expect(operations.filter((operation) => operation.startsWith('l_')).length).toBeGreaterThan(4);
  const system = (chains.get(SYSTEM_CHAIN) ?? []).filter((line) => line.includes('"kind":"epoch"'));
  expect(system.map((line) => line.match(/"epoch":(\d+)/)?.[1])).toEqual(['1', '2']);
  const cases = operations.flatMap((operation, at) => FAULTS.map((fault) => ({ at, operation, fault })));
  const runAll = async (): Promise<void> => {
    for (let next = cases.pop(); next; next = cases.pop()) {
      const result = await run(next.at, next.fault);
      expect(result.chains, `operation ${next.at} (${next.operation}) ${next.fault}`).toEqual(chains);
    }
  };
  await Promise.all(Array.from({ length: 8 }, runAll));
  console.log(`epoch fault table: ${operations.length} operations × ${FAULTS.length} faults, each recovered`);
});

test('two writers that both find the new stream open one epoch', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const owner = await ownerStream(await server.connect());
  const settings = await firstEpoch(nc, owner);
  const connections = await Promise.all([1, 2, 3].map(() => server.connect()));
  for (let round = 0; round < (IS_WHOLE ? 20 : 8); round++) {
    const ledger = await copyOf(nc, settings, String(round));
    const consumers = await Promise.all(
      connections.map((connection) => startConsumer({ nc: connection, ...FAST, ackTimeoutMs: 2_000, ...ledger })),
    );
    await Promise.race(consumers.map(arrived));
    await Promise.all(consumers.map((consumer) => consumer.close()));
    const { entries } = await checkLedger(nc, ledger);
    const epochs = entries(SYSTEM_CHAIN).filter(({ event }) => event?.['kind'] === 'epoch');
    expect(epochs.map(({ event }) => event?.['epoch'])).toEqual([1, 2]);
  }
});
