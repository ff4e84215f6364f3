/**
 * The publisher beside its peers and its ceiling, all in one run:
 *
 * - the cost of one `emit`, beside `JSON.stringify` of the same event (and of a disabled publisher's `emit`, and with a
 *   spool that writes every event before `emit` returns);
 * - acknowledged events/s, beside the official client's `js.publish` with 256 in flight (alone, and with what a service
 *   would do for each event), beside bare core publish, and beside the ceiling: a bare socket (raw-publish.ts).
 *
 * Rounds alternate, so that a busy machine is busy for all; the medians are compared.
 *
 *     npm run bench -- publisher        (NATS_SERVER_BIN names the server to use)
 */
import { randomUUID } from 'node:crypto';
import { mkdtempDisposableSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { artifactUploaded, createPublisher, type EventDraft, type Publisher } from '@waybill/publisher';
import { findNatsServer } from '../scripts/nats-server/find.ts';
import { startNatsServer } from '../scripts/nats-server/server.ts';
import { median } from './median.ts';
import { openRawPublisher, rawMessage } from './raw-publish.ts';
import { fieldsOf, SOURCE, stamp } from './upload.ts';

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 7);
const EVENTS = Number(process.env['BENCH_EVENTS'] ?? 50_000);
const QUIET = { info: () => {}, warn: () => {} };

const round = (value: number, digits = 2) => Number(value.toFixed(digits));

// --- the cost of a call ---

const CALLS = 5_000;

/** Calls between two readings of the clock, which costs a fifth of what is measured. */
const GROUP = 16;
/** Batches before anything counts: the compiler is not done before. */
const WARM_UP = 12;

interface Measured {
  /**
   * Calls with `from` to before `to`: a loop of its own, since a call through a variable costs as much as what is
   * measured.
   */
  calls(from: number, to: number): void;
  /** After each batch. */
  settle(): Promise<unknown>;
}

/**
 * Nanoseconds a call: the median of groups, then the p99 of single calls. Batches of what is compared take turns, so
 * that each finds the caches as the others left them.
 */
async function costs<Name extends string>(compared: Record<Name, Measured>) {
  const groups = await sample(compared, GROUP);
  const singles = await sample(compared, 1);
  return (name: Name) => ({ p50: quantile(groups, name, 0.5), p99: quantile(singles, name, 0.99) });
}

async function sample(compared: Record<string, Measured>, size: number): Promise<Map<string, number[]>> {
  const samples = new Map(Object.keys(compared).map((name) => [name, [] as number[]]));
  for (let batch = 0; batch < WARM_UP + 8 * ROUNDS; batch++) {
    for (const [name, { calls, settle }] of Object.entries(compared)) {
      const each = samples.get(name) as number[];
      for (let n = 0; n + size <= CALLS; n += size) {
        const start = performance.now();
        calls(n, n + size);
        if (batch >= WARM_UP) each.push((performance.now() - start) / size);
      }
      await settle();
    }
  }
  return samples;
}

function quantile(samples: Map<string, number[]>, name: string, share: number): number {
  const sorted = Float64Array.from(samples.get(name) as number[]).toSorted();
  return (sorted[Math.floor(sorted.length * share)] as number) * 1e6;
}

/** One publisher in the process at a time, as in a service: several would share what the compiler learned of one. */
async function benchEmit(name: string, publisher: Publisher): Promise<void> {
  const disabled = createPublisher({ source: '//bench', logger: QUIET });
  const drafts = Array.from({ length: CALLS }, (_, n) => artifactUploaded(fieldsOf(n)));
  const events = Array.from({ length: CALLS }, (_, n) => stamp(n).event);
  const idle = () => new Promise((resolve) => setImmediate(resolve));
  let sink = 0;
  const costOf = await costs({
    json: {
      calls(from, to) {
        for (let n = from; n < to; n++) sink += JSON.stringify(events[n]).length;
      },
      settle: idle,
    },
    emit: {
      calls(from, to) {
        for (let n = from; n < to; n++) publisher.emit(drafts[n] as EventDraft);
      },
      settle: () => publisher.flush({ timeoutMs: 60_000 }),
    },
    off: {
      calls(from, to) {
        for (let n = from; n < to; n++) disabled.emit(drafts[n] as EventDraft);
      },
      settle: idle,
    },
  });
  const row = (cost: { p50: number; p99: number }) => ({
    'median ns': round(cost.p50, 0),
    'beside JSON.stringify': round(cost.p50 / costOf('json').p50),
    'p99 ns': round(cost.p99, 0),
  });
  console.table({
    [`JSON.stringify(event), ${JSON.stringify(events[0]).length} bytes`]: row(costOf('json')),
    [name]: row(costOf('emit')),
    'emit(draft), disabled publisher': row(costOf('off')),
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

function viaJetStream(nc: NatsConnection, eventOf: (n: number) => { id: string; payload: Uint8Array | string }) {
  const js = jetstream(nc);
  return async () => {
    let n = 0;
    const worker = async () => {
      while (n < EVENTS) {
        const mine = n++;
        const { id, payload } = eventOf(mine);
        await js.publish(`audit.casartifact.uploaded.org-${mine % 10}`, payload, { msgID: id });
      }
    };
    await Promise.all(Array.from({ length: 256 }, worker));
  };
}

/** What a service does for each event without Waybill: an object, an id, a time, JSON. Nothing is checked. */
function handMade(n: number): { id: string; payload: string } {
  const { orgid, actortype, actorid, ...data } = fieldsOf(n);
  const id = randomUUID();
  const time = new Date().toISOString();
  const type = artifactUploaded.type;
  return {
    id,
    payload: JSON.stringify({ specversion: '1.0', id, source: SOURCE, type, time, orgid, actortype, actorid, data }),
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
  const texts = Array.from({ length: 1000 }, (_, n) => stamp(n).text);
  const payloads = texts.map((text) => new TextEncoder().encode(text));
  const manager = await jetstreamManager(nc);
  const rates = {
    publisher: [] as number[],
    js: [] as number[],
    made: [] as number[],
    core: [] as number[],
    raw: [] as number[],
  };
  const raw = await openRawPublisher(url, 1_024);
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
    const js = await perSecond(
      viaJetStream(nc, (n) => ({ id: `${i}-${n}`, payload: payloads[n % payloads.length] as Uint8Array })),
    );
    await manager.streams.purge('AUDIT');
    const made = await perSecond(viaJetStream(nc, handMade));
    await manager.streams.purge('AUDIT');
    const messages = Array.from({ length: EVENTS }, (_, n) =>
      rawMessage(
        `audit.casartifact.uploaded.org-${n % 10}`,
        `raw-${i}-${n}`.padEnd(36, '-'),
        texts[n % texts.length] as string,
      ),
    );
    const bare = await perSecond(() => raw.send(messages));
    await manager.streams.purge('AUDIT');
    const core = await perSecond(viaCore(nc, payloads));
    if (i < 0) continue;
    rates.publisher.push(ours);
    rates.js.push(js);
    rates.made.push(made);
    rates.core.push(core);
    rates.raw.push(bare);
  }
  raw.close();
  const rate = (values: number[]) => ({
    'events/s': round(median(values), 0),
    'beside js.publish': round(median(values) / median(rates.js)),
    'beside bare publish': round(median(values) / median(rates.core)),
    'beside the ceiling': round(median(values) / median(rates.raw)),
  });
  console.table({
    'emit, acknowledged': rate(rates.publisher),
    'js.publish, 256 in flight, made before': rate(rates.js),
    'js.publish, 256 in flight, made by hand': rate(rates.made),
    'bare core publish (no ack)': rate(rates.core),
    'bare socket, 1,024 in flight (ceiling)': rate(rates.raw),
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
  await benchEmit('emit(draft)', publisher);
  await publisher.close();
  using dir = mkdtempDisposableSync(join(tmpdir(), 'waybill-bench-'));
  const spool = { spoolDir: dir.path, durability: 'sync' } as const;
  const spooling = createPublisher({ source: SOURCE, servers: server.url, ...spool, logger: QUIET });
  await benchEmit('emit(draft), sync spool', spooling);
  await spooling.close();
  await benchRate(server.url, nc);
  await nc.close();
}

// The server's process does not hold this one while it is being stopped.
const hold = setInterval(() => {}, 1_000);
await main();
clearInterval(hold);
