/**
 * From AUDIT to acknowledged blocks in LEDGER, beside its ceiling: a bare ordered consume loop over the same stream,
 * which does nothing with the messages. And once more with a reader beside it, in a process of its own, which asks for
 * the usage of one organization after the other. All in one run, in turns, so that a busy machine is busy for all.
 *
 *     npm run bench -- ledger            BENCH_EVENTS=100000 BENCH_ORGS=100,10000 BENCH_SYNC=default,always BENCH_ROUNDS=3
 *                                    BENCH_QUESTIONS=20 (a second, of the reader)
 */
import { DeliverPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { createInbox, headers, type NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { readConfig, type Settings, startConsumer, usage } from '@waybill/consumer';
import { canonicalJson, verify } from '@waybill/schema';
import { spawn } from 'node:child_process';
import { hash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { findNatsServer } from '../scripts/nats-server/find.ts';
import { startNatsServer } from '../scripts/nats-server/server.ts';
import { median } from './median.ts';

/** As `waybill serve` has it: on, unless WAYBILL_FAST is 0. */
const { fastPaths } = readConfig(process.env);
const EVENTS = Number(process.env['BENCH_EVENTS'] ?? 100_000);
const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 3);
const ORGS = (process.env['BENCH_ORGS'] ?? '100,10000').split(',').map(Number);
const SYNCS = (process.env['BENCH_SYNC'] ?? 'default,always').split(',');
const QUESTIONS = Number(process.env['BENCH_QUESTIONS'] ?? 20);
const QUIET = { debug: () => {}, info: () => {}, warn: console.warn, error: console.error };

const [role, readerUrl = '', readerSettings = ''] = process.argv.slice(2);
if (role === 'reader') await askOn(readerUrl, JSON.parse(readerSettings) as Settings);
else await compare();

async function compare(): Promise<void> {
  const source = await findNatsServer(console.error);
  for (const sync of SYNCS) {
    await using server = await startNatsServer({ source, syncAlways: sync === 'always' });
    const nc = await connect({ servers: server.url });
    for (const orgs of ORGS) {
      const stream = `AUDIT_${orgs}`;
      await fill(nc, stream, orgs);
      const consume: number[] = [];
      const ledger: number[] = [];
      const beside: number[] = [];
      const checked: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        consume.push(await rate(() => bareConsume(nc, stream)));
        ledger.push(await rate(() => chain(nc, stream, `${orgs}_${round}`)));
        beside.push(await chainBesideReader(nc, server.url, { stream, tag: `${orgs}_${round}_r` }));
        if (round === 0) checked.push(await verifyRate(nc, `${orgs}_${round}`));
      }
      const medians = { consume: median(consume), ledger: median(ledger), beside: median(beside) };
      print({ sync, orgs, ...medians, verify: median(checked) });
    }
    await nc.close();
  }
}

interface Row {
  readonly sync: string;
  readonly orgs: number;
  readonly consume: number;
  readonly ledger: number;
  readonly beside: number;
  readonly verify: number;
}

function print({ sync, orgs, consume, ledger, beside, verify: verified }: Row): void {
  const k = (value: number) => `${(value / 1000).toFixed(1)}k/s`;
  console.log(
    `sync ${sync}, ${orgs} organizations, ${EVENTS} events: bare consume ${k(consume)}, ledger ${k(ledger)}, ` +
      `ratio ${(ledger / consume).toFixed(2)}; verify ${k(verified)} entries; ` +
      `beside a reader of ${QUESTIONS} questions/s: ledger ${k(beside)}, ${(beside / ledger).toFixed(2)} of without`,
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

function settingsOf(auditStream: string, tag: string): Settings {
  return {
    auditStream,
    auditPrefix: auditStream.toLowerCase().replace('_', ''),
    ledgerStream: `LEDGER_${tag}`,
    ledgerPrefix: `ledger_${tag}`,
    controlPrefix: 'control',
  };
}

async function chain(nc: NatsConnection, auditStream: string, tag: string): Promise<void> {
  const manager = await jetstreamManager(nc);
  const settings = settingsOf(auditStream, tag);
  const { ledgerStream, ledgerPrefix } = settings;
  await manager.streams.add({
    name: ledgerStream,
    subjects: [`${ledgerPrefix}.*`],
    allow_direct: true,
    allow_atomic: true,
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  await using consumer = await startConsumer({
    fastPaths,
    nc,
    logger: QUIET,
    ...settings,
    onCommit: () => void (consumer.status().watermark >= EVENTS && resolve()),
  });
  await promise;
}

/** Events a second, with a reader beside it. */
async function chainBesideReader(
  nc: NatsConnection,
  url: string,
  { stream, tag }: { stream: string; tag: string },
): Promise<number> {
  const self = fileURLToPath(import.meta.url);
  const settings = JSON.stringify(settingsOf(stream, tag));
  const args = [...process.execArgv, self, 'reader', url, settings];
  const reader = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  reader.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  while (!said.includes('asking')) await pause(5);
  const reached = await rate(() => chain(nc, stream, tag));
  reader.kill();
  await once(reader, 'exit');
  return reached;
}

/** The reader: so many questions a second, about one organization after the other, until it is killed. */
async function askOn(servers: string, settings: Settings): Promise<never> {
  const nc = await connect({ servers });
  console.log('asking');
  for (let asked = 0; ; asked++) {
    const orgid = `org-${asked % Math.min(...ORGS)}`;
    // There is no ledger before the writer's first block.
    await usage(nc, settings, { orgid, period: new Date().toISOString().slice(0, 7) }).catch(() => undefined);
    await pause(1000 / QUESTIONS);
  }
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
