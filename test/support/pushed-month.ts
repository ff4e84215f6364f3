/** A ledger of some days of this month, and the arguments that push it. */
import type { NatsConnection } from '@nats-io/nats-core';
import { type Settings, usage } from '@waybill/consumer';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLedgerBuilder, type LedgerBuilder } from './ledger-builder.ts';
import { type FakeEngine, startLago, startOpenMeter, startStripe } from './metering-engines.ts';
import { makeStreams } from './traffic.ts';
import { environmentOf, type WaybillEnvironment } from './waybill.ts';

const DAY_MS = 86_400_000;
/** More than 2^31, and no round number. */
const BYTES = [3_000_000_019, 7, 0, 123_456_789, 40];

/** Midnight in UTC, so many days ago. */
export function daysAgo(days: number): string {
  return new Date(Math.floor(Date.now() / DAY_MS) * DAY_MS - days * DAY_MS).toISOString();
}

export interface PushedMonth {
  readonly nc: NatsConnection;
  readonly settings: Settings;
  readonly builder: LedgerBuilder;
  readonly from: string;
  readonly to: string;
  /** What `acme` used, by meter; what `beta` used, too. */
  readonly bytes: Readonly<Record<'acme' | 'beta', bigint>>;
}

/** Five days, the third of them without usage. Something is received after them. */
export async function pushedMonth(nc: NatsConnection, days = 7): Promise<PushedMonth> {
  const settings = { ...(await makeStreams(nc)), auditPrefix: 'audit' };
  const builder = createLedgerBuilder(nc, settings);
  const from = daysAgo(days);
  const to = daysAgo(days - BYTES.length);
  builder.append({ orgid: 'acme', received: daysAgo(days + 1), bytes: 1000 });
  for (const [day, bytes] of BYTES.entries()) {
    const received = new Date(Date.parse(from) + day * DAY_MS + 3_600_000).toISOString();
    if (bytes === 0) continue;
    builder.append({ orgid: 'acme', received, bytes });
    builder.append({ orgid: 'acme', received, bytes: 1 });
    if (day % 2 === 1) builder.append({ orgid: 'beta', received, bytes: bytes * 2 });
  }
  builder.append({ orgid: 'acme', received: to, bytes: 10_000 });
  await builder.commit();
  const bytes = { acme: await usedBy('acme'), beta: await usedBy('beta') };
  return { nc, settings, builder, from, to, bytes };

  async function usedBy(orgid: string): Promise<bigint> {
    return BigInt((await usage(nc, settings, { orgid, from, to })).uploads.bytes);
  }
}

export const NAMES = ['openmeter', 'lago', 'stripe'] as const;
export type Name = (typeof NAMES)[number];

export const KEYS = { openmeter: 'om_key', lago: 'lago_key', stripe: 'sk_test_key' } as const;

export function start(name: Name): Promise<FakeEngine> {
  return { openmeter: () => startOpenMeter(), lago: () => startLago(), stripe: () => startStripe() }[name]();
}

export const CUSTOMERS = { acme: 'cus_acme', beta: 'cus_beta' };

/** The command that pushes the days to the engine; the journal is in the folder. */
export function pushArguments(
  name: Name,
  { from, to }: Pick<PushedMonth, 'from' | 'to'>,
  { folder, url }: { folder: string; url: string },
): string[] {
  const customers = join(folder, 'customers.json');
  writeFileSync(customers, JSON.stringify(CUSTOMERS));
  const place = ['--journal', join(folder, 'journal'), '--customers', customers, '--url', url];
  return ['push', name, '--all', '--from', from, '--to', to, ...place];
}

export function pushEnvironment(name: Name, url: string, settings: Settings): WaybillEnvironment {
  return { ...environmentOf(url, settings), WAYBILL_PUSH_KEY: KEYS[name] };
}
