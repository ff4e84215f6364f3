import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import type { Settings } from '@waybill/consumer';
import { beforeEach, expect, test } from 'vitest';
import { billedLoad } from '../support/billed-load.ts';
import { ledgerSize } from '../support/ledger-size.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { makeStreams } from '../support/traffic.ts';
import { until } from '../support/until.ts';
import { environmentOf, serve, type Serving, type WaybillEnvironment } from '../support/waybill-process.ts';

/**
 * Several `waybill serve` on one pair of streams. The promise: one writes and the others take over when it dies, hangs or
 * is replaced, without a fork; one that wakes up again finds out and does no harm; each event is chained once.
 */

beforeEach(needsOwnServer);

const PER_SECOND = 500;

async function roleOf(consumer: Serving): Promise<string | undefined> {
  return (await consumer.status())?.role;
}

/** Starts so many, and waits until one writes and the others stand by. */
async function startAll(number: number, environment: WaybillEnvironment): Promise<Serving[]> {
  const consumers = Array.from({ length: number }, () => serve(environment));
  await oneWriter(consumers);
  return consumers;
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

function withHealth(url: string, settings: Settings): WaybillEnvironment {
  return { ...environmentOf(url, settings), WAYBILL_HTTP_PORT: '0' };
}

test('the writer is killed, again and again: a standby takes over', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const environment = withHealth(server.url, settings);
  await using load = billedLoad({ url: server.url, settings });
  load.start(PER_SECOND);
  await using stack = new AsyncDisposableStack();
  const consumers = await startAll(2, environment);
  for (const consumer of consumers) stack.use(consumer);
  const took: number[] = [];
  for (let round = 0; round < 5; round++) {
    const writer = await pickWriter(consumers);
    await writer.kill9();
    expect(writer.log).toContain('writing');
    took.push(await untilItMoves(nc, settings));
    consumers[consumers.indexOf(writer)] = stack.use(serve(environment));
    await oneWriter(consumers);
  }
  await load.finish();
  await load.expectExactLedger(nc);
  await load.expectExactBill();
  console.log(
    `5 deaths of the writer: taken over after ${took.join(', ')} ms; ${load.made} emitted, each chained once`,
  );
});

test('the writer hangs past every time-out and wakes up beside its successor', async () => {
  // The server gives up the frozen client, too: nothing that it held is left when it wakes.
  await using server = await startNats({ extraConfig: 'ping_interval: "2s", ping_max: 1' });
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const manager = await jetstreamManager(nc);
  await using load = billedLoad({ url: server.url, settings });
  load.start(PER_SECOND);
  await using stack = new AsyncDisposableStack();
  const consumers = await startAll(2, withHealth(server.url, settings));
  for (const consumer of consumers) stack.use(consumer);
  const readers = async () => (await manager.streams.info(settings.auditStream)).state.consumer_count;

  const took: number[] = [];
  for (let round = 0; round < 3; round++) {
    const frozen = await pickWriter(consumers);
    const other = consumers.find((consumer) => consumer !== frozen) as Serving;
    frozen.freeze();
    took.push(await untilItMoves(nc, settings));
    expect(await roleOf(other)).toBe('writer');
    // The last time for so long that the server has removed its consumer, after 30 s; before, just past the takeover.
    if (round === 2) await until('its reader to be gone', async () => (await readers()) <= 1, 60_000);
    frozen.thaw();
    // Usually it is the one that woke up that stands by; whichever the sequence check refuses does.
    await oneWriter(consumers);
    await untilItMoves(nc, settings);
  }
  await load.finish();
  await load.expectExactLedger(nc);
  await load.expectExactBill();
  console.log(
    `3 hangs of the writer (SIGSTOP): taken over after ${took.join(', ')} ms; ` +
      `woken, one wrote and one stood by; ${load.made} emitted, each chained once`,
  );
});

test('a rolling restart of three, twice', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const environment = withHealth(server.url, settings);
  await using load = billedLoad({ url: server.url, settings });
  load.start(PER_SECOND);
  await using stack = new AsyncDisposableStack();
  const consumers = await startAll(3, environment);
  for (const consumer of consumers) stack.use(consumer);
  const stood: number[] = [];
  for (let turn = 0; turn < 6; turn++) {
    const leaving = consumers[turn % 3] as Serving;
    const wrote = (await roleOf(leaving)) === 'writer';
    expect(await leaving.terminate(), leaving.log).toBe(0);
    const idle = await untilItMoves(nc, settings);
    if (wrote) stood.push(idle);
    const successor = stack.use(serve(environment));
    consumers[turn % 3] = successor;
    await until('its successor to be ready', async () =>
      ['writer', 'standby'].includes((await roleOf(successor)) ?? ''),
    );
  }
  await load.finish();
  await load.expectExactLedger(nc);
  await load.expectExactBill();
  console.log(
    `6 restarts: ${stood.length} of the writer, whose place was taken after ${stood.join(', ')} ms; ` +
      `${load.made} emitted, each chained once`,
  );
});
