/** A stream of events that somebody else owns, as Chainloop's: read and nothing else, whatever its owner does to it. */
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import {
  type Consumer,
  deployStreams,
  type Settings,
  startConsumer,
  usage,
  type UsageNotice,
  verifyLedger,
} from '@waybill/consumer';
import { SYSTEM_CHAIN } from '@waybill/schema/internal';
import { expect, test } from 'vitest';
import { type CheckedLedger, checkLedger } from '../support/check-ledger.ts';
import { startNats } from '../support/nats.ts';
import { boundSettings, chainloopTraffic, ownerStream } from '../support/chainloop-owner.ts';
import { logger } from '../support/logger.ts';
import { publishAll } from '../support/traffic.ts';
import { until } from '../support/until.ts';
import { environmentOf, serve, waybill } from '../support/waybill.ts';

const FAST = { logger, bind: true, restartMs: 10, takeoverMs: 200, ackTimeoutMs: 2_000 };

/** Records of `_system` that open an epoch. */
function epochsOf(ledger: CheckedLedger) {
  return ledger
    .entries(SYSTEM_CHAIN)
    .flatMap(({ core, event }) =>
      event?.['kind'] === 'epoch' ? [{ ...event, watermark: Number(event['watermark']), seq: core.source.seq }] : [],
    );
}

const stored = async (nc: NatsConnection, { auditStream }: Settings) =>
  (await (await jetstreamManager(nc)).streams.info(auditStream)).state.last_seq;

/** Waits until the stream as it is now is chained. */
async function chained(nc: NatsConnection, settings: Settings, consumer: Consumer, epoch: number): Promise<void> {
  const last = await stored(nc, settings);
  await until(`message ${last} of epoch ${epoch}`, () => consumer.status().watermark === epoch * 1e12 + last);
}

test('deleted and made anew under load: a new epoch, nothing twice, nothing collides, and all verifies', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const owner = await ownerStream(await server.connect());
  const settings = boundSettings(owner.config);
  await deployStreams(nc, { ...settings, bind: true });
  await using consumer = await startConsumer({ nc, ...settings, ...FAST });

  const first = chainloopTraffic(settings, 2_000);
  await publishAll(nc, first.events);
  await chained(nc, settings, consumer, 1);
  // Ten more, of which the consumer may get some before the stream is gone.
  const lost = chainloopTraffic(settings, 10);
  await publishAll(nc, lost.events);
  await owner.remove();
  await until('the consumer to say so', () => consumer.status().role === 'waiting');
  expect(consumer.status().lastError).toContain(`stream ${settings.auditStream}: there is no such stream`);
  // A bill can be asked for meanwhile, and says why it is not final.
  const past = new Date(Date.now() - 1).toISOString();
  const notices: UsageNotice[] = [];
  const bill = await usage(nc, settings, { orgid: 'acme', to: past, onNotice: (notice) => notices.push(notice) });
  expect(bill.final).toBe(false);
  expect(notices).toEqual([
    {
      kind: 'not_final',
      reason: `stream ${settings.auditStream} is not there: nobody can say whether it had more`,
    },
  ]);
  await owner.create();
  const second = chainloopTraffic(settings, 3_000);
  await publishAll(nc, second.events);
  await chained(nc, settings, consumer, 2);
  expect(consumer.status()).toMatchObject({ role: 'writer', epoch: 2, lag: 0 });
  await consumer.close();

  const ledger = await checkLedger(nc, settings);
  const epochs = epochsOf(ledger);
  expect(epochs).toMatchObject([
    { epoch: 1, seq: 1e12, stream: settings.auditStream, first: 1, watermark: 0 },
    { epoch: 2, seq: 2e12, stream: settings.auditStream, first: 1 },
  ]);
  expect(epochs[1]?.watermark).toBeGreaterThanOrEqual(1e12 + 2_000);
  const kept = (epochs[1]?.watermark ?? 0) - 1e12 - 2_000;
  const events = [...ledger.totals.values()].reduce((sum, { events: n }) => sum + Number(n), 0);
  expect(events).toBe(5_000 + kept);
  for (const [orgid, { uploads, downloads }] of ledger.totals) {
    const bytes = first.bytes(orgid) + lost.bytes(orgid, kept) + second.bytes(orgid);
    expect(BigInt(uploads.bytes) + BigInt(downloads.bytes), orgid).toBe(BigInt(bytes));
  }
  const report = await verifyLedger(nc, settings, { bind: true });
  expect(report).toMatchObject({
    verdict: 'ok',
    audit: { epoch: 2, earlier: 2_000 + kept, from: 1, to: 3_000, compared: 3_000, behind: 0, problem_count: 0 },
  });
  const [orgid = ''] = ledger.totals.keys();
  expect(await usage(nc, settings, { orgid, to: new Date(Date.now() - 1).toISOString() })).toMatchObject({
    final: true,
  });
  expect(owner.config).toEqual((await (await jetstreamManager(nc)).streams.info(settings.auditStream)).config);
});

test('what was read when the stream went is chained: it is nowhere else any more', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const owner = await ownerStream(await server.connect());
  const settings = boundSettings(owner.config);
  await deployStreams(nc, { ...settings, bind: true });
  await publishAll(nc, chainloopTraffic(settings, 500).events);
  await using consumer = await startConsumer({ nc, ...settings, ...FAST, maxOpenEntries: 1 });
  // One commit for each message; all of them arrive together.
  await until('a hundred commits', () => consumer.status().commits >= 100);
  await owner.remove();
  await until('the consumer to wait', () => consumer.status().role === 'waiting');
  await owner.create();
  await until('the next epoch', () => consumer.status().epoch === 2);
  await consumer.close();
  expect(epochsOf(await checkLedger(nc, settings))).toMatchObject([{ epoch: 1 }, { watermark: 1e12 + 500 }]);
});

test('`waybill serve` bound to a stream that is deleted and made anew twice while events pour in', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const owner = await ownerStream(await server.connect());
  const settings = boundSettings(owner.config);
  await owner.remove();
  const environment = { ...environmentOf(server.url, settings), WAYBILL_STREAM_MODE: 'bind' };
  await using serving = serve(environment);
  await until('it to wait', () => serving.log.includes('there is no such stream: waiting'));

  // As Chainloop does, events go on being published whether or not there is a stream.
  const { events } = chainloopTraffic(settings, 20_000);
  const js = jetstream(nc);
  let next = 0;
  let acked = 0;
  let stop = false;
  async function pour(): Promise<void> {
    while (!stop) {
      const { subject, payload } = events[next++ % events.length] ?? { subject: '', payload: '' };
      await js.publish(subject, payload).then(
        () => acked++,
        () => new Promise((resolve) => setImmediate(resolve)),
      );
    }
  }
  const pouring = Array.from({ length: 20 }, pour);
  for (let round = 0; round < 3; round++) {
    await owner.create();
    await until('the consumer to have met it', () => serving.log.split('"writing"').length === round + 2);
    const before = acked;
    await until('a thousand events', () => acked > before + 1_000);
    if (round < 2) await owner.remove();
  }
  stop = true;
  await Promise.all(pouring);

  const verdict = await waybill(['verify', '--all', '--json', '--wait', '30'], environment);
  const last = await stored(nc, settings);
  expect(JSON.parse(verdict.stdout)).toMatchObject({
    verdict: 'ok',
    audit: { epoch: 3, from: 1, to: last, compared: last, behind: 0, problem_count: 0 },
  });
  expect(verdict.code).toBe(0);
  expect((await waybill(['verify', '--all'], environment)).stdout).toMatch(
    /is the stream of epoch 3: \d+ entries are of streams before it, which are gone, and were not compared/,
  );
  expect(await serving.terminate()).toBe(0);
  const ledger = await checkLedger(nc, settings);
  expect(epochsOf(ledger).map(({ seq }) => seq)).toEqual([1e12, 2e12, 3e12]);
  const chainedEvents = [...ledger.totals.values()].reduce((sum, { events: n }) => sum + Number(n), 0);
  expect(chainedEvents).toBeLessThanOrEqual(acked);
  // What was read when its stream went is in the ledger, although nothing else has it any more.
  console.log(
    `bound to three streams: ${acked} events stored, ${acked - chainedEvents} of them gone before they were read`,
  );
});
