/**
 * The end of every test that promises delivery: what is acknowledged at AUDIT is not yet on a bill. A consumer chains
 * the stream, and the count is that of the ledger.
 */
import { jetstreamManager, StorageType } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { DEFAULT_SETTINGS, startConsumer, usageOfAll } from '@waybill/consumer';
import { producerClosed } from '@waybill/schema/internal';
import { parseEntry, SYSTEM_CHAIN, UNATTRIBUTED_CHAIN } from '@waybill/schema/internal';
import { expect } from 'vitest';
import { caughtUp, type CheckedLedger, checkLedger } from './check-ledger.ts';
import { logger } from './logger.ts';

const SETTINGS = DEFAULT_SETTINGS;

/**
 * Chains what AUDIT has, with a connection that may do everything: `events` are in chains and on the bill, and nothing was
 * set aside. Publishers that have closed say so in each chain; those events are counted apart.
 */
export async function expectChained(nc: NatsConnection, events: number): Promise<CheckedLedger> {
  const manager = await jetstreamManager(nc, { checkAPI: false });
  const { ledgerStream: name, ledgerPrefix } = SETTINGS;
  await manager.streams.add({ name, subjects: [`${ledgerPrefix}.*`], storage: StorageType.File, allow_direct: true });
  await using _consumer = await startConsumer({ nc, logger, ...SETTINGS });
  await caughtUp(nc, SETTINGS);
  const ledger = await checkLedger(nc, SETTINGS);
  const { ends, ...counts } = count(ledger);
  expect(counts).toEqual({ chained: events, duplicate: 0, beyond_window: 0, rejected: 0 });
  const { organizations } = await usageOfAll(nc, SETTINGS);
  expect(organizations.reduce((sum, bill) => sum + Number(bill.events), 0)).toBe(events + ends);
  return ledger;
}

/** Entries of all organizations, and records of `_system` by their kind. */
function count(ledger: CheckedLedger) {
  const counts = { chained: 0, ends: 0, duplicate: 0, beyond_window: 0, rejected: 0 };
  for (const [orgid, lines] of ledger.chains) {
    if (orgid === UNATTRIBUTED_CHAIN) continue;
    if (orgid !== SYSTEM_CHAIN) {
      const ends = lines.filter((line) => parseEntry(line).event?.['type'] === producerClosed.type).length;
      counts.ends += ends;
      counts.chained += lines.length - ends;
      continue;
    }
    for (const line of lines) {
      const kind = parseEntry(line).event?.['kind'];
      if (kind === 'duplicate' || kind === 'beyond_window' || kind === 'rejected') counts[kind]++;
    }
  }
  return counts;
}
