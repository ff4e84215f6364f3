/**
 * What a writer's time goes to, measured on a server, and what that means for 1 to 16 partitions, simulated
 * (docs/reference/scaling.md).
 *
 *     npm run bench -- scaling           BENCH_EVENTS=60000 BENCH_SYNC=default,always BENCH_RATE=100000 BENCH_SEED=1
 *                                        BENCH_COSTS=15,20,100,1000: simulates with these microseconds for an event, a
 *                                        block, an organization's first block and a commit, and measures nothing
 *
 * Half of the events are chained to load the heads, the other half is timed: with 100 organizations a block has many
 * events, with 10,000 it has few, and two equations give the cost of an event and of a block.
 */
import { jetstreamManager } from '@nats-io/jetstream';
import { createInbox, type NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { readConfig, startConsumer } from '@waybill/consumer';
import { canonicalJson } from '@waybill/schema';
import { hash, randomUUID } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { findNatsServer } from '../scripts/nats-server/find.ts';
import { startNatsServer } from '../scripts/nats-server/server.ts';
import { type Costs, simulate } from './scaling-simulation.ts';

/** As `waybill serve` has it: on, unless WAYBILL_FAST is 0. */
const { fastPaths } = readConfig(process.env);
const EVENTS = Number(process.env['BENCH_EVENTS'] ?? 60_000);
const SYNCS = (process.env['BENCH_SYNC'] ?? 'default,always').split(',');
const RATE = Number(process.env['BENCH_RATE'] ?? 100_000);
const SEED = Number(process.env['BENCH_SEED'] ?? 1);
const GIVEN = process.env['BENCH_COSTS']?.split(',').map(Number);
const FEW = 100;
const MANY = 10_000;
/** Messages in a commit: few enough that the two kinds of measurement have many; and the consumer's own default. */
const MEASURED_BATCH = 4_096;
const MAX_BATCH = 32_768;
const QUIET = { debug: () => {}, info: () => {}, warn: console.warn, error: console.error };

interface Half {
  readonly us: number;
  readonly blocks: number;
  readonly commits: number;
}

async function measure(sync: string): Promise<Costs> {
  await using server = await startNatsServer({
    source: await findNatsServer(console.error),
    syncAlways: sync === 'always',
  });
  const nc = await connect({ servers: server.url });
  const halves = new Map<number, readonly [Half, Half]>();
  for (const orgs of [FEW, MANY]) {
    const stored = await fill(nc, orgs);
    halves.set(orgs, await chain(nc, orgs));
    const info = await (await jetstreamManager(nc)).streams.info(`LEDGER_${orgs}`);
    const [first, second] = halves.get(orgs) as readonly [Half, Half];
    console.log(
      `sync ${sync}, ${orgs} organizations, ${EVENTS} events: ${Math.round(stored)} stored/s in AUDIT; chained ` +
        `${Math.round((EVENTS / 2) * (1e6 / first.us))}/s and, heads loaded, ${Math.round((EVENTS / 2) * (1e6 / second.us))}/s; ` +
        `${(EVENTS / 2 / second.blocks).toFixed(1)} events a block; ${Math.round(info.state.bytes / EVENTS)} bytes of LEDGER an event`,
    );
  }
  await nc.close();
  const [coldFew, few] = halves.get(FEW) as readonly [Half, Half];
  const [coldMany, many] = halves.get(MANY) as readonly [Half, Half];
  // us = events * eventUs + blocks * blockUs, twice. A commit's own round trips are hidden while the next batch is
  // folded.
  const blockUs = Math.max(0, (many.us - few.us) / (many.blocks - few.blocks));
  const eventUs = (few.us - few.blocks * blockUs) / (EVENTS / 2);
  const startUs = Math.max(0, coldFew.us - (EVENTS / 2) * eventUs - coldFew.blocks * blockUs);
  const loadUs = Math.max(0, (coldMany.us - (EVENTS / 2) * eventUs - coldMany.blocks * blockUs - startUs) / MANY);
  return { eventUs, blockUs, loadUs, commitUs: sync === 'always' ? 2_000 : 500 };
}

/** @returns events stored a second */
async function fill(nc: NatsConnection, orgs: number): Promise<number> {
  const manager = await jetstreamManager(nc);
  await manager.streams.add({ name: `AUDIT_${orgs}`, subjects: [`audit${orgs}.>`], allow_direct: true });
  await manager.streams.add({ name: `LEDGER_${orgs}`, subjects: [`ledger${orgs}.*`], allow_direct: true });
  const producer = randomUUID();
  const events = Array.from({ length: EVENTS }, (_, i) => {
    const id = `${randomUUID().slice(0, 14)}7${randomUUID().slice(15)}`;
    const data = {
      digest: `sha256:${hash('sha256', id)}`,
      size_bytes: i,
      file_name: 'sbom.cyclonedx.json',
      backend_type: 'OCI',
    };
    const who = {
      orgid: `org-${i % orgs}`,
      actortype: 'SERVICE',
      producer,
      producerseq: String(Math.floor(i / orgs) + 1),
    };
    const what = { specversion: '1.0', id, source: '//cas.example/artifact-cas', type: 'casartifact.uploaded' };
    return canonicalJson({ ...what, ...who, time: new Date().toISOString(), data });
  });
  const inbox = createInbox();
  let acked = 0;
  const sub = nc.subscribe(inbox, { callback: () => void acked++ });
  const started = performance.now();
  for (const [i, event] of events.entries()) {
    nc.publish(`audit${orgs}.casartifact.uploaded.org-${i % orgs}`, event, { reply: inbox });
    while (i - acked > 1024) await turn();
  }
  while (acked < EVENTS) await turn();
  sub.unsubscribe();
  return EVENTS / ((performance.now() - started) / 1000);
}

async function chain(nc: NatsConnection, orgs: number): Promise<readonly [Half, Half]> {
  const settings = {
    auditStream: `AUDIT_${orgs}`,
    ledgerStream: `LEDGER_${orgs}`,
    auditPrefix: `audit${orgs}`,
    ledgerPrefix: `ledger${orgs}`,
    controlPrefix: 'control',
  };
  const started = performance.now();
  await using consumer = await startConsumer({
    nc,
    fastPaths,
    logger: QUIET,
    ...settings,
    maxOpenEntries: MEASURED_BATCH,
  });
  const reach = async (target: number) => {
    while (consumer.status().watermark < target) await turn();
    const { blocks, commits, watermark } = consumer.status();
    return { at: performance.now(), blocks, commits, watermark };
  };
  const middle = await reach(EVENTS / 2);
  const end = await reach(EVENTS);
  // What a half has is what was committed in it, scaled to half of the events: commits do not end at the half.
  const scale = (events: number, ms: number, blocks: number, commits: number): Half => {
    const factor = EVENTS / 2 / events;
    return { us: ms * 1000 * factor, blocks: blocks * factor, commits: commits * factor };
  };
  return [
    scale(middle.watermark, middle.at - started, middle.blocks, middle.commits),
    scale(EVENTS - middle.watermark, end.at - middle.at, end.blocks - middle.blocks, end.commits - middle.commits),
  ];
}

function print(costs: Costs): void {
  const { eventUs, blockUs, loadUs, commitUs } = costs;
  console.log(
    `an event ${eventUs.toFixed(1)} µs, a block ${blockUs.toFixed(1)} µs, an organization's first block ${loadUs.toFixed(1)} µs more, ` +
      `a commit ${commitUs} µs (assumed); simulated: ${RATE} events/s for 4 s, seed ${SEED}`,
  );
  const rows: Record<string, Record<string, string | number>> = {};
  for (const [name, organizations, zipf] of [
    [`${MANY} equal`, MANY, 0],
    [`${MANY} by Zipf`, MANY, 1],
    [`${FEW} by Zipf`, FEW, 1],
  ] as const) {
    for (const partitions of [1, 2, 4, 8, 16]) {
      const scenario = { costs, partitions, organizations, zipf, eventsPerSecond: RATE, seconds: 4 };
      const outcome = simulate({ ...scenario, maxBatch: MAX_BATCH, seed: SEED });
      rows[`${name}, n = ${partitions}`] = {
        'busiest writer needs': `${(outcome.busiest * 100).toFixed(0)} %`,
        average: `${(outcome.average * 100).toFixed(0)} %`,
        'p50 ms': Number(outcome.p50Ms.toFixed(1)),
        'p99 ms': Number(outcome.p99Ms.toFixed(1)),
        'behind after 4 s': outcome.behind,
        'events a block': Number(outcome.eventsPerBlock.toFixed(1)),
      };
    }
  }
  console.table(rows);
}

if (GIVEN) {
  const [eventUs = 0, blockUs = 0, loadUs = 0, commitUs = 0] = GIVEN;
  print({ eventUs, blockUs, loadUs, commitUs });
} else {
  for (const sync of SYNCS) print(await measure(sync));
}
