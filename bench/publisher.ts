/**
 * The publisher beside its peers and its ceiling, all in one run:
 *
 * - the cost of one `emit`, beside `JSON.stringify` of the same event (and of a disabled publisher's `emit`, and with a
 *   spool that writes every event before `emit` returns);
 * - acknowledged events/s, beside the official client's `js.publish` with 256 in flight, and beside bare core publish.
 *
 * Rounds alternate, so that a busy machine is busy for all; the medians are compared.
 *
 *     npm run bench:publisher        (NATS_SERVER_BIN names the server to use)
 */
import { mkdtempDisposableSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { artifactUploaded, createPublisher, type Publisher } from '@waybill/publisher';
import { createDataCheck, stampEvent } from '@waybill/schema';
import { findNatsServer } from '../scripts/nats-server/find.ts';
import { startNatsServer } from '../scripts/nats-server/server.ts';

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 7);
const EVENTS = Number(process.env['BENCH_EVENTS'] ?? 50_000);
const QUIET = { info: () => {}, warn: () => {} };
const SOURCE = '//cas.example/artifact-cas';

const fieldsOf = (n: number) => ({
  orgid: `org-${n % 10}`,
  actortype: 'API_TOKEN' as const,
  actorid: '0197c0de-0000-7000-8000-000000000001',
  digest: `sha256:${n.toString(16).padStart(64, '0')}`,
  size_bytes: 1_048_576 + n,
  file_name: 'sbom.cyclonedx.json',
  backend_type: 'OCI',
  skipped: false,
});

const stamp = (n: number) => {
  const id = '0197c0de-0000-7000-8000-000000000002';
  const when = { id, source: SOURCE, time: new Date().toISOString(), producer: id, sequence: String(n + 1) };
  return stampEvent(artifactUploaded.type, fieldsOf(n), when, createDataCheck());
};

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number;
}

const round = (value: number, digits = 2) => Number(value.toFixed(digits));

// --- the cost of a call ---

const CALLS = 5_000;

/** Nanoseconds a call, median and p99 of single calls, over batches that leave the loop free in between. */
async function costs(
  call: (n: number) => unknown,
  between: () => Promise<unknown>,
): Promise<{ p50: number; p99: number }> {
  const samples = new Float64Array(CALLS);
  const all: number[] = [];
  for (let batch = 0; batch < 12; batch++) {
    for (let n = 0; n < CALLS; n++) {
      const start = performance.now();
      call(n);
      samples[n] = performance.now() - start;
    }
    await between();
    if (batch >= 4) all.push(...samples);
  }
  all.sort((a, b) => a - b);
  return { p50: (all[all.length >> 1] as number) * 1e6, p99: (all[Math.floor(all.length * 0.99)] as number) * 1e6 };
}

async function benchEmit(publisher: Publisher, spooling: Publisher): Promise<void> {
  const disabled = createPublisher({ logger: QUIET });
  const drafts = Array.from({ length: CALLS }, (_, n) => artifactUploaded(fieldsOf(n)));
  const events = Array.from({ length: CALLS }, (_, n) => stamp(n).event);
  const idle = () => new Promise((resolve) => setImmediate(resolve));
  let sink = 0;
  const rounds = {
    emit: [] as number[],
    emit99: [] as number[],
    json: [] as number[],
    nothing: [] as number[],
    off: [] as number[],
    sync: [] as number[],
    sync99: [] as number[],
  };
  for (let i = 0; i < ROUNDS; i++) {
    const json = await costs((n) => (sink += JSON.stringify(events[n]).length), idle);
    const emit = await costs(
      (n) => publisher.emit(drafts[n] as never),
      () => publisher.flush({ timeoutMs: 60_000 }),
    );
    const sync = await costs(
      (n) => spooling.emit(drafts[n] as never),
      () => spooling.flush({ timeoutMs: 60_000 }),
    );
    const off = await costs((n) => disabled.emit(drafts[n] as never), idle);
    const nothing = await costs((n) => (sink += n), idle);
    rounds.json.push(json.p50 - nothing.p50);
    rounds.emit.push(emit.p50 - nothing.p50);
    rounds.emit99.push(emit.p99);
    rounds.off.push(off.p50 - nothing.p50);
    rounds.sync.push(sync.p50 - nothing.p50);
    rounds.sync99.push(sync.p99);
    rounds.nothing.push(nothing.p50);
  }
  const [json, emit, off] = [median(rounds.json), median(rounds.emit), median(rounds.off)];
  console.log(
    `event of ${JSON.stringify(events[0]).length} bytes; the timer itself costs ${round(median(rounds.nothing), 0)} ns, subtracted`,
  );
  console.table({
    'JSON.stringify(event)': { 'median ns': round(json, 0), 'beside JSON.stringify': 1 },
    'emit(draft)': {
      'median ns': round(emit, 0),
      'beside JSON.stringify': round(emit / json),
      'p99 ns': round(median(rounds.emit99), 0),
    },
    'emit(draft), sync spool': {
      'median ns': round(median(rounds.sync), 0),
      'beside JSON.stringify': round(median(rounds.sync) / json),
      'p99 ns': round(median(rounds.sync99), 0),
    },
    'emit(draft), disabled': { 'median ns': round(off, 0), 'beside JSON.stringify': round(off / json) },
  });
  if (sink === 0) throw new Error('optimized away');
}

// --- acknowledged events a second ---

async function perSecond(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return (EVENTS * 1000) / (performance.now() - start);
}

function viaPublisher(publisher: Publisher) {
  return async () => {
    for (let n = 0; n < EVENTS;) {
      // As fast as the queue takes them, and no faster: a drop would be cheating.
      while (n < EVENTS && publisher.stats().pending < 8_000)
        for (let i = 0; i < 250 && n < EVENTS; i++) publisher.emit(artifactUploaded(fieldsOf(n++)));
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (!(await publisher.flush({ timeoutMs: 60_000 }))) throw new Error('not flushed');
  };
}

function viaJetStream(nc: NatsConnection, payloads: Uint8Array[], run: number) {
  const js = jetstream(nc);
  return async () => {
    let n = 0;
    const worker = async () => {
      while (n < EVENTS) {
        const mine = n++;
        await js.publish(`audit.casartifact.uploaded.org-${mine % 10}`, payloads[mine % payloads.length], {
          msgID: `${run}-${mine}`,
        });
      }
    };
    await Promise.all(Array.from({ length: 256 }, worker));
  };
}

function viaCore(nc: NatsConnection, payloads: Uint8Array[]) {
  return async () => {
    for (let n = 0; n < EVENTS; n++) {
      nc.publish(`bare.casartifact.uploaded.org-${n % 10}`, payloads[n % payloads.length]);
      if (n % 1000 === 999) await new Promise((resolve) => setImmediate(resolve));
    }
    await nc.flush();
  };
}

async function benchRate(url: string, nc: NatsConnection): Promise<void> {
  const payloads = Array.from({ length: 1000 }, (_, n) => new TextEncoder().encode(stamp(n).text));
  const manager = await jetstreamManager(nc);
  const rates = { publisher: [] as number[], js: [] as number[], core: [] as number[] };
  for (let i = -1; i < ROUNDS; i++) {
    await manager.streams.purge('AUDIT');
    const publisher = createPublisher({ source: SOURCE, servers: url, logger: QUIET });
    await publisher.confirm(artifactUploaded(fieldsOf(0)));
    const ours = await perSecond(viaPublisher(publisher));
    const { dropped, resent } = publisher.stats();
    if (resent > 0 || Object.values(dropped).some((count) => count > 0))
      throw new Error(JSON.stringify(publisher.stats()));
    await publisher.close();
    await manager.streams.purge('AUDIT');
    const js = await perSecond(viaJetStream(nc, payloads, i));
    const core = await perSecond(viaCore(nc, payloads));
    if (i < 0) continue;
    rates.publisher.push(ours);
    rates.js.push(js);
    rates.core.push(core);
  }
  const [ours, js, core] = [median(rates.publisher), median(rates.js), median(rates.core)];
  console.table({
    'emit, acknowledged': {
      'events/s': round(ours, 0),
      'beside js.publish': round(ours / js),
      'beside bare publish': round(ours / core),
    },
    'js.publish, 256 in flight': {
      'events/s': round(js, 0),
      'beside js.publish': 1,
      'beside bare publish': round(js / core),
    },
    'bare core publish (no ack)': {
      'events/s': round(core, 0),
      'beside js.publish': round(core / js),
      'beside bare publish': 1,
    },
  });
}

async function main(): Promise<void> {
  await using server = await startNatsServer({ source: await findNatsServer((line) => console.error(line)) });
  const nc = await connect({ servers: server.url, noAsyncTraces: true });
  await (await jetstreamManager(nc)).streams.add({ name: 'AUDIT', subjects: ['audit.>'] });
  console.log(
    `node ${process.version}, nats-server ${server.version}, file storage, default sync; ${ROUNDS} rounds of ${EVENTS} events`,
  );
  const publisher = createPublisher({ source: SOURCE, servers: server.url, logger: QUIET });
  using spoolDir = mkdtempDisposableSync(join(tmpdir(), 'waybill-bench-'));
  const spooling = createPublisher({
    source: SOURCE,
    servers: server.url,
    spoolDir: spoolDir.path,
    durability: 'sync',
    logger: QUIET,
  });
  await benchEmit(publisher, spooling);
  await publisher.close();
  await spooling.close();
  await benchRate(server.url, nc);
  await nc.close();
}

// The server's process does not hold this one while it is being stopped.
const hold = setInterval(() => {}, 1_000);
await main();
clearInterval(hold);
