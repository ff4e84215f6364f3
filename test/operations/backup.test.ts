/** The drill of docs/guides/operator.md, "Backup and restore": the documented steps on real servers, under load. */
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { DEFAULT_SETTINGS } from '@waybill/consumer';
import { beforeEach, expect, test } from 'vitest';
import { caughtUp, checkLedger, readStream } from '../support/check-ledger.ts';
import { needsOwnServer, startNats, type TestNats } from '../support/nats.ts';
import { backUp, restore } from '../support/stream-backup.ts';
import { artifactEvent, createCount, publishAll } from '../support/traffic.ts';
import { serve, waybill, waybillProcess } from '../support/waybill.ts';

beforeEach(needsOwnServer);

const environment = (url: string) => ({ WAYBILL_NATS_URL: url }) as const;

function createLoad(nc: NatsConnection) {
  const count = createCount();
  let made = 0;
  return {
    count,
    async publish(events: number): Promise<void> {
      const fields = Array.from({ length: events }, () => {
        const i = made++;
        return { orgid: `org-${i % 7}`, kind: (['upload', 'download'] as const)[i % 2] ?? 'upload', bytes: i };
      });
      for (const one of fields) count.add(one);
      await publishAll(
        nc,
        fields.map((one) => artifactEvent(DEFAULT_SETTINGS, one)),
      );
    },
  };
}

/** Publishes until what it is given is over. */
async function underLoad<T>(load: ReturnType<typeof createLoad>, work: () => Promise<T>): Promise<T> {
  let over = false;
  const working = work().finally(() => {
    over = true;
  });
  while (!over) await load.publish(200);
  return working;
}

/** `waybill head --all --json` as arguments of `waybill verify --all`. */
async function notedHeads(url: string): Promise<string[]> {
  const { stdout } = await waybill(['head', '--all', '--json'], environment(url));
  return (JSON.parse(stdout) as { orgid: string; seq: number; hash: string }[]).flatMap(({ orgid, seq, hash }) => [
    '--expect',
    `${orgid}:${seq}:${hash}`,
  ]);
}

async function verified(url: string, heads: readonly string[]): Promise<{ code: number | null; stdout: string }> {
  return waybill(['verify', '--all', ...heads], environment(url));
}

test('LEDGER backed up first, AUDIT second, under load: nothing is lost, and every noted head holds', async () => {
  await using old = await startNats();
  const nc = await old.connect();
  await using serving = serve(environment(old.url));
  const deployed = await waybill(['deploy'], environment(old.url));
  expect(deployed.code).toBe(0);
  const load = createLoad(nc);
  await load.publish(2_000);
  await caughtUp(nc, DEFAULT_SETTINGS);

  const ledger = await underLoad(load, () => backUp(nc, 'LEDGER'));
  await load.publish(1_000);
  await caughtUp(nc, DEFAULT_SETTINGS);
  // Of entries that the backup of LEDGER has not, and that of AUDIT will have the events of.
  const heads = await notedHeads(old.url);
  const counted = load.count.totals();
  const audit = await underLoad(load, () => backUp(nc, 'AUDIT'));
  await serving.terminate();

  await using fresh = await startNats();
  const there = await fresh.connect();
  await restore(there, ledger);
  await restore(there, audit);
  await using again = serve(environment(fresh.url));
  await caughtUp(there, DEFAULT_SETTINGS);
  const { totals } = await checkLedger(there, DEFAULT_SETTINGS);
  for (const [orgid, { events }] of counted)
    expect(Number(totals.get(orgid)?.events)).toBeGreaterThanOrEqual(Number(events));
  expect(await verified(fresh.url, heads)).toMatchObject({ code: 0 });
  // And it goes on.
  const more = createLoad(there);
  await more.publish(100);
  await caughtUp(there, DEFAULT_SETTINGS);
  expect(await again.terminate()).toBe(0);
  expect(await verified(fresh.url, heads)).toMatchObject({ code: 0 });
});

const BACKED_UP = 1_000;
const CHAINED = 1_500;

/** Restored on a fresh server: a ledger whose last events AUDIT has lost. */
async function restoredTooOld(): Promise<{ fresh: TestNats; nc: NatsConnection; heads: string[] }> {
  await using old = await startNats();
  const nc = await old.connect();
  await waybill(['deploy'], environment(old.url));
  await using serving = serve(environment(old.url));
  const load = createLoad(nc);
  await load.publish(BACKED_UP);
  const audit = await backUp(nc, 'AUDIT');
  await load.publish(CHAINED - BACKED_UP);
  await caughtUp(nc, DEFAULT_SETTINGS);
  const ledger = await backUp(nc, 'LEDGER');
  const heads = await notedHeads(old.url);
  await serving.terminate();

  const fresh = await startNats();
  const there = await fresh.connect();
  await restore(there, ledger);
  await restore(there, audit);
  return { fresh, nc: there, heads };
}

/**
 * As documented: the ledger has every event that the restored AUDIT has, so a stream that begins behind it takes its
 * place.
 */
async function beginBehindTheLedger(nc: NatsConnection, url: string): Promise<void> {
  const request = {
    name: 'AUDIT',
    subjects: ['audit.>'],
    retention: 'limits',
    storage: 'file',
    first_seq: CHAINED + 1,
  };
  await (await jetstreamManager(nc)).streams.delete('AUDIT');
  await nc.request('$JS.API.STREAM.CREATE.AUDIT', JSON.stringify(request));
  expect(await waybill(['deploy'], environment(url))).toMatchObject({ code: 0, stderr: '' });
}

test('AUDIT older than LEDGER: refused; with a stream that begins behind the ledger it goes on', async () => {
  const { fresh, nc, heads } = await restoredTooOld();
  await using server = fresh;
  const refused = await waybillProcess(['serve'], environment(server.url));
  expect(refused.code).toBe(65);
  expect(refused.stderr).toContain(
    `stream AUDIT ends at ${BACKED_UP}, but the ledger has its messages up to ${CHAINED}`,
  );
  const before = await verified(server.url, heads);
  expect(before.code).toBe(1);
  expect(before.stdout).toContain(`a block claims AUDIT up to message ${CHAINED}, and it ends at ${BACKED_UP}`);

  await beginBehindTheLedger(nc, server.url);
  await using serving = serve(environment(server.url));
  await createLoad(nc).publish(100);
  await caughtUp(nc, DEFAULT_SETTINGS);
  expect(await serving.terminate()).toBe(0);
  const after = await verified(server.url, heads);
  expect(after.code).toBe(0);
  expect(after.stdout).toContain(`AUDIT: 100 messages compared with the chains, from ${CHAINED + 1} on`);
  expect(await endOf(nc, 'AUDIT')).toBe(CHAINED + 100);
});

test('AUDIT older than LEDGER, and producers were faster: what they published under used numbers is not passed over', async () => {
  const { fresh, nc, heads } = await restoredTooOld();
  await using server = fresh;
  await createLoad(nc).publish(600);
  const refused = await waybillProcess(['serve'], environment(server.url));
  expect(refused.code).toBe(65);
  expect(refused.stderr).toMatch(
    /stream AUDIT, message 1500: it was stored later \(.*\) than entry \d+ of org-\d says, and the ledger has its messages up to 1500/,
  );
  expect((await verified(server.url, heads)).code).toBe(1);

  const late = (await readStream(nc, 'AUDIT')).filter(({ seq }) => seq > BACKED_UP);
  await beginBehindTheLedger(nc, server.url);
  for (const { subject, text } of late) await nc.request(subject, text);
  await using serving = serve(environment(server.url));
  await caughtUp(nc, DEFAULT_SETTINGS);
  expect(await serving.terminate()).toBe(0);
  expect((await verified(server.url, heads)).code).toBe(0);
  expect(await endOf(nc, 'AUDIT')).toBe(CHAINED + 600);
});

async function endOf(nc: NatsConnection, stream: string): Promise<number> {
  return (await (await jetstreamManager(nc)).streams.info(stream)).state.last_seq;
}
