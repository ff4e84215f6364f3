/**
 * What events cost in space, memory and syncs: the sizing table of docs/reference/operations.md. The real publisher, a
 * server with `sync_interval: always`, and `waybill serve` as a process of its own, whose memory is in its `/metrics`.
 *
 *     npm run bench -- sizing            BENCH_EVENTS=50000 BENCH_ORGS=100,1000,10000
 *
 * Syncs are counted by strace where it is installed (Linux), which slows the server down: no rate is printed.
 */
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { artifactUploaded, createPublisher } from '@waybill/publisher';
import { hash } from 'node:crypto';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { findNatsServer } from '../scripts/nats-server/find.ts';
import { startNatsServer } from '../scripts/nats-server/server.ts';

const EVENTS = Number(process.env['BENCH_EVENTS'] ?? 50_000);
const ORGS = (process.env['BENCH_ORGS'] ?? '100,1000,10000').split(',').map(Number);
const CLI = fileURLToPath(new URL('../packages/consumer/src/cli.ts', import.meta.url));

const source = await findNatsServer(console.error);

// Each event chained before the next is sent: the least that a block can hold.
await measure({ events: 500, orgs: 100, group: 1 });
// Without a backlog in memory: what the chains themselves take there.
for (const orgs of [1_000, 20_000]) await measure({ events: 20_000, orgs, group: 500 });
// The backlog waits for the consumer, as after an outage: the most that a block can hold.
for (const orgs of ORGS) await measure({ events: EVENTS, orgs, group: EVENTS });

interface Load {
  readonly events: number;
  readonly orgs: number;
  /** Events that are sent before it is waited until they are chained. */
  readonly group: number;
}

async function measure({ events, orgs, group }: Load): Promise<void> {
  await using server = await startNatsServer({ source, syncAlways: true });
  const nc = await connect({ servers: server.url });
  let waybill = await startWaybill(server.url);
  const atRest = (await waybill.metrics()).get('process_resident_memory_bytes') ?? 0;
  if (group === events) await waybill.stop();
  const publisher = createPublisher({ source: '//cas.example/artifact-cas', servers: server.url });
  const emit = (i: number): void =>
    publisher.emit(
      artifactUploaded({
        orgid: `org-${i % orgs}`,
        digest: `sha256:${hash('sha256', String(i))}`,
        size_bytes: i,
        file_name: 'sbom.cyclonedx.json',
        backend_type: 'OCI',
        skipped: false,
      }),
    );
  const syncs = await countSyncs(server.pid);
  for (let i = 0; i < events; i++) {
    emit(i);
    if (group < events && (i + 1) % group === 0) await waybill.reached(i + 1);
    if (i % 1_000 === 0) while (publisher.stats().pending > 5_000) await pause(5);
  }
  await publisher.close({ timeoutMs: 300_000 });
  if (group === events) waybill = await startWaybill(server.url);
  const samples = await waybill.reached(events);
  const counted = await syncs();
  const { streams } = await jetstreamManager(nc);
  const [audit, ledger] = await Promise.all([streams.info('AUDIT'), streams.info('LEDGER')]);
  const perEvent = (value: number): string => (value / events).toFixed(value / events < 10 ? 2 : 0);
  const memory = (samples.get('process_resident_memory_bytes') ?? 0) / 2 ** 20;
  console.log(
    [
      `${events} events, ${orgs} organizations, ${group === events ? 'a backlog' : `in groups of ${group}`}`,
      `AUDIT ${perEvent(audit.state.bytes)} B an event`,
      `LEDGER ${perEvent(ledger.state.bytes)} B an event`,
      `${perEvent(ledger.state.messages)} blocks an event`,
      `memory ${memory.toFixed(0)} MiB with ${samples.get('waybill_chains_loaded')} chains (${(atRest / 2 ** 20).toFixed(0)} MiB at rest)`,
      counted === null ? 'syncs not counted' : `${perEvent(counted)} syncs an event`,
    ].join('; '),
  );
  await waybill.stop();
  await nc.close();
}

interface Waybill {
  metrics(): Promise<Map<string, number>>;
  /** The metrics, once the watermark is there. */
  reached(watermark: number): Promise<Map<string, number>>;
  stop(): Promise<void>;
}

async function startWaybill(url: string): Promise<Waybill> {
  const heap = process.execArgv.filter((arg) => arg !== '--conditions=source');
  const child = spawn(process.execPath, ['--conditions=source', ...heap, CLI, 'serve'], {
    env: { ...process.env, WAYBILL_NATS_URL: url, WAYBILL_HTTP_PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  let log = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (log.length < 100_000) log += text;
  });
  while (!/"url":"([^"]+)"/.test(log)) await pause(10);
  const at = /"url":"([^"]+)"/.exec(log)?.[1];

  async function metrics(): Promise<Map<string, number>> {
    const text = await (await fetch(`${at}/metrics`)).text();
    return new Map([...text.matchAll(/^([a-z_]+) (\S+)$/gm)].map(([, name, value]) => [name as string, Number(value)]));
  }

  return {
    metrics,
    async reached(watermark) {
      for (;;) {
        const now = await metrics();
        if ((now.get('waybill_watermark') ?? 0) >= watermark) return now;
        await pause(2);
      }
    },
    async stop() {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

/** @returns what ends the counting; null where there is no strace */
async function countSyncs(pid: number | undefined): Promise<() => Promise<number | null>> {
  const tracer = spawn('strace', ['-f', '-e', 'trace=fsync,fdatasync', '-p', String(pid)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exited = once(tracer, 'exit').catch(() => undefined);
  const spawned = await once(tracer, 'spawn').then(
    () => true,
    () => false,
  );
  if (!spawned) return () => Promise.resolve(null);
  let count = 0;
  let attached = '';
  tracer.stderr.setEncoding('latin1').on('data', (text: string) => {
    if (attached.length < 1_000) attached += text;
    count += text.split('sync(').length - 1;
  });
  while (!attached.includes('attached') && tracer.exitCode === null) await pause(10);
  return async () => {
    tracer.kill('SIGINT');
    await exited;
    return attached.includes('attached') ? count : null;
  };
}
