import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { type Settings, verifyLedger } from '@waybill/consumer';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { billedLoad } from '../support/billed-load.ts';
import { caughtUp } from '../support/check-ledger.ts';
import { needsOwnServer, startNats, type TestNats } from '../support/nats.ts';
import { makeStreams } from '../support/traffic.ts';
import { until } from '../support/until.ts';
import { environmentOf, serve } from '../support/waybill.ts';

/**
 * Damage in the files of a server without replicas, which says nothing about it. The promise: what is lost or
 * changed by it is named, by `waybill verify --all` or by a consumer that refuses to write; never silently accepted.
 */

beforeEach(needsOwnServer);

/** What a case ends with: the streams as they were, or the damage by name. */
interface Outcome {
  readonly lost: number;
  readonly named: string;
}

function filesOf(server: TestNats, stream: string): string {
  return join(server.storeDir, 'jetstream/$G/streams', stream, 'msgs');
}

function flipBit(server: TestNats, stream: string, at: number): void {
  const folder = filesOf(server, stream);
  const block = readdirSync(folder)
    .filter((name) => name.endsWith('.blk'))
    .toSorted()[0] as string;
  const path = join(folder, block);
  const bytes = readFileSync(path);
  const position = Math.floor(statSync(path).size * at);
  bytes[position] = (bytes[position] as number) ^ 0x10;
  writeFileSync(path, bytes);
}

/** How many messages cannot be read any more; the server's own count of them does not say. */
async function countLost(nc: NatsConnection, stream: string, before: number): Promise<number> {
  const manager = await jetstreamManager(nc);
  let lost = 0;
  for (let seq = 1; seq <= before; seq++) {
    if ((await manager.streams.getMessage(stream, { seq })) === null) lost++;
  }
  return lost;
}

async function verdict(nc: NatsConnection, settings: Settings): Promise<{ ok: boolean; named: string }> {
  const report = await verifyLedger(nc, settings, { waitMs: 0 });
  const problems = [
    ...report.ledger.problems,
    ...report.audit.problems.map(({ seq, kind, detail }) => `AUDIT ${seq} ${kind}: ${detail}`),
    ...report.chains.flatMap(({ orgid, problem }) => (problem ? [`${orgid} ${problem.seq}: ${problem.detail}`] : [])),
  ];
  const behind = report.audit.behind > 0 ? [`${report.audit.behind} AUDIT messages in no chain`] : [];
  return { ok: report.verdict === 'ok', named: `${report.verdict}: ${[...problems, ...behind][0] ?? 'nothing'}` };
}

const DAMAGE = ['bit flipped', 'index.db removed', 'both'] as const;

test.for(['auditStream', 'ledgerStream'] as const)('files of the %s', async (which) => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const stream = settings[which];
  await using load = billedLoad({ url: server.url, settings });
  const consumer = serve(environmentOf(server.url, settings));
  for (let rounds = 0; rounds < 20; rounds++) {
    load.emit(100);
    await load.publisher.flush();
    await caughtUp(nc, settings);
  }
  await load.finish();
  // It says in each chain that it has closed, which the consumer has to chain, too.
  await load.publisher.close();
  await caughtUp(nc, settings);
  expect(await consumer.terminate()).toBe(0);
  const before = (await (await jetstreamManager(nc)).streams.info(stream)).state.messages;
  await nc.close();
  await server.stop();
  const kept = readAll(filesOf(server, stream));

  const outcomes: string[] = [];
  for (const damage of DAMAGE) {
    for (const at of damage === 'index.db removed' ? [0] : [0.01, 0.3, 0.6, 0.99]) {
      writeAll(filesOf(server, stream), kept);
      if (damage !== 'index.db removed') flipBit(server, stream, at);
      if (damage !== 'bit flipped') rmSync(join(filesOf(server, stream), 'index.db'));
      const { lost, named } = await outcome();
      outcomes.push(`${which} ${damage} at ${at * 100} %: ${lost} of ${before} lost; ${named}`);
    }
  }
  console.log(outcomes.join('\n'));

  async function outcome(): Promise<Outcome> {
    await server.restart();
    const own = await server.connect();
    const lost = await countLost(own, stream, before);
    const { ok, named } = await verdict(own, settings);
    // Without a loss there must be no alarm, either.
    expect(ok, `${lost} lost; ${named}`).toBe(lost === 0);
    // A consumer that is started on it may mend what AUDIT still has; if it does not refuse, all must be well again.
    const restarted = serve(environmentOf(server.url, settings));
    const refusal = /LEDGER_DAMAGED|STREAM_RESET/;
    const settled = await until('the consumer to write or to refuse', () =>
      /"msg":"writing"/.test(restarted.log) || refusal.test(restarted.log) ? restarted : null,
    );
    if (!refusal.test(settled.log) && lost > 0 && which === 'ledgerStream') await caughtUp(own, settings);
    await restarted.kill9();
    const after = await verdict(own, settings);
    const mended = after.ok && which === 'ledgerStream';
    // What AUDIT lost cannot come back.
    expect(lost > 0 && which === 'auditStream' && after.ok, after.named).toBe(false);
    const reaction = refusal.exec(settled.log)?.[0] ?? (lost > 0 && mended ? 'chained again from AUDIT' : 'goes on');
    await own.close();
    await server.stop();
    return { lost, named: `${named.slice(0, 120)}; consumer: ${reaction}` };
  }
});

function readAll(folder: string): Map<string, Buffer> {
  return new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))]));
}

function writeAll(folder: string, files: ReadonlyMap<string, Buffer>): void {
  rmSync(folder, { recursive: true });
  mkdirSync(folder);
  for (const [name, bytes] of files) writeFileSync(join(folder, name), bytes);
}
