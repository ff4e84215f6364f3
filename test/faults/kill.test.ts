import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import type { Settings } from '@waybill/consumer';
import { artifactDownloaded, artifactUploaded, createPublisher, type Publisher } from '@waybill/publisher';
import { beforeEach, expect, test } from 'vitest';
import { caughtUp, checkLedger } from '../support/check-ledger.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { createCount, digestOf, makeStreams } from '../support/traffic.ts';
import { until } from '../support/until.ts';
import { environmentOf, serve, waybill } from '../support/waybill-process.ts';

beforeEach(needsOwnServer);

/** Emits one made-up transfer and counts it. */
function emitter(publisher: Publisher, count: ReturnType<typeof createCount>): (i: number) => void {
  return (i) => {
    const orgid = `org-${(i * i) % 37}`;
    const bytes = (i * 7919) % 1_000_003;
    const kind = (['upload', 'download', 'deduplicated'] as const)[i % 3] ?? 'upload';
    const data = { orgid, digest: digestOf(String(i)), size_bytes: bytes };
    publisher.emit(
      kind === 'download' ? artifactDownloaded(data) : artifactUploaded({ ...data, skipped: kind === 'deduplicated' }),
    );
    count.add({ orgid, kind, bytes });
  };
}

async function emitted(publisher: Publisher, expected: number): Promise<void> {
  await publisher.flush({ timeoutMs: 120_000 });
  expect(publisher.stats()).toMatchObject({ emitted: expected, acked: expected, pending: 0 });
}

/** The bill of every organization by the command, beside the emitter's own count. */
async function expectBillToEqual(
  url: string,
  settings: Settings,
  count: ReturnType<typeof createCount>,
): Promise<void> {
  const usage = await waybill(['usage', '--all', '--format', 'json'], environmentOf(url, settings));
  expect(usage.stderr).toBe('');
  const { organizations } = JSON.parse(usage.stdout) as { organizations: Record<string, unknown>[] };
  const bill = new Map(
    organizations.map(({ orgid, events, uploads, downloads, deduplicated }) => [
      orgid,
      { events, uploads, downloads, deduplicated },
    ]),
  );
  expect(bill).toEqual(count.totals());
  const verdict = await waybill(['verify', '--all', '--json'], environmentOf(url, settings));
  expect(JSON.parse(verdict.stdout)).toMatchObject({ verdict: 'ok' });
  expect(verdict.code).toBe(0);
}

async function ledgerSize(nc: NatsConnection, settings: Settings): Promise<number> {
  const { state } = await (await jetstreamManager(nc)).streams.info(settings.ledgerStream);
  return state.last_seq;
}

test(
  'kill -9 of the consumer, three times in the middle of 100,000 events: the bill is exact',
  { timeout: 240_000 },
  async () => {
    const EVENTS = 100_000;
    await using server = await startNats();
    const nc = await server.connect();
    const settings = await makeStreams(nc);
    const environment = environmentOf(server.url, settings);
    await using publisher = createPublisher({
      source: '//test',
      servers: server.url,
      subjectPrefix: settings.auditPrefix,
    });
    const count = createCount();
    const emit = emitter(publisher, count);

    let made = 0;
    for (let kills = 0; kills < 3; kills++) {
      await using consumer = serve(environment);
      const before = await ledgerSize(nc, settings);
      const target = ((kills + 1) * EVENTS) / 4;
      await until('the consumer to be in the middle of its work', async () => {
        for (let i = 0; i < 2_000 && made < target && publisher.stats().pending < 10_000; i++) emit(made++);
        return made >= target && (await ledgerSize(nc, settings)) > before + 100;
      });
      await consumer.kill9();
    }
    await using consumer = serve(environment);
    await until('all to be emitted', () => {
      for (let i = 0; i < 2_000 && made < EVENTS && publisher.stats().pending < 10_000; i++) emit(made++);
      return made === EVENTS;
    });
    await emitted(publisher, EVENTS);
    await caughtUp(nc, settings);
    const code = await consumer.terminate();
    expect(code, consumer.log).toBe(0);

    expect((await checkLedger(nc, settings)).totals).toEqual(count.totals());
    await expectBillToEqual(server.url, settings, count);
  },
);

test(
  'kill -9 of the server while emitting, with every message synced to disk: nothing is lost or doubled',
  { timeout: 240_000 },
  async () => {
    await using server = await startNats({ syncAlways: true });
    const settings = await makeStreams(await server.connect());
    const environment = environmentOf(server.url, settings);
    await using consumer = serve(environment);
    await using publisher = createPublisher({
      source: '//test',
      servers: server.url,
      subjectPrefix: settings.auditPrefix,
      backoffMaxMs: 500,
    });
    const count = createCount();
    const emit = emitter(publisher, count);

    let made = 0;
    const emitSome = (): void => {
      for (let i = 0; i < 500 && publisher.stats().pending < 5_000; i++) emit(made++);
    };
    for (let kills = 0; kills < 3; kills++) {
      const { acked } = publisher.stats();
      await until('some to be acknowledged', () => {
        emitSome();
        return publisher.stats().acked > acked + 2_000;
      });
      await server.kill9();
      emitSome();
      await server.restart();
    }
    emitSome();
    await emitted(publisher, made);
    const nc = await server.connect();
    await caughtUp(nc, settings);
    const code = await consumer.terminate();
    expect(code, consumer.log).toBe(0);

    expect((await checkLedger(nc, settings)).totals).toEqual(count.totals());
    await expectBillToEqual(server.url, settings, count);
  },
);
