/**
 * From AUDIT to acknowledged blocks in LEDGER, beside its ceiling: a bare ordered consume loop over the same stream,
 * which does nothing with the messages. Both in one run, in turns, so that a busy machine is busy for both.
 *
 *     npm run bench -- ledger            BENCH_EVENTS=100000 BENCH_ORGS=100,10000 BENCH_SYNC=default,always BENCH_ROUNDS=3
 */
import { DeliverPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { createInbox, headers, type NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { readConfig, startConsumer } from '@waybill/consumer';
import { canonicalJson, verify } from '@waybill/schema';
import { hash, randomUUID } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { findNatsServer } from '../scripts/nats-server/find.ts';
import { startNatsServer } from '../scripts/nats-server/server.ts';
import { median } from './median.ts';

/** As `waybill serve` has it: on, unless WAYBILL_FAST is 0. */
const { fastPaths } = readConfig(process.env);
const EVENTS = Number(process.env['BENCH_EVENTS'] ?? 100_000);
const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 3);
const ORGS = (process.env['BENCH_ORGS'] ?? '100,10000').split(',').map(Number);
const SYNCS = (process.env['BENCH_SYNC'] ?? 'default,always').split(',');
const QUIET = { debug: () => {}, info: () => {}, warn: console.warn, error: console.error };

const source = await findNatsServer(console.error);

for (const sync of SYNCS) {
  await using server = await startNatsServer({ source, syncAlways: sync === 'always' });
  const nc = await connect({ servers: server.url });
  for (const orgs of ORGS) {
    const stream = `AUDIT_${orgs}`;
    await fill(nc, stream, orgs);
    const consume: number[] = [];
    const ledger: number[] = [];
    const checked: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      consume.push(await rate(() => bareConsume(nc, stream)));
      ledger.push(await rate(() => chain(nc, stream, `${orgs}_${round}`)));
      if (round === 0) checked.push(await verifyRate(nc, `${orgs}_${round}`));
    }
    print({ sync, orgs, consume: median(consume), ledger: median(ledger), verify: median(checked) });
  }
  await nc.close();
}

function print(row: { sync: string; orgs: number; consume: number; ledger: number; verify: number }): void {
  const { sync, orgs, consume, ledger } = row;
  const k = (value: number) => `${(value / 1000).toFixed(1)}k/s`;
  console.log(
    `sync ${sync}, ${orgs} organizations, ${EVENTS} events: bare consume ${k(consume)}, ledger ${k(ledger)}, ` +
      `ratio ${(ledger / consume).toFixed(2)}; verify ${k(row.verify)} entries`,
  );
}

/** Events a second. */
async function rate(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return EVENTS / ((performance.now() - started) / 1000);
}

/** Events as the publisher sends them: canonical JSON of about 430 bytes. */
async function fill(nc: NatsConnection, stream: string, orgs: number): Promise<void> {
  const manager = await jetstreamManager(nc);
  await manager.streams.add({ name: stream, subjects: [`audit${orgs}.>`], allow_direct: true });
  const inbox = createInbox();
  let acked = 0;
  const sub = nc.subscribe(inbox, { callback: () => void acked++ });
  const producer = randomUUID();
  for (let i = 0; i < EVENTS; i++) {
    const orgid = `org-${i % orgs}`;
    const id = `${randomUUID().slice(0, 14)}7${randomUUID().slice(15)}`;
    const event = canonicalJson({
      specversion: '1.0',
      id,
      source: '//cas.example/artifact-cas',
      type: 'casartifact.uploaded',
      time: new Date().toISOString(),
      orgid,
      actortype: 'SERVICE',
      producer,
      producerseq: String(Math.floor(i / orgs) + 1),
      data: {
        digest: `sha256:${hash('sha256', id)}`,
        size_bytes: i,
        file_name: 'sbom.cyclonedx.json',
        backend_type: 'OCI',
        skipped: false,
      },
    });
    const h = headers();
    h.set('Nats-Msg-Id', id);
    nc.publish(`audit${orgs}.casartifact.uploaded.${orgid}`, event, { reply: inbox, headers: h });
    while (i - acked > 1024) await turn();
  }
  while (acked < EVENTS) await turn();
  sub.unsubscribe();
}

/** The ceiling: an ordered consumer of the official client, and a callback that only counts. */
async function bareConsume(nc: NatsConnection, stream: string): Promise<void> {
  const consumer = await jetstream(nc).consumers.get(stream, { deliver_policy: DeliverPolicy.All });
  const { promise, resolve } = Promise.withResolvers<void>();
  let seen = 0;
  const messages = await consumer.consume({
    max_messages: 8192,
    callback: () => void (++seen === EVENTS && resolve()),
  });
  await promise;
  await messages.close();
}

async function chain(nc: NatsConnection, auditStream: string, tag: string): Promise<void> {
  const manager = await jetstreamManager(nc);
  const ledgerStream = `LEDGER_${tag}`;
  const ledgerPrefix = `ledger_${tag}`;
  await manager.streams.add({
    name: ledgerStream,
    subjects: [`${ledgerPrefix}.*`],
    allow_direct: true,
    allow_atomic: true,
  });
  const auditPrefix = auditStream.toLowerCase().replace('_', '');
  const { promise, resolve } = Promise.withResolvers<void>();
  await using consumer = await startConsumer({
    fastPaths,
    nc,
    logger: QUIET,
    auditStream,
    ledgerStream,
    auditPrefix,
    ledgerPrefix,
    controlPrefix: 'control',
    onCommit: () => void (consumer.status().watermark >= EVENTS && resolve()),
  });
  await promise;
}

/** Entries a second of `verify`, over the chain of one organization. */
async function verifyRate(nc: NatsConnection, tag: string): Promise<number> {
  const consumer = await jetstream(nc).consumers.get(`LEDGER_${tag}`);
  const { state } = await (await jetstreamManager(nc)).streams.info(`LEDGER_${tag}`);
  const chains = new Map<string, string[]>();
  const blocks = await consumer.consume();
  for await (const block of blocks) {
    const lines = block.string().trimEnd().split('\n').slice(0, -1);
    chains.set(block.subject, [...(chains.get(block.subject) ?? []), ...lines]);
    if (block.seq === state.last_seq) break;
  }
  await blocks.close();
  const started = performance.now();
  for (const lines of chains.values()) {
    const { verdict } = verify(lines, { sha256: (text) => hash('sha256', text) });
    if (verdict !== 'ok') throw new Error(`verdict ${verdict}`);
  }
  return EVENTS / ((performance.now() - started) / 1000);
}
