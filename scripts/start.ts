/**
 * `npm start`: the whole path over real files, and the proof that nothing was lost or doubled on it.
 *
 *     clients → artifact-store → publisher → AUDIT → waybill serve → LEDGER → usage, verify
 *
 * Exits 0 only if the bill of every organization equals what the clients counted, and the verdict of a full
 * verification is `ok`. `npm run serve` (`--serve`) leaves everything running after that.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  type LedgerReport,
  openConnection,
  readConfig,
  type UsageReport,
  usageOfAll,
  verifyLedger,
} from '@waybill/consumer';
import type { Publisher } from '@waybill/publisher';
import { listArtifacts } from './start/artifacts.ts';
import { runClients } from './start/clients.ts';
import { type Installation, startInstallation } from './start/installation.ts';
import { createStatusLine } from './start/status-line.ts';
import { createTally, type Tally } from './start/tally.ts';
import { grouped, usageTable } from './start/usage-table.ts';

const NODE_MODULES = fileURLToPath(new URL('../node_modules', import.meta.url));
/** The clients wait while more events than this wait for their acknowledgement: on a slow disk, the time goes here. */
const MAX_PENDING = 2_000;
/** How long to wait for the server or the consumer when nothing goes on. */
const STALLED_MS = 30_000;

const { values } = parseArgs({
  options: { serve: { type: 'boolean', default: false }, seconds: { type: 'string', default: '15' } },
});
const { say, show } = createStatusLine(process.stderr);
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort(new Interrupted(signal)));

class Interrupted extends Error {}

try {
  process.exitCode = await main();
} catch (error) {
  if (error instanceof Interrupted) {
    say(`stopped by ${error.message}`);
    process.exitCode = error.message === 'SIGINT' ? 130 : 143;
  } else {
    say(`FAILED: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}

async function main(): Promise<number> {
  const started = performance.now();
  await using installation = await startInstallation(say);
  const { consumer } = installation;
  const interrupted = new Promise<never>((_, reject) => {
    const onStop = (): void => reject(stop.signal.reason as Error);
    if (stop.signal.aborted) onStop();
    stop.signal.addEventListener('abort', onStop);
  });
  const code = await Promise.race([demonstrate(installation), consumer.failed, interrupted]);
  say(`${((performance.now() - started) / 1000).toFixed(1)} s in all`);
  if (code !== 0 || !values.serve) return code;
  explain(installation);
  await Promise.race([consumer.failed, interrupted.catch(() => undefined)]);
  say('stopping');
  return 0;
}

async function demonstrate({ store, audit, consumer, auditor }: Installation): Promise<number> {
  const artifacts = await listArtifacts(NODE_MODULES);
  say(`clients         put ${grouped(artifacts.length)} files of node_modules, some of them twice, and get some back`);
  const tally = createTally();
  const started = performance.now();
  const done = await runClients({
    url: store.url,
    artifacts,
    tally,
    durationMs: Number(values.seconds) * 1000,
    signal: stop.signal,
    pace: () => hasRoom(audit),
    onProgress: (n) =>
      show(() => `${grouped(n)} of ${grouped(artifacts.length)} files, ${grouped(tally.requests)} requests`),
  });
  const seconds = (performance.now() - started) / 1000;
  say(`                ${grouped(tally.requests)} requests for ${grouped(done)} files in ${seconds.toFixed(1)} s`);

  if (!(await audit.flush({ timeoutMs: STALLED_MS }))) throw notStored(audit);
  await ledgerReaches(audit.stats().acked, consumer);

  const { nats, settings } = readConfig(auditor);
  const nc = await openConnection(nats);
  try {
    const usage = await usageOfAll(nc, settings);
    const report = await verifyLedger(nc, settings, {
      onProgress: ({ phase, done, total }) => show(() => `verifying: ${phase} ${grouped(done)} of ${grouped(total)}`),
    });
    return conclude(tally, usage, report);
  } finally {
    await nc.close();
  }
}

async function hasRoom(audit: Publisher): Promise<void> {
  const untilMs = performance.now() + STALLED_MS;
  while (audit.stats().pending > MAX_PENDING) {
    if (performance.now() > untilMs) throw notStored(audit);
    await delay(5, undefined, { signal: stop.signal });
  }
}

function notStored(audit: Publisher): Error {
  const { state, reason = 'connected, but no acknowledgement comes' } = audit.status();
  return new Error(`${audit.stats().pending} events are not stored; the publisher is ${state}: ${reason}`);
}

/** @param seq AUDIT was empty when this began, so its last sequence number is the number of events */
async function ledgerReaches(seq: number, consumer: Installation['consumer']): Promise<void> {
  let last = -1;
  let since = performance.now();
  for (;;) {
    const watermark = await consumer.watermark();
    if (watermark >= seq) return;
    if (watermark !== last) since = performance.now();
    last = watermark;
    show(() => `the ledger is at event ${grouped(watermark)} of ${grouped(seq)}`);
    if (performance.now() - since > STALLED_MS)
      throw new Error(`the ledger stands still at event ${watermark} of ${seq}`);
    await delay(20, undefined, { signal: stop.signal });
  }
}

function conclude(tally: Tally, { organizations, sum }: UsageReport, report: LedgerReport): number {
  say('');
  for (const line of usageTable(organizations, sum)) console.log(line);
  const differences = tally.differences(organizations);
  const { verdict, chains, ledger, audit } = report;
  console.log('');
  console.log(
    differences.length === 0
      ? `usage: equal to what the clients counted, to the byte, for each of ${organizations.length} organizations`
      : `usage: ${differences.length} numbers are NOT what the clients counted`,
  );
  for (const line of differences) console.log(`  ${line}`);
  console.log(
    `verdict: ${verdict}; ${grouped(ledger.entries)} entries in ${chains.length} chains, ` +
      `${grouped(audit.compared)} messages of ${audit.stream} compared`,
  );
  for (const { orgid, problem, missing } of chains) {
    if (problem) console.log(`  ${orgid}: at ${problem.seq}: ${problem.detail}`);
    if (missing !== '0') console.log(`  ${orgid}: ${missing} events never arrived`);
  }
  for (const problem of ledger.problems) console.log(`  ${problem}`);
  for (const { seq, detail } of audit.problems) console.log(`  message ${seq} of ${audit.stream}: ${detail}`);
  return differences.length === 0 && verdict === 'ok' ? 0 : 1;
}

function explain({ server, store, consumer, auditor }: Installation): void {
  const variables = Object.entries(auditor).map(([name, value]) => `export ${name}=${value}`);
  console.log(`
Everything keeps running until Ctrl-C:

  nats-server     ${server.url}
  consumer        ${consumer.url}/status
  artifact-store  ${store.url}

Put a file, put it again (skipped), get it back:

  digest=sha256:$(sha256sum README.md | cut -d' ' -f1)
  curl -T README.md -H 'x-organization: acme' -H 'x-actor: me' ${store.url}/cas/$digest
  curl -T README.md -H 'x-organization: acme' -H 'x-actor: me' ${store.url}/cas/$digest
  curl -o /dev/null -H 'x-organization: acme' -H 'x-actor: me' ${store.url}/cas/$digest

See it billed, verified and replayed, as the auditor, who may only read:

  ${variables.join('\n  ')}
  npm run --silent waybill -- usage --org acme
  npm run --silent waybill -- usage --all
  npm run --silent waybill -- verify --all
  npm run --silent waybill -- replay --org acme > acme.ndjson
  npm run --silent waybill -- verify --file acme.ndjson
`);
}
