import { jetstreamManager } from '@nats-io/jetstream';
import { startConsumer } from '@waybill/consumer';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { billedLoad } from '../support/billed-load.ts';
import { logger } from '../support/logger.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { makeStreams } from '../support/traffic.ts';
import { until } from '../support/until.ts';
import { environmentOf, serve } from '../support/waybill.ts';

/** The promise: what is full refuses and says so; nothing is lost, and all goes on once there is room. */

beforeEach(needsOwnServer);

const MiB = 1024 * 1024;

test('LEDGER is full', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const manager = await jetstreamManager(nc);
  await manager.streams.update(settings.ledgerStream, { max_bytes: MiB });
  await using consumer = await startConsumer({ nc, logger, ...settings });
  await using load = billedLoad({ url: server.url, settings });
  await until('the limit', () => {
    load.emit(200, 1_000);
    return consumer.status().lastError?.includes('maximum bytes');
  });
  const { watermark, lastError } = consumer.status();
  load.emit(2_000);
  await load.publisher.flush();
  expect(consumer.status().role).not.toBe('closed');
  await manager.streams.update(settings.ledgerStream, { max_bytes: -1 });
  await load.finish();
  await load.expectExactLedger(nc);
  expect(consumer.status().role).toBe('writer');
  console.log(`LEDGER full at ${watermark} events (${lastError}); with room again all ${load.made} are chained once`);
});

test('AUDIT is full', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const manager = await jetstreamManager(nc);
  await manager.streams.update(settings.auditStream, { max_bytes: MiB });
  const spoolDir = mkdtempSync(join(tmpdir(), 'waybill-spool-'));
  try {
    await using consumer = await startConsumer({ nc, logger, ...settings });
    const publisher = { spoolDir, maxQueueEvents: 500, backoffMaxMs: 200 };
    await using load = billedLoad({ url: server.url, settings, publisher });
    await until('the limit', () => {
      load.emit(100, 400);
      const { state, reason } = load.publisher.status();
      return state === 'degraded' && reason?.includes('maximum bytes');
    });
    const spooled = await until('events on disk', () => {
      load.emit(50, 100_000);
      return load.publisher.stats().spooled > 1_000 ? load.publisher.stats().spooled : null;
    });
    await manager.streams.update(settings.auditStream, { max_bytes: -1 });
    await until('everything to be acknowledged', async () => {
      await load.publisher.flush();
      return load.publisher.stats().acked === load.made;
    });
    await load.finish();
    await load.expectExactLedger(nc);
    console.log(`AUDIT full: ${spooled} events waited on disk; with room again all ${load.made} are chained once`);
    expect(consumer.status().conflicts).toBe(0);
  } finally {
    rmSync(spoolDir, { recursive: true });
  }
});

test("the disk under the server's store is full", async ({ skip }) => {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', folder], { stdio: 'pipe' });
  } catch (error) {
    rmSync(folder, { recursive: true });
    skip(`no small file system can be mounted here: ${String(error)}`);
  }
  try {
    await using server = await startNats({ storeDir: join(folder, 'store'), syncAlways: true });
    const settings = await makeStreams(await server.connect());
    await using consumer = serve({ ...environmentOf(server.url, settings), WAYBILL_HTTP_PORT: '0' });
    await using load = billedLoad({ url: server.url, settings, publisher: { backoffMaxMs: 300 } });
    load.emit(2_000);
    await load.publisher.flush();
    await until('the first events to be chained', async () => ((await consumer.status())?.watermark ?? 0) >= 2_000);
    const filler = join(folder, 'filler');
    const { bavail, bsize } = statfsSync(folder);
    writeFileSync(filler, Buffer.alloc(bavail * bsize - 2 * MiB));
    await until('the disk to be full and acknowledgements to end', () => {
      load.emit(200, 5_000);
      return load.publisher.status().state === 'degraded' && load.publisher.stats().pending >= 5_000;
    });
    const { acked } = load.publisher.stats();
    const { reason } = load.publisher.status();
    rmSync(filler);
    // The server switches JetStream off when it cannot write, until it is started again.
    await server.restart();
    await load.finish();
    const nc = await server.connect();
    await load.expectExactLedger(nc);
    expect(await consumer.terminate(), consumer.log).toBe(0);
    await load.expectExactBill();
    console.log(`disk full after ${acked} acknowledged (${reason}); with room again all ${load.made} are chained once`);
  } finally {
    execFileSync('umount', [folder]);
    rmSync(folder, { recursive: true });
  }
});
