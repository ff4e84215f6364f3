import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import type { Settings } from '@waybill/consumer';
import { beforeEach, expect, test } from 'vitest';
import { billedLoad } from '../support/billed-load.ts';
import { ledgerSize } from '../support/ledger-size.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { makeStreams } from '../support/traffic.ts';
import { until } from '../support/until.ts';
import { environmentOf, serve, type Serving } from '../support/waybill.ts';

/**
 * Several `waybill serve` on one pair of streams. The promise: one writes and the others take over when it dies, hangs
 * or is replaced, without a fork; one that wakes up again finds out and does no harm; each event is chained once.
 */

beforeEach(needsOwnServer);

const PER_SECOND = 500;

async function roleOf(consumer: Serving): Promise<string | undefined> {
  return (await consumer.status())?.role;
}

async function oneWriter(consumers: readonly Serving[]): Promise<void> {
  let roles: (string | undefined)[] = [];
  const isSettled = until('one writer and standbys', async () => {
    roles = await Promise.all(consumers.map(roleOf));
    const standbys = roles.filter((role) => role === 'standby').length;
    return roles.includes('writer') && standbys === roles.length - 1;
  });
  await isSettled.catch((cause: unknown) => {
    const logs = consumers.map(({ log }) => log.split('\n').slice(-6).join('\n')).join('\n--\n');
    throw new Error(`the roles are ${roles.join(', ')}\n${logs}`, { cause });
  });
}

async function pickWriter(consumers: readonly Serving[]): Promise<Serving> {
  const roles = await Promise.all(consumers.map(roleOf));
  const writer = consumers[roles.indexOf('writer')];
  if (!writer) throw new Error(`no writer among ${roles.join(', ')}`);
  return writer;
}

/** Waits until the ledger moves again. @returns after how many milliseconds it did */
async function untilItMoves(nc: NatsConnection, settings: Settings): Promise<number> {
  const since = performance.now();
  const before = await ledgerSize(nc, settings);
  await until('the ledger to move again', async () => (await ledgerSize(nc, settings)) > before);
  return Math.round(performance.now() - since);
}

/** A server with streams under load, and so many consumers of which one writes and the others stand by. */
async function startGroup(number: number, extraConfig = '') {
  await using starting = new AsyncDisposableStack();
  const server = starting.use(await startNats({ extraConfig }));
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const environment = { ...environmentOf(server.url, settings), WAYBILL_HTTP_PORT: '0' };
  const load = starting.use(billedLoad({ url: server.url, settings }));
  load.start(PER_SECOND);
  const consumers = Array.from({ length: number }, () => starting.use(serve(environment)));
  await oneWriter(consumers);
  const running = starting.move();
  return {
    nc,
    settings,
    load,
    consumers,
    /** Starts another one in the place of one that has ended. */
    replace(ended: Serving): Serving {
      const successor = running.use(serve(environment));
      consumers[consumers.indexOf(ended)] = successor;
      return successor;
    },
    async expectAllChainedOnce(): Promise<void> {
      await load.finish();
      await load.expectExactLedger(nc);
      await load.expectExactBill();
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

test('the writer is killed, again and again: a standby takes over', async () => {
  await using group = await startGroup(2);
  const { nc, settings, consumers, load } = group;
  const took: number[] = [];
  for (let round = 0; round < 5; round++) {
    const writer = await pickWriter(consumers);
    await writer.kill9();
    expect(writer.log).toContain('writing');
    took.push(await untilItMoves(nc, settings));
    group.replace(writer);
    await oneWriter(consumers);
  }
  await group.expectAllChainedOnce();
  console.log(
    `5 deaths of the writer: taken over after ${took.join(', ')} ms; ${load.made} emitted, each chained once`,
  );
});

test('the writer hangs past every time-out and wakes up beside its successor', async () => {
  // The server gives up the frozen client, too: nothing that it held is left when it wakes.
  await using group = await startGroup(2, 'ping_interval: "2s", ping_max: 1');
  const { nc, settings, consumers, load } = group;
  const manager = await jetstreamManager(nc);
  const readers = async () => (await manager.streams.info(settings.auditStream)).state.consumer_count;

  const took: number[] = [];
  for (let round = 0; round < 3; round++) {
    const frozen = await pickWriter(consumers);
    const other = consumers.find((consumer) => consumer !== frozen) as Serving;
    frozen.freeze();
    took.push(await untilItMoves(nc, settings));
    expect(await roleOf(other)).toBe('writer');
    // The last time for so long that the server has removed its consumer, after 30 s; before, just past the takeover.
    if (round === 2) await until('its reader to be gone', async () => (await readers()) <= 1);
    frozen.thaw();
    // Usually it is the one that woke up that stands by; whichever the sequence check refuses does.
    await oneWriter(consumers);
    await untilItMoves(nc, settings);
  }
  await group.expectAllChainedOnce();
  console.log(
    `3 hangs of the writer (SIGSTOP): taken over after ${took.join(', ')} ms; ` +
      `woken, one wrote and one stood by; ${load.made} emitted, each chained once`,
  );
});

test('a rolling restart of three, twice', async () => {
  await using group = await startGroup(3);
  const { nc, settings, consumers, load } = group;
  const stood: number[] = [];
  for (let turn = 0; turn < 6; turn++) {
    const leaving = consumers[turn % 3] as Serving;
    const wrote = (await roleOf(leaving)) === 'writer';
    expect(await leaving.terminate(), leaving.log).toBe(0);
    const idle = await untilItMoves(nc, settings);
    if (wrote) stood.push(idle);
    const successor = group.replace(leaving);
    await until('its successor to be ready', async () =>
      ['writer', 'standby'].includes((await roleOf(successor)) ?? ''),
    );
  }
  await group.expectAllChainedOnce();
  console.log(
    `6 restarts: ${stood.length} of the writer, whose place was taken after ${stood.join(', ')} ms; ` +
      `${load.made} emitted, each chained once`,
  );
});
