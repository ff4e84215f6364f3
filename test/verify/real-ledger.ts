/** One real ledger, which the tests of a file copy and damage. */
import type { NatsConnection } from '@nats-io/nats-core';
import {
  type LedgerReport,
  replay,
  type ReplayOptions,
  type Settings,
  startConsumer,
  verifyLedger,
} from '@waybill/consumer';
import { afterAll, beforeAll } from 'vitest';
import { caughtUp } from '../support/check-ledger.ts';
import { type CopiedBlock, copyLedger } from '../support/ledger-builder.ts';
import { logger } from '../support/logger.ts';
import { startNats, type TestNats } from '../support/nats.ts';
import { artifactEvent, makeStreams, type MadeEvent, publishAll } from '../support/traffic.ts';

/** Chains what AUDIT has, in blocks of few entries. */
export async function chain(nc: NatsConnection, settings: Settings): Promise<void> {
  await using _consumer = await startConsumer({ nc, logger, ...settings, maxOpenEntries: 16 });
  await caughtUp(nc, settings);
}

/** Uploads and downloads of `acme` (each third) and `bolt`, of two publishers. */
export function traffic(settings: Settings, count: number): MadeEvent[] {
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

export interface RealLedger {
  readonly nc: NatsConnection;
  /** 90 events, 30 of `acme` and 60 of `bolt`, and one message that is no event. */
  readonly settings: Settings;
  /** Verifies a copy with something changed in it. */
  verifyCopy(change: (blocks: CopiedBlock[]) => readonly CopiedBlock[]): Promise<LedgerReport>;
  /** What `replay` gives of a chain. */
  lines(orgid: string, options?: Omit<ReplayOptions, 'orgid'>): Promise<string[]>;
}

/** For the top of a file: made before its tests, gone after them. */
export function useRealLedger(): RealLedger {
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
  afterAll(() => server[Symbol.asyncDispose]());
  return {
    get nc() {
      return nc;
    },
    get settings() {
      return settings;
    },
    verifyCopy: async (change) => verifyLedger(nc, await copyLedger(nc, settings, change), { waitMs: 0 }),
    async lines(orgid, options = {}) {
      const all: string[] = [];
      for await (const batch of replay(nc, settings, { orgid, ...options })) all.push(...batch);
      return all;
    },
  };
}

/** What a report says of one chain. */
export function chainOf(report: LedgerReport, orgid: string): LedgerReport['chains'][number] | undefined {
  return report.chains.find((one) => one.orgid === orgid);
}
