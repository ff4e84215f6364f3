/**
 * Whether what the ledger writer costs depends on how much there is: a ledger of so many blocks, one entry each, over
 * so many organizations is made up, a backlog of events is put into AUDIT after it, and a consumer in a process of its
 * own starts. Prints how long it took from the start to the first commit, what an event cost, and the most memory that
 * was resident, in a run with few organizations beside one with many.
 *
 *     npm run bench -- ledger-scale     BENCH_BLOCKS=10000,100000,1000000 BENCH_ORGS=100,100000 BENCH_EVENTS=200000
 */
import { jetstreamManager } from '@nats-io/jetstream';
import { createInbox, type NatsConnection, type Payload } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { readConfig, type Settings, startConsumer } from '@waybill/consumer';
import { canonicalJson } from '@waybill/schema';
import {
  appendLine,
  type ChainState,
  emptyChain,
  formatBlock,
  formatTrailer,
  statedVolume,
} from '@waybill/schema/internal';
import { execFile } from 'node:child_process';
import { hash, randomUUID } from 'node:crypto';
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findNatsServer } from '../scripts/nats-server/find.ts';
import { startNatsServer } from '../scripts/nats-server/server.ts';

/** As `waybill serve` has it: on, unless WAYBILL_FAST is 0. */
const { fastPaths } = readConfig(process.env);
const EVENTS = Number(process.env['BENCH_EVENTS'] ?? 200_000);
const BLOCKS = (process.env['BENCH_BLOCKS'] ?? '10000,100000,1000000').split(',').map(Number);
const ORGS = (process.env['BENCH_ORGS'] ?? '100,100000').split(',').map(Number);
const PRODUCER = randomUUID();

const SETTINGS: Settings = {
  auditStream: 'AUDIT',
  ledgerStream: 'LEDGER',
  auditPrefix: 'audit',
  ledgerPrefix: 'ledger',
  controlPrefix: 'control',
};

interface Result {
  readonly firstCommitMs: number;
  readonly allMs: number;
  readonly cpuMs: number;
  readonly residentBytes: number;
}

const [role, url = '', last = ''] = process.argv.slice(2);
if (role === 'consumer') console.log(JSON.stringify(await consume(url, Number(last))));
else await compare();

async function compare(): Promise<void> {
  const source = await findNatsServer(console.error);
  for (const orgs of ORGS) {
    for (const blocks of BLOCKS) {
      await using server = await startNatsServer({ source });
      const nc = await connect({ servers: server.url });
      await prepare(nc, blocks, orgs);
      await nc.close();
      const args = ['--conditions=source', ...process.execArgv.filter((arg) => arg !== '--conditions=source')];
      const self = fileURLToPath(import.meta.url);
      const { stdout } = await promisify(execFile)(process.execPath, [
        ...args,
        self,
        'consumer',
        server.url,
        String(blocks + EVENTS),
      ]);
      print(blocks, orgs, JSON.parse(stdout) as Result);
    }
  }
}

function print(blocks: number, orgs: number, { firstCommitMs, allMs, cpuMs, residentBytes }: Result): void {
  console.log(
    `${blocks} blocks, ${orgs} organizations, ${EVENTS} events: first commit after ${Math.round(firstCommitMs)} ms, ` +
      `${((1000 * allMs) / EVENTS).toFixed(1)} µs and ${((1000 * cpuMs) / EVENTS).toFixed(1)} µs of CPU an event, ` +
      `${Math.round(residentBytes / 1024 / 1024)} MiB resident at most`,
  );
}

/** The measured process: from its own start to the last event's commit. */
async function consume(servers: string, until: number): Promise<Result> {
  const nc = await connect({ servers });
  const quiet = { debug: () => {}, info: () => {}, warn: console.warn, error: console.error };
  await using consumer = await startConsumer({ nc, fastPaths, logger: quiet, ...SETTINGS });
  let firstCommitMs = 0;
  while (consumer.status().watermark < until) {
    if (firstCommitMs === 0 && consumer.status().commits > 0) firstCommitMs = performance.now();
    await pause(5);
  }
  const { user, system } = process.cpuUsage();
  const result = {
    firstCommitMs,
    allMs: performance.now() - firstCommitMs,
    cpuMs: (user + system) / 1000,
    residentBytes: process.resourceUsage().maxRSS * 1024,
  };
  await consumer.close();
  await nc.close();
  return result;
}

/** A ledger that stands at AUDIT's sequence `blocks`, and `EVENTS` messages after it. */
async function prepare(nc: NatsConnection, blocks: number, orgs: number): Promise<void> {
  const manager = await jetstreamManager(nc);
  await manager.streams.add({ name: 'AUDIT', subjects: ['audit.>'], allow_direct: true, first_seq: blocks + 1 });
  await manager.streams.add({ name: 'LEDGER', subjects: ['ledger.*'], allow_direct: true, allow_atomic: true });
  const publish = publisher(nc);
  const chains = new Map<number, ChainState>();
  for (let i = 0; i < blocks; i++) {
    const org = i % orgs;
    const state = chains.get(org) ?? emptyChain(`org-${org}`);
    const seq = Math.floor(i / orgs) + 1;
    const line = appendLine(
      state.head,
      {
        received: '2026-01-01T00:00:00.000Z',
        source: { stream: 'AUDIT', seq: i + 1, subject: `audit.casartifact.uploaded.org-${org}` },
        origin: { producer: PRODUCER, producerseq: seq },
        event: event(org, seq),
        volume: statedVolume({ kind: 'upload', digest: '', bytes: seq }),
      },
      (text) => hash('sha256', text),
    );
    state.producers.admit(PRODUCER, seq, seq);
    chains.set(org, state);
    await publish(`ledger.org-${org}`, formatBlock([line], formatTrailer(state, seq, i + 1)));
  }
  for (let i = blocks; i < blocks + EVENTS; i++) {
    const org = i % orgs;
    await publish(`audit.casartifact.uploaded.org-${org}`, event(org, Math.floor(i / orgs) + 1));
  }
  await publish.drain();
}

/** Events as the publisher sends them: canonical JSON of about 430 bytes. */
function event(org: number, sequence: number): string {
  const id = `${randomUUID().slice(0, 14)}7${randomUUID().slice(15)}`;
  return canonicalJson({
    actortype: 'SERVICE',
    data: {
      backend_type: 'OCI',
      digest: `sha256:${hash('sha256', id)}`,
      file_name: 'sbom.cyclonedx.json',
      size_bytes: sequence,
      skipped: false,
    },
    id,
    orgid: `org-${org}`,
    producer: PRODUCER,
    producerseq: String(sequence),
    source: '//cas.example/artifact-cas',
    specversion: '1.0',
    time: new Date().toISOString(),
    type: 'casartifact.uploaded',
  });
}

interface Publish {
  (subject: string, payload: Payload): Promise<void>;
  drain(): Promise<void>;
}

/** Acknowledged, with 1,024 in flight. */
function publisher(nc: NatsConnection): Publish {
  const inbox = createInbox();
  let sent = 0;
  let acked = 0;
  nc.subscribe(inbox, {
    callback(_, message) {
      if (!message.string().includes('"seq"')) throw new Error(`refused: ${message.string()}`);
      acked++;
    },
  });
  const publish = async (subject: string, payload: Payload): Promise<void> => {
    nc.publish(subject, payload, { reply: inbox });
    sent++;
    while (sent - acked > 1_024) await turn();
  };
  return Object.assign(publish, {
    async drain() {
      while (acked < sent) await turn();
    },
  });
}
