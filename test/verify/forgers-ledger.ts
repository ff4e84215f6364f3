/** A ledger with one of everything in it, and what a forger makes of it who has the identity of its writer. */
import type { NatsConnection } from '@nats-io/nats-core';
import { type LedgerReport, type Settings, startConsumer, verifyLedger } from '@waybill/consumer';
import { type Entry, parseBlock } from '@waybill/schema/internal';
import { afterAll, beforeAll } from 'vitest';
import { caughtUp } from '../support/check-ledger.ts';
import { type CopiedBlock, copyLedger, type ForgedEntry, forgeChain, unchanged } from '../support/ledger-builder.ts';
import { logger } from '../support/logger.ts';
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

export const HUGE = '9007199254740991';

export type Change = (blocks: CopiedBlock[]) => readonly CopiedBlock[];

function numbered(settings: Settings, fields: ArtifactFields, producer: string, producerseq: number): MadeEvent {
  return artifactEvent(settings, { ...fields, attributes: { producer, producerseq: String(producerseq) } });
}

/** Several events in one message, on the subject of the first. */
function together(events: readonly MadeEvent[], more: readonly string[] = []): MadeEvent {
  const payload = `[${[...events.map((event) => event.payload), ...more].join(', ')}]`;
  return { subject: (events[0] as MadeEvent).subject, payload, id: uuid() };
}

/** One of everything that there is. */
function traffic(settings: Settings): MadeEvent[] {
  const digest = digestOf('x');
  const acme = (kind: ArtifactFields['kind'], bytes: number | undefined, n: number) =>
    numbered(settings, { orgid: 'acme', kind, ...(bytes !== undefined && { bytes }), digest }, 'boot', n);
  const first = acme('upload', 10, 1);
  return [
    first,
    ...Array.from({ length: 5 }, (_, i) =>
      numbered(settings, { orgid: 'bolt', kind: 'download', bytes: i }, 'boot', i + 1),
    ),
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
    numbered(settings, { orgid: 'acme', kind: 'upload', bytes: 40 }, 'lonely', 1),
    numbered(settings, { orgid: 'bolt', kind: 'upload', bytes: 1 }, 'boot', 6),
    acme('upload', 50, 5),
  ];
}

export interface ForgersLedger {
  readonly nc: NatsConnection;
  readonly settings: Settings;
  /** AUDIT's last sequence. */
  readonly last: number;
  /** Verifies a changed copy of it, or of another ledger: the whole, and `acme` alone. */
  verifyBoth(change: Change, where?: Settings): Promise<{ all: LedgerReport; one: LedgerReport }>;
}

/** For the top of a file: made before its tests, gone after them. */
export function useForgersLedger(): ForgersLedger {
  let server: TestNats;
  let nc: NatsConnection;
  let settings: Settings;
  let last = 0;
  beforeAll(async () => {
    server = await startNats();
    nc = await server.connect();
    settings = await makeStreams(nc);
    const events = traffic(settings);
    last = events.length;
    await publishAll(nc, events);
    await using _consumer = await startConsumer({ nc, logger, ...settings, maxOpenEntries: 4 });
    await caughtUp(nc, settings);
  });
  afterAll(() => server[Symbol.asyncDispose]());
  return {
    get nc() {
      return nc;
    },
    get settings() {
      return settings;
    },
    get last() {
      return last;
    },
    async verifyBoth(change, where = settings) {
      const copy = await copyLedger(nc, where, change);
      const all = await verifyLedger(nc, copy, { waitMs: 0 });
      return { all, one: await verifyLedger(nc, copy, { orgid: 'acme', waitMs: 0 }) };
    },
  };
}

/** Everything that a report says against the ledger. */
export function complaints({ chains, ledger, audit }: LedgerReport): string {
  return [
    ...chains.map(({ problem }) => problem?.detail ?? ''),
    ...ledger.problems,
    ...audit.problems.map(({ detail }) => detail),
  ].join('\n');
}

export function notChecked({ chains, audit }: LedgerReport): string[] {
  return [...chains.flatMap((chain) => chain.not_checked), ...audit.not_checked].map(
    ({ what, count }) => `${what}: ${count}`,
  );
}

export const forge =
  (orgid: string, change: (entry: Entry) => readonly ForgedEntry[]): Change =>
  (blocks) =>
    forgeChain(blocks, orgid, change);

export const isOf = (entry: Entry, seq: number, index?: number): boolean =>
  entry.core.source.seq === seq && entry.core.source.index === index;

/** Before the first entry of `orgid` after a place, or at the end. */
export function insert(orgid: string, seq: number, make: (neighbour: Entry) => ForgedEntry): Change {
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

/** The message that the only event of `lonely` came in. */
export const LONELY = 12;
