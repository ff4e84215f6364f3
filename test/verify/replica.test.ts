/** Answers do not depend on which replica is asked: here by direct gets always a mirror that has lost blocks. */
import { jetstreamManager } from '@nats-io/jetstream';
import { readHead, replay, startConsumer, usage, usageOfAll, verifyLedger } from '@waybill/consumer';
import { expect, test } from 'vitest';
import { caughtUp } from '../support/check-ledger.ts';
import { logger } from '../support/logger.ts';
import { startNats } from '../support/nats.ts';
import { artifactEvent, makeStreams, publishAll } from '../support/traffic.ts';
import { until } from '../support/until.ts';

test('verify, replay, usage and head are right although the replica that answers lacks blocks', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const { ledgerStream, auditStream, auditPrefix } = settings;
  const jsm = await jetstreamManager(nc);
  for (let round = 0; round < 8; round++) {
    // A block for each organization and round.
    await using consumer = await startConsumer({ nc, logger, ...settings });
    const uploads = ['acme', 'bolt'].map((orgid) => artifactEvent(settings, { orgid, kind: 'upload', bytes: round }));
    await publishAll(nc, [...uploads, { subject: `${auditPrefix}.no.event.acme`, payload: 'x', id: String(round) }]);
    await caughtUp(nc, settings);
    await consumer.close();
  }
  const ask = async () => ({
    all: await verifyLedger(nc, settings),
    acme: await verifyLedger(nc, settings, { orgid: 'acme' }),
    system: await verifyLedger(nc, settings, { orgid: '_system' }),
    lines: await collect(replay(nc, settings, { orgid: 'acme' })),
    later: await collect(replay(nc, settings, { orgid: 'acme', fromSeq: 3 })),
    head: await readHead(nc, settings, 'acme'),
    usage: await usage(nc, settings, { orgid: 'acme', to: '2100-01-01' }),
    bill: (await usageOfAll(nc, settings)).organizations,
  });
  const before = await ask();
  expect([before.all.verdict, before.acme.verdict, before.system.verdict]).toEqual(['ok', 'ok', 'ok']);
  // Its events, and what came on its subjects and is none.
  expect([before.lines.length, before.later.length, before.acme.audit.compared]).toEqual([8, 6, 16]);

  for (const stream of [ledgerStream, auditStream]) {
    const name = `M${stream}`;
    await jsm.streams.add({ name, mirror: { name: stream }, mirror_direct: true });
    const { config, state } = await jsm.streams.info(stream);
    await until('the mirror', async () => (await jsm.streams.info(name)).state.last_seq === state.last_seq);
    await jsm.streams.update(stream, { ...config, allow_direct: false });
    await until('the mirror to answer', async () => {
      const answer = await nc.request(`$JS.API.DIRECT.GET.${stream}`, '{"seq":1}');
      return answer.headers?.get('Nats-Stream') === name;
    });
  }
  const { state } = await jsm.streams.info(ledgerStream);
  for (const seq of [2, 3, 9, 10, 11, state.last_seq - 1, state.last_seq])
    await jsm.streams.deleteMessage(`M${ledgerStream}`, seq);
  for (const seq of [4, 22, 23, 24]) await jsm.streams.deleteMessage(`M${auditStream}`, seq);
  const after = await ask();
  expect({ ...after, usage: { ...after.usage, pending: null } }).toEqual({
    ...before,
    usage: { ...before.usage, pending: null },
  });
});

async function collect(batches: AsyncIterable<string[]>): Promise<string[]> {
  const lines: string[] = [];
  for await (const batch of batches) lines.push(...batch);
  return lines;
}
