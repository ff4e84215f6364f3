import type { NatsConnection } from '@nats-io/nats-core';
import type { Settings } from '@waybill/consumer';
import { beforeEach, expect, test } from 'vitest';
import { billedLoad, type BilledLoad } from '../support/billed-load.ts';
import { type Cluster, startCluster } from '../support/cluster.ts';
import { ledgerSize } from '../support/ledger-size.ts';
import { needsOwnServer } from '../support/nats.ts';
import { makeStreams } from '../support/traffic.ts';
import { until } from '../support/until.ts';
import { environmentOf, serve, type Serving } from '../support/waybill.ts';

/**
 * Three servers, both streams with three replicas, two consumers. The promise: whatever happens to one server or to its
 * network, what was emitted is chained once, the bill is exact, and the ledger goes on by itself.
 */

beforeEach(needsOwnServer);

interface Installation extends AsyncDisposable {
  readonly cluster: Cluster;
  readonly nc: NatsConnection;
  readonly settings: Settings;
  readonly load: BilledLoad;
  readonly consumers: readonly Serving[];
  /** Waits until so many blocks more are stored. */
  progress(blocks: number): Promise<void>;
  /** The end of each test. */
  expectExact(what: string): Promise<void>;
}

async function install(): Promise<Installation> {
  await using started = new AsyncDisposableStack();
  const cluster = started.use(await startCluster());
  const nc = await cluster.connect();
  const settings = await makeStreams(nc, undefined, 3);
  await cluster.healthy(settings.auditStream);
  await cluster.healthy(settings.ledgerStream);
  const environment = { ...environmentOf(cluster.urls, settings), WAYBILL_REPLICAS: '3' };
  const consumers = [serve(environment), serve(environment)];
  for (const consumer of consumers) started.use(consumer);
  const load = started.use(billedLoad({ url: cluster.urls, settings, publisher: { backoffMaxMs: 500 } }));
  load.start(500);
  const size = () => ledgerSize(nc, settings).catch(() => null);
  const kept = started.move();
  return {
    cluster,
    nc,
    settings,
    load,
    consumers,
    async progress(blocks) {
      const before = await until('the ledger', size);
      await until('blocks', async () => ((await size()) ?? 0) >= before + blocks);
    },
    async expectExact(what) {
      await load.finish();
      await cluster.healthy(settings.auditStream);
      await cluster.healthy(settings.ledgerStream);
      await load.expectExactLedger(nc);
      for (const consumer of consumers) expect(await consumer.terminate(), consumer.log).toBe(0);
      await load.expectExactBill();
      const { resent } = load.publisher.stats();
      const conflicts = consumers.map(({ log }) => log.split('another consumer writes').length - 1);
      console.log(
        `${what}: ${load.made} emitted, each chained once, ${await ledgerSize(nc, settings)} blocks; ` +
          `${resent} sent again; stood by ${conflicts.join(' and ')} times; verify --all ok`,
      );
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

test('the leaders of AUDIT and LEDGER are killed in turn', async () => {
  await using installation = await install();
  const { cluster, settings, progress, expectExact } = installation;
  for (const stream of [settings.ledgerStream, settings.auditStream, settings.ledgerStream, settings.auditStream]) {
    await progress(30);
    const leader = await cluster.leaderOf(stream);
    await leader.server.kill9();
    await progress(30);
    await leader.server.restart();
    await cluster.healthy(stream);
  }
  await expectExact('4 leaders killed');
});

test('both streams change their leaders, again and again', async () => {
  await using installation = await install();
  const { cluster, settings, progress, expectExact } = installation;
  for (let round = 0; round < 6; round++) {
    await progress(20);
    await cluster.stepDown(round % 2 === 0 ? settings.ledgerStream : settings.auditStream);
  }
  await expectExact('6 step-downs');
});

test('the leader is frozen; another is cut off while its clients stay', async () => {
  await using installation = await install();
  const { cluster, settings, progress, expectExact } = installation;
  await progress(20);
  const frozen = await cluster.leaderOf(settings.ledgerStream);
  await frozen.server.pause();
  await until('another leader', async () => (await cluster.leaderOf(settings.ledgerStream)) !== frozen);
  await progress(20);
  await frozen.server.resume();
  await cluster.healthy(settings.ledgerStream);

  const cut = await cluster.leaderOf(settings.auditStream);
  cut.cutOff();
  // The consumer that writes, the publisher and the test may all be its clients; those are served when it is back.
  const outside = await cluster.connect(cluster.nodes.find((node) => node !== cut));
  await until(
    'the others to have leaders of both streams',
    async () => {
      const leaders = await cluster.leadersSeenBy(outside, [settings.auditStream, settings.ledgerStream]);
      return leaders.every((name) => name !== undefined && name !== cut.name);
    },
    60_000,
  );
  cut.reconnect();
  await progress(20);
  await expectExact('the leader frozen, then one cut off');
});

test('a slow network to one of three', async () => {
  await using installation = await install();
  const { cluster, settings, progress, expectExact } = installation;
  const follower = await cluster.followerOf(settings.ledgerStream);
  follower.slow(150);
  await progress(30);
  // And one who leads over it.
  follower.slow(0);
  const leader = await cluster.leaderOf(settings.ledgerStream);
  leader.slow(150);
  await progress(30);
  leader.slow(0);
  await expectExact('150 ms more to a follower, then to the leader');
});
