/**
 * Everything at once, as in production: a publisher here, `waybill serve` in a process of its own, nats-server between
 * them. Two ceilings are measured alone in the same run, in turns with it: bare publishing (core publish, acks over one
 * inbox, the same events) and bare consuming (an ordered consumer whose callback only counts).
 *
 *     npm run bench -- end-to-end        BENCH_EVENTS=50000 BENCH_ORGS=100 BENCH_ROUNDS=3 BENCH_SYNC=default,always
 *
 * Then the latency from `emit` to the ledger at a steady rate: until the block that holds the event has been stored and
 * delivered to a reader of LEDGER.
 */
import { DeliverPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { createInbox, headers, type NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { DEFAULT_SETTINGS, deployStreams, verifyLedger } from '@waybill/consumer';
import { artifactUploaded, createPublisher, type Publisher } from '@waybill/publisher';
import { createDataCheck, parseBlock, stampEvent, SYSTEM_CHAIN } from '@waybill/schema/internal';
import { randomUUID } from 'node:crypto';
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises';
import { findNatsServer } from '../scripts/nats-server/find.ts';
import { startNatsServer } from '../scripts/nats-server/server.ts';
import { startConsumerProcess } from '../scripts/start/consumer-process.ts';
import { median } from './median.ts';

const EVENTS = Number(process.env['BENCH_EVENTS'] ?? 50_000);
const ORGS = Number(process.env['BENCH_ORGS'] ?? 100);
const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 3);
const SYNCS = (process.env['BENCH_SYNC'] ?? 'default,always').split(',');
const STEADY_RATE = 1_000;
const STEADY_SECONDS = 10;
const SOURCE = '//cas.example/artifact-cas';
const BARE = 'BARE';
/** Of event 0: an event tells its number by its size. */
const SIZE = 1_048_576;

const source = await findNatsServer(console.error);
for (const sync of SYNCS) await measure(sync);

async function measure(sync: string): Promise<void> {
  await using server = await startNatsServer({ source, syncAlways: sync === 'always' });
  const nc = await connect({ servers: server.url });
  await deployStreams(nc, DEFAULT_SETTINGS);
  await (await jetstreamManager(nc)).streams.add({ name: BARE, subjects: ['bare.>'], allow_direct: true });
  console.log(
    `node ${process.version}, nats-server ${server.version}, sync ${sync}; ${ROUNDS} rounds of ${EVENTS} events, ${ORGS} organizations`,
  );

  const publish: number[] = [];
  const consume: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    publish.push(await rate(() => barePublish(nc)));
    consume.push(await rate(() => bareConsume(nc, round * EVENTS + 1)));
  }

  await using consumer = await startConsumerProcess({ WAYBILL_NATS_URL: server.url, WAYBILL_LOG_LEVEL: 'info' });
  const audit = createPublisher({ source: SOURCE, servers: server.url });
  await audit.confirm(artifactUploaded(fieldsOf(0)), { timeoutMs: 10_000 });
  const acked: number[] = [];
  const ledger: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const target = audit.stats().emitted + EVENTS;
    const started = performance.now();
    await emitAll(audit);
    acked.push(perSecond(started));
    while ((await consumer.watermark()) < target) await pause(5);
    ledger.push(perSecond(started));
  }
  const ceiling = Math.min(median(publish), median(consume));
  const row = (value: number) => ({
    'events/s': Math.round(value),
    'beside the lower ceiling': Number((value / ceiling).toFixed(2)),
  });
  console.table({
    'bare publish, acked, alone': row(median(publish)),
    'bare consume, alone': row(median(consume)),
    'emit to acked, while chaining': row(median(acked)),
    'emit to ledger': row(median(ledger)),
  });

  const latencies = await steady(nc, audit);
  const at = (part: number) => `${(latencies[Math.floor(latencies.length * part)] ?? NaN).toFixed(1)} ms`;
  console.log(
    `emit to ledger at ${STEADY_RATE} events/s for ${STEADY_SECONDS} s: p50 ${at(0.5)}, p99 ${at(0.99)}, worst ${at(1 - 1e-9)}`,
  );

  await audit.close();
  const { verdict, chains } = await verifyLedger(nc, DEFAULT_SETTINGS);
  // Not those of `_system`, which records how the streams are configured.
  const entries = chains.reduce((sum, { orgid, entries: own }) => sum + (orgid === SYSTEM_CHAIN ? 0 : own), 0);
  const { acked: own, ends } = audit.stats();
  if (verdict !== 'ok' || entries !== own + ends.acked) throw new Error(`verdict ${verdict}, ${entries} entries`);
  await nc.close();
}

function fieldsOf(n: number) {
  return {
    orgid: `org-${n % ORGS}`,
    actortype: 'API_TOKEN' as const,
    actorid: '0197c0de-0000-7000-8000-000000000001',
    digest: `sha256:${n.toString(16).padStart(64, '0')}`,
    size_bytes: SIZE + n,
    file_name: `sbom-${n}.json`,
    backend_type: 'OCI',
    skipped: false,
  };
}

/** As fast as the queue takes them, and no faster; a drop would be cheating. Resolves when all are acknowledged. */
async function emitAll(audit: Publisher): Promise<void> {
  for (let n = 0; n < EVENTS; await turn()) {
    while (n < EVENTS && audit.stats().pending < 8_000) {
      for (let i = 0; i < 250 && n < EVENTS; i++) audit.emit(artifactUploaded(fieldsOf(n++)));
    }
  }
  if (!(await audit.flush({ timeoutMs: 300_000 }))) throw new Error('not flushed');
  const { acked, emitted } = audit.stats();
  if (acked !== emitted) throw new Error(JSON.stringify(audit.stats()));
}

/** Milliseconds from `emit` to the ledger, sorted. */
async function steady(nc: NatsConnection, audit: Publisher): Promise<number[]> {
  const total = STEADY_RATE * STEADY_SECONDS;
  const emittedAt = new Float64Array(total);
  const latencies: number[] = [];
  const stored = await jetstream(nc).consumers.get('LEDGER', { deliver_policy: DeliverPolicy.New });
  const { promise: all, resolve } = Promise.withResolvers<void>();
  const messages = await stored.consume({
    callback: (message) => {
      const now = performance.now();
      for (const { event } of parseBlock(message.string()).entries) {
        const { data } = event as { data: { size_bytes: number } };
        latencies.push(now - (emittedAt[data.size_bytes - SIZE] ?? NaN));
      }
      if (latencies.length === total) resolve();
    },
  });
  const started = performance.now();
  for (let n = 0; n < total;) {
    const due = Math.min(total, Math.floor(((performance.now() - started) / 1000) * STEADY_RATE));
    for (; n < due; n++) {
      emittedAt[n] = performance.now();
      audit.emit(artifactUploaded(fieldsOf(n)));
    }
    await pause(1);
  }
  await all;
  await messages.close();
  return latencies.toSorted((a, b) => a - b);
}

async function barePublish(nc: NatsConnection): Promise<void> {
  const id = '0197c0de-0000-7000-8000-000000000002';
  const stamp = { id, source: SOURCE, time: new Date().toISOString(), producer: id, producerseq: '1' };
  const { text } = stampEvent(artifactUploaded.type, fieldsOf(1), stamp, createDataCheck());
  const reply = createInbox();
  let acked = 0;
  const sub = nc.subscribe(reply, { callback: () => void acked++ });
  for (let n = 0; n < EVENTS; n++) {
    const h = headers();
    h.set('Nats-Msg-Id', randomUUID());
    nc.publish(`bare.casartifact.uploaded.org-${n % ORGS}`, text, { reply, headers: h });
    while (n - acked > 1_024) await turn();
  }
  while (acked < EVENTS) await turn();
  sub.unsubscribe();
}

async function bareConsume(nc: NatsConnection, from: number): Promise<void> {
  const options = { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: from };
  const consumer = await jetstream(nc).consumers.get(BARE, options);
  const { promise, resolve } = Promise.withResolvers<void>();
  let seen = 0;
  const messages = await consumer.consume({
    max_messages: 8_192,
    callback: () => void (++seen === EVENTS && resolve()),
  });
  await promise;
  await messages.close();
}

async function rate(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return perSecond(started);
}

function perSecond(started: number): number {
  return (EVENTS * 1_000) / (performance.now() - started);
}
