import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { beforeEach, expect, test } from 'vitest';
import { startCluster } from '../support/cluster.ts';
import { needsOwnServer } from '../support/nats.ts';
import { makeStreams } from '../support/traffic.ts';
import { until } from '../support/until.ts';

beforeEach(needsOwnServer);

test('the fixture: three nodes, a leader that can be moved, and a node that can be cut off', async () => {
  await using cluster = await startCluster();
  const nc = await cluster.connect();
  const { auditStream, auditPrefix } = await makeStreams(nc, undefined, 3);
  await cluster.healthy(auditStream);
  const first = await cluster.leaderOf(auditStream);
  expect(await cluster.stepDown(auditStream)).not.toBe(first.name);

  const cut = await cluster.leaderOf(auditStream);
  const others = cluster.nodes.filter((node) => node !== cut);
  cut.cutOff();
  const outside = await cluster.connect(others[0]);
  const manager = await jetstreamManager(outside, { checkAPI: false, timeout: 2_000 });
  await until('the others to elect one of them', async () => {
    const leader = (await manager.streams.info(auditStream).catch(() => null))?.cluster?.leader;
    return leader !== undefined && leader !== cut.name;
  });
  // Two of three store it; the one that is alone cannot.
  await until('an acknowledgement from two of three', () =>
    jetstream(outside)
      .publish(`${auditPrefix}.a.b.acme`, 'x', { timeout: 1_000 })
      .then(
        () => true,
        () => false,
      ),
  );
  const inside = await cluster.connect(cut);
  await expect(jetstream(inside).publish(`${auditPrefix}.a.b.acme`, 'y', { timeout: 1_000 })).rejects.toThrow(
    'timeout',
  );
  cut.reconnect();
  await cluster.healthy(auditStream);

  await cut.server.kill9();
  await cut.server.restart();
  await cluster.healthy(auditStream);
});
