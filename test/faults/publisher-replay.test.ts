import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { startConsumer } from '@waybill/consumer';
import { createPublisher } from '@waybill/publisher';
import { SYSTEM_CHAIN } from '@waybill/schema/internal';
import { beforeEach, expect, test } from 'vitest';
import { SOURCE } from '../support/publishers.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { caughtUp, checkLedger, readStream } from '../support/check-ledger.ts';
import { startEmitter } from '../support/emitter-process.ts';
import { logger, memoryLogger } from '../support/logger.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { makeStreams } from '../support/traffic.ts';
import { uniqueName } from '../support/unique-name.ts';
import { until } from '../support/until.ts';

beforeEach(needsOwnServer);

const DEDUPE_MS = 200;

/** Waits until the server has forgotten an id that it hears now, in another stream with the same window. */
async function dedupeWindowOver(nc: NatsConnection): Promise<void> {
  const name = `probe_${uniqueName()}`;
  const { streams } = await jetstreamManager(nc);
  await streams.add({ name, subjects: [name], duplicate_window: DEDUPE_MS * 1e6 });
  const isKnown = async () => (await jetstream(nc).publish(name, '', { msgID: 'probe' })).duplicate;
  expect(await isKnown()).toBe(false);
  await until('the dedupe window to be over', async () => !(await isKnown()));
}

test('a spool that is replayed after the dedupe window: each event is chained once', async () => {
  // The promise: what a dead process had sent and not yet deleted comes a second time; however late, it is billed once.
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc, DEDUPE_MS);
  await using _consumer = await startConsumer({ nc, logger, ...settings });
  using dir = temporaryDirectory();
  const common = { servers: server.url, spoolDir: dir.path, subjectPrefix: settings.auditPrefix };
  let returned = 0;
  for (let round = 0; round < 3; round++) {
    await using emitter = startEmitter({ options: { ...common, durability: 'sync' }, perTurn: 2 });
    await until('events to be emitted', () => emitter.returned() > 1_500);
    await emitter.kill9();
    returned += emitter.returned();
  }
  await dedupeWindowOver(nc);
  await using last = createPublisher({ source: SOURCE, logger: memoryLogger(), ...common });
  const adopted = await until('the spools to be delivered', () => {
    const stats = last.stats().spool?.adopted;
    return stats?.scanned === true && stats.segments === 0 ? stats : null;
  });
  await caughtUp(nc, settings);

  const audit = await readStream(nc, settings.auditStream);
  const ids = new Set(audit.map(({ text }) => (JSON.parse(text) as { id: string }).id));
  const ledger = await checkLedger(nc, settings);
  const chained = [...ledger.chains]
    .filter(([orgid]) => orgid !== SYSTEM_CHAIN)
    .flatMap(([orgid]) => ledger.entries(orgid));
  const chainedIds = new Set(chained.map(({ event }) => event?.['id']));
  console.log(
    `${returned} emits returned, ${adopted.found} replayed, ${audit.length} messages stored, ${chained.length} chained`,
  );
  expect(audit.length).toBeGreaterThan(ids.size);
  expect(chainedIds.size).toBe(chained.length);
  expect(chained.length).toBe(ids.size);
  expect(chained.length).toBeGreaterThanOrEqual(returned);
  expect(chained.length).toBeLessThanOrEqual(returned + 3);
});
