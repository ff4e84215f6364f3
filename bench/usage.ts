/**
 * What a question about usage costs, and whether that depends on how much is in the ledger: one organization's month by
 * day, and the month of all organizations, by a reader in a process of its own. Beside each the ceiling: as many single
 * gets of the leader as the question took requests, with as many in flight, and nothing done with their answers. And the
 * peer: to add up the month of one organization from its entries, as whoever has no totals must.
 *
 *     npm run bench -- usage     BENCH_ENTRIES=10000,1000000 BENCH_ORGS=10000 BENCH_BLOCK=10 BENCH_ROUNDS=21
 */
import { jetstreamManager } from '@nats-io/jetstream';
import { createInbox, type NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { DEFAULT_SETTINGS, replay, usage, usageOfAll } from '@waybill/consumer';
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
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findNatsServer } from '../scripts/nats-server/find.ts';
import { startNatsServer } from '../scripts/nats-server/server.ts';
import { median } from './median.ts';

const ENTRIES = (process.env['BENCH_ENTRIES'] ?? '10000,1000000').split(',').map(Number);
const ORGS = Number(process.env['BENCH_ORGS'] ?? 10_000);
const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 21);
/** Of the organization whose days are asked for, in each ledger. */
const BLOCKS_OF_ONE = 480;
const MOST_IN_A_BLOCK = Number(process.env['BENCH_BLOCK'] ?? 10);
const IN_FLIGHT = 64;

/** Entries begin before the month and go on after it. */
const START = Date.UTC(2026, 8, 15);
const END = Date.UTC(2026, 10, 15);
const MONTH = { period: '2026-10', zone: 'Europe/Berlin' } as const;
const ONE = 'org-one';

interface Measured {
  readonly ms: number;
  /** CPU of the reader, whatever else the machine does. */
  readonly cpuMs: number;
  readonly requests: number;
  /** For as many bare gets. */
  readonly floorMs: number;
}

interface Result {
  readonly days: Measured;
  readonly all: Measured;
  readonly addUpMs: number;
  readonly residentBytes: number;
}

const [role, url = ''] = process.argv.slice(2);
if (role === 'reader') console.log(JSON.stringify(await read(url)));
else await compare();

async function compare(): Promise<void> {
  const source = await findNatsServer(console.error);
  const results: Result[] = [];
  for (const entries of ENTRIES) {
    await using server = await startNatsServer({ source });
    const nc = await connect({ servers: server.url });
    await prepare(nc, entries);
    await nc.close();
    const args = ['--conditions=source', ...process.execArgv.filter((arg) => arg !== '--conditions=source')];
    const { stdout } = await promisify(execFile)(process.execPath, [
      ...args,
      fileURLToPath(import.meta.url),
      'reader',
      server.url,
    ]);
    const result = JSON.parse(stdout) as Result;
    results.push(result);
    console.log(`${entries} entries, ${ORGS} organizations (medians):`);
    print('a month of one by day', result.days);
    print('the month of all', result.all);
    console.log(`  one by adding up its entries: ${result.addUpMs.toFixed(1)} ms`);
    console.log(`  ${Math.round(result.residentBytes / 1024 / 1024)} MiB resident at most`);
  }
  const [first, last] = [results[0], results.at(-1)];
  if (!first || !last || first === last) return;
  const ratio = (of: (result: Result) => number): string => (of(last) / of(first)).toFixed(2);
  console.log(
    `${ENTRIES.at(-1)} entries beside ${ENTRIES[0]}: ${ratio(({ days }) => days.ms)} times for one by day, ` +
      `${ratio(({ all }) => all.ms)} times for all`,
  );
}

function print(what: string, { ms, cpuMs, requests, floorMs }: Measured): void {
  console.log(
    `  ${what}: ${ms.toFixed(1)} ms (${cpuMs.toFixed(1)} ms of CPU), ${requests} requests; as many bare gets: ${floorMs.toFixed(1)} ms ` +
      `(${(ms / floorMs).toFixed(2)} times)`,
  );
}

/** The measured process. */
async function read(servers: string): Promise<Result> {
  const nc = await connect({ servers });
  const days = await measure(nc, ROUNDS, async () => {
    const answer = await usage(nc, DEFAULT_SETTINGS, { orgid: ONE, ...MONTH, step: 'day' });
    if (!answer.final || answer.windows?.length !== 31) throw new Error(`unexpected: ${JSON.stringify(answer)}`);
  });
  const all = await measure(nc, Math.min(3, ROUNDS), async () => {
    const answer = await usageOfAll(nc, DEFAULT_SETTINGS, MONTH);
    if (!answer.final || answer.organizations.length === 0) throw new Error('unexpected: no organizations');
  });
  const residentBytes = process.resourceUsage().maxRSS * 1024;
  const addUpMs = await medianOf(ROUNDS, () => addUp(nc));
  await nc.close();
  return { days, all, addUpMs, residentBytes };
}

async function measure(nc: NatsConnection, rounds: number, ask: () => Promise<void>): Promise<Measured> {
  await ask();
  const before = nc.stats().outMsgs;
  await ask();
  const requests = nc.stats().outMsgs - before;
  const start = process.cpuUsage();
  const ms = await medianOf(rounds, ask);
  const { user, system } = process.cpuUsage(start);
  const cpuMs = (user + system) / 1000 / rounds;
  return { ms, cpuMs, requests, floorMs: await medianOf(Math.min(rounds, 5), () => bareGets(nc, requests)) };
}

async function medianOf(rounds: number, run: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const start = performance.now();
    await run();
    times.push(performance.now() - start);
  }
  return median(times);
}

async function bareGets(nc: NatsConnection, count: number): Promise<void> {
  let next = 0;
  const get = async (): Promise<void> => {
    while (next < count) {
      const seq = 1 + (next++ % ORGS);
      await nc.request('$JS.API.STREAM.MSG.GET.LEDGER', JSON.stringify({ seq }));
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, get));
}

async function addUp(nc: NatsConnection): Promise<bigint> {
  let bytes = 0n;
  for await (const lines of replay(nc, DEFAULT_SETTINGS, { orgid: ONE })) {
    for (const line of lines) bytes += BigInt(JSON.parse(line).core.volume.bytes ?? 0);
  }
  return bytes;
}

/** A ledger of about so many entries, in the order of time; AUDIT has nothing that is not chained. */
async function prepare(nc: NatsConnection, entries: number): Promise<void> {
  const manager = await jetstreamManager(nc);
  await manager.streams.add({ name: 'AUDIT', subjects: ['audit.>'], allow_direct: true });
  await manager.streams.add({ name: 'LEDGER', subjects: ['ledger.*'], allow_direct: true });
  const inABlock = Math.min(MOST_IN_A_BLOCK, Math.max(1, Math.floor(entries / ORGS / MOST_IN_A_BLOCK)));
  const blocks = Math.ceil(entries / inABlock);
  const every = Math.max(1, Math.floor(blocks / BLOCKS_OF_ONE));
  const publish = createPublish(nc);
  const chains = new Map<string, ChainState>();
  let seq = 0;
  for (let i = 0; i < blocks; i++) {
    const received = new Date(START + Math.floor(((END - START) * i) / blocks)).toISOString();
    const orgid = i % every === 0 ? ONE : `org-${i % ORGS}`;
    const state = chains.get(orgid) ?? emptyChain(orgid);
    chains.set(orgid, state);
    const first = state.head.seq + 1;
    const lines = Array.from({ length: inABlock }, () => {
      const source = { stream: 'AUDIT', seq: ++seq, subject: `audit.casartifact.uploaded.${orgid}` };
      const volume = statedVolume({ kind: 'upload', digest: '', bytes: seq });
      const event = eventOf(orgid, received, seq);
      return appendLine(state.head, { received, source, origin: null, event, volume }, (text) => hash('sha256', text));
    });
    await publish(`ledger.${orgid}`, formatBlock(lines, formatTrailer(state, first, seq)));
  }
  await publish('', '');
}

function eventOf(orgid: string, time: string, bytes: number): string {
  const data = { digest: `sha256:${hash('sha256', String(bytes))}`, size_bytes: bytes, skipped: false };
  const id = `${randomUUID().slice(0, 14)}7${randomUUID().slice(15)}`;
  return canonicalJson({ specversion: '1.0', id, source: '//bench', type: 'casartifact.uploaded', time, orgid, data });
}

/** Acknowledged, with 1,024 in flight; without a subject, waits for all of them. */
function createPublish(nc: NatsConnection): (subject: string, payload: string | Uint8Array) => Promise<void> {
  const inbox = createInbox();
  let sent = 0;
  let acked = 0;
  nc.subscribe(inbox, {
    callback(_, message) {
      if (!message.string().includes('"seq"')) throw new Error(`refused: ${message.string()}`);
      acked++;
    },
  });
  return async (subject, payload) => {
    if (subject !== '') {
      nc.publish(subject, payload, { reply: inbox });
      sent++;
    }
    while (sent - acked > (subject === '' ? 0 : 1_024)) await turn();
  };
}
