/** docs/reference/scaling.md against a real server: what its configuration and its migration steps claim. */
import { DiscardPolicy, jetstream, jetstreamManager, type StreamConfig } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { DEFAULT_SETTINGS, type Settings, startConsumer } from '@waybill/consumer';
import { verify } from '@waybill/schema';
import { parseBlock, parseEntry, SYSTEM_CHAIN } from '@waybill/schema/internal';
import { beforeEach, expect, test } from 'vitest';
import { partitionOf } from '../../bench/partition.ts';
import { simulate } from '../../bench/scaling-simulation.ts';
import { caughtUp, checkLedger, readStream } from '../support/check-ledger.ts';
import { logger } from '../support/logger.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { type ArtifactFields, artifactEvent, createCount, digestOf, publishAll } from '../support/traffic.ts';
import { until } from '../support/until.ts';

const PARTITIONS = 4;
const ORGS = Array.from({ length: 40 }, (_, i) => `org-${i}`);
const BEFORE: Settings = DEFAULT_SETTINGS;
const settingsOf = (p: number): Settings => ({
  auditStream: `AUDIT_${p}`,
  ledgerStream: `LEDGER_${p}`,
  auditPrefix: `auditp.${p}`,
  ledgerPrefix: `ledgerp.${p}`,
  controlPrefix: `waybill.control.${p}`,
});
const ALL = Array.from({ length: PARTITIONS }, (_, p) => settingsOf(p));

/** As in docs/reference/scaling.md: what crosses from the producers' account is renamed where it arrives. */
const accounts = (mappings: string): string => `
  accounts {
    AUDIT {
      jetstream: enabled
      users: [{ user: service, password: s }]
      exports: [{ service: "audit.>", accounts: [PRODUCERS] }]
      ${mappings}
    }
    PRODUCERS {
      users: [{ user: producer, password: p, permissions: { publish: { allow: ["audit.>"] }, subscribe: { allow: ["_INBOX.>"] } } }]
      imports: [{ service: { account: AUDIT, subject: "audit.>" } }]
    }
  }`;
const MAPPINGS = `mappings: { "audit.*.*.*": "auditp.{{partition(${PARTITIONS},3)}}.{{wildcard(1)}}.{{wildcard(2)}}.{{wildcard(3)}}" }`;

beforeEach(needsOwnServer);

async function makeStream(nc: NatsConnection, config: Partial<StreamConfig> & { name: string }): Promise<void> {
  await (await jetstreamManager(nc)).streams.add({ discard: DiscardPolicy.New, allow_direct: true, ...config });
}

test('an organization is always in one partition, and it is the one that we compute', async () => {
  await using server = await startNats({ extraConfig: accounts(MAPPINGS) });
  const service = await server.connect({ user: 'service', pass: 's' });
  for (const { auditStream, auditPrefix } of ALL)
    await makeStream(service, { name: auditStream, subjects: [`${auditPrefix}.>`] });
  const producer = await server.connect({ user: 'producer', pass: 'p' });
  const fields = [...ORGS, ...ORGS, ...ORGS].flatMap((orgid): ArtifactFields[] => [
    { orgid, kind: 'upload' },
    { orgid, kind: 'download' },
  ]);
  await publishAll(
    producer,
    fields.map((one) => artifactEvent(BEFORE, one)),
  );
  let stored = 0;
  for (const [p, { auditStream, auditPrefix }] of ALL.entries()) {
    for (const { subject } of await readStream(service, auditStream)) {
      expect(subject).toMatch(new RegExp(`^${auditPrefix}\\.casartifact\\.(up|down)loaded\\.org-\\d+$`));
      expect(partitionOf(subject.split('.').at(-1) as string, PARTITIONS)).toBe(p);
      stored++;
    }
  }
  expect(stored).toBe(fields.length);
});

test('from one partition to four while events are published: every chain goes on, and nothing is lost or counted twice', async () => {
  await using server = await startNats({ extraConfig: accounts('') });
  const service = await server.connect({ user: 'service', pass: 's' });
  const producer = await server.connect({ user: 'producer', pass: 'p' });
  const count = createCount();
  let published = 0;
  const publish = async (rounds: number): Promise<void> => {
    for (let round = 0; round < rounds; round++) {
      // The size of a skipped upload comes from entries that were made before the migration.
      const fields = ORGS.flatMap((orgid): (ArtifactFields & { size: number })[] => [
        ...(published === 0 ? [{ orgid, kind: 'upload' as const, digest: digestOf(orgid), bytes: 7, size: 7 }] : []),
        { orgid, kind: 'deduplicated', digest: digestOf(orgid), size: 7 },
        { orgid, kind: 'download', bytes: round, size: round },
      ]);
      for (const { size, ...field } of fields) count.add({ ...field, bytes: size });
      await publishAll(
        producer,
        fields.map((field) => artifactEvent(BEFORE, field)),
      );
      published += fields.length;
    }
  };

  await makeStream(service, { name: 'AUDIT', subjects: ['audit.>'] });
  await makeStream(service, { name: 'LEDGER', subjects: ['ledger.*'] });
  const first = await startConsumer({ nc: service, logger, ...BEFORE, maxOpenEntries: 50 });
  await publish(3);

  // 1. The partitions' streams, whose numbers begin far behind those of AUDIT.
  const beginning = published + 1_000;
  for (const { auditStream, auditPrefix, ledgerStream, ledgerPrefix } of ALL) {
    await makeStream(service, { name: auditStream, subjects: [`${auditPrefix}.>`], first_seq: beginning });
    await makeStream(service, { name: ledgerStream, subjects: [`${ledgerPrefix}.*`] });
  }
  // 2. Producers are sent there; they notice nothing. 3. The old writer finishes what AUDIT has, and ends.
  await server.configure(accounts(MAPPINGS));
  await server.reload();
  await until('producers to be sent to the partitions', async () => {
    const field: ArtifactFields = { orgid: 'org-0', kind: 'upload', bytes: 1 };
    count.add(field);
    const { subject, payload } = artifactEvent(BEFORE, field);
    return (await jetstream(producer).publish(subject, payload)).stream !== 'AUDIT';
  });
  await publish(2);
  await caughtUp(service, BEFORE);
  await first.close();
  const before = await checkLedger(service, BEFORE);
  // 4. The blocks of each organization are copied, as they are and in their order. `_system` stays.
  for (const { subject, text } of await readStream(service, 'LEDGER')) {
    const orgid = subject.slice('ledger.'.length);
    if (orgid === SYSTEM_CHAIN) continue;
    const { ledgerPrefix } = settingsOf(partitionOf(orgid, PARTITIONS));
    await service.request(`${ledgerPrefix}.${orgid}`, text);
  }
  // 5. One writer for each partition.
  const writers = await Promise.all(ALL.map((settings) => startConsumer({ nc: service, logger, ...settings })));
  await publish(2);
  for (const settings of ALL) await caughtUp(service, settings);
  await Promise.all(writers.map((writer) => writer.close()));

  const totals = new Map<string, unknown>();
  for (const [p, settings] of ALL.entries()) {
    const chains = new Map<string, string[]>();
    for (const { text } of await readStream(service, settings.ledgerStream)) {
      const { trailer, lines } = parseBlock(text);
      chains.set(trailer.orgid, [...(chains.get(trailer.orgid) ?? []), ...lines]);
    }
    // The numbers between the two streams, which no message has, are accounted for, and nothing else.
    const system = chains.get(SYSTEM_CHAIN) ?? [];
    expect(verify(system, { orgid: SYSTEM_CHAIN }).problem).toBeNull();
    expect(system.map((line) => parseEntry(line).event)).toMatchObject([{ kind: 'gap', last: beginning - 1 }]);
    chains.delete(SYSTEM_CHAIN);
    for (const [orgid, lines] of chains) {
      const report = verify(lines, { orgid });
      expect(report.problem, `${orgid} of partition ${p}`).toBeNull();
      expect(partitionOf(orgid, PARTITIONS)).toBe(p);
      const old = before.chains.get(orgid) as string[];
      expect(lines.slice(0, old.length)).toEqual(old);
      expect(parseEntry(lines[old.length] as string).core.source.stream).toBe(settings.auditStream);
      totals.set(orgid, report.totals);
    }
  }
  expect(totals).toEqual(count.totals());
});

test('the simulation is repeatable, and comes to what can be computed by hand where that is possible', () => {
  const costs = { eventUs: 10, blockUs: 0, loadUs: 0, commitUs: 0 };
  const base = { costs, organizations: 1_000, zipf: 0, eventsPerSecond: 50_000, seconds: 1, maxBatch: 1_000, seed: 7 };
  const one = simulate({ ...base, partitions: 1 });
  expect(simulate({ ...base, partitions: 1 })).toEqual(one);
  // 50,000 events of 10 µs in a second.
  expect(one.busiest).toBeCloseTo(0.5, 1);
  expect(simulate({ ...base, partitions: 5 }).average).toBeCloseTo(0.1, 2);
  // An organization stays in one partition: with one there is nothing to share.
  expect(simulate({ ...base, partitions: 16, organizations: 1 }).busiest).toBeCloseTo(0.5, 1);
  expect(simulate({ ...base, partitions: 1, eventsPerSecond: 200_000 }).behind).toBeGreaterThan(90_000);
});
