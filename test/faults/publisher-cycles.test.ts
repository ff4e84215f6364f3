import { createPublisher, type Publisher, type PublisherOptions } from '@waybill/publisher';
import { readdirSync } from 'node:fs';
import { beforeEach, expect, test } from 'vitest';
import { SOURCE, upload } from '../support/publishers.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { createAudit } from '../support/audit-stream.ts';
import { expectChained } from '../support/expect-chained.ts';
import { memoryLogger } from '../support/logger.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { IS_WHOLE } from '../support/part.ts';
import { PATIENT } from '../support/time.ts';
import { until } from '../support/until.ts';

beforeEach(needsOwnServer);

const EVENTS = [
  'exit',
  'beforeExit',
  'SIGTERM',
  'SIGINT',
  'uncaughtException',
  'unhandledRejection',
  'warning',
] as const;

/** What this process holds open or listens to, by name. */
function held(): Record<string, number> {
  const resources: Record<string, number> = {};
  for (const name of process.getActiveResourcesInfo()) resources[name] = (resources[name] ?? 0) + 1;
  const listeners = Object.fromEntries(EVENTS.map((event) => [event, process.listenerCount(event)]));
  // Linux only; elsewhere the resources above are what is counted.
  const files = process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0;
  const { Timeout = 0, TCPSocketWrap = 0, TCPConnectWrap = 0, FSReqCallback = 0 } = resources;
  return { Timeout, TCPSocketWrap, TCPConnectWrap, FSReqCallback, files, ...listeners };
}

/** The test runner has timers and files of its own that come and go, so less than before is not a finding. */
function grown(before: Readonly<Record<string, number>>): string[] {
  return Object.entries(held()).flatMap(([name, count]) =>
    count > (before[name] ?? 0) ? [`${name} ${before[name]} → ${count}`] : [],
  );
}

/** How a client of NATS looks inside: its own listeners and subscriptions. */
interface Insides {
  readonly protocol: { readonly listeners: unknown[]; readonly subscriptions: { size(): number } };
}

/** `npm test` makes a part of them. */
const TIMES = IS_WHOLE ? 100 : 20;

test(`${100 * TIMES} publishers, created and closed, leave no listener, socket, timer, file or directory`, async () => {
  // The promise: a publisher that was closed has left nothing behind, whatever it had opened: a spool, signal handlers,
  // a connection of its own to a server that is there or is not, an inbox on a connection that it was given.
  await using server = await startNats();
  const nc = await server.connect();
  await createAudit(nc);
  await using gone = await startNats();
  await gone.stop();
  using dir = temporaryDirectory();
  const { protocol } = nc as unknown as Insides;
  const create = (options: Partial<PublisherOptions>): Publisher =>
    createPublisher({ source: SOURCE, logger: memoryLogger(), ...options });
  const kinds = {
    'with a spool': { count: 80 * TIMES, options: { connection: 'later', spoolDir: dir.path, handleSignals: true } },
    'with its own connection': {
      count: 3 * TIMES,
      options: { servers: server.url, spoolDir: dir.path, handleSignals: true },
    },
    'without a server': { count: 7 * TIMES, options: { servers: gone.url, handleSignals: true } },
    'with a connection given': { count: 10 * TIMES, options: { connection: nc } },
  } as const;
  let acked = 0;
  const cycle = async (options: Partial<PublisherOptions>, i: number) => {
    const publisher = create(options);
    // Some are closed before anything happened, some in the middle of it, some after an event was stored.
    if (i % 3 > 0) await new Promise((resolve) => setImmediate(resolve));
    if (i % 3 === 2 && options.servers !== gone.url && options.connection !== 'later') {
      await publisher.confirm(upload(i), PATIENT);
      acked++;
    }
    await publisher.close();
  };
  // Modules that are loaded when they are needed, and the pools that they keep.
  for (const { options } of Object.values(kinds)) for (let i = 0; i < 6; i++) await cycle(options, i);
  await until('no listener on the connection', () => protocol.listeners.length === 0);
  const subscriptions = protocol.subscriptions.size();
  const before = held();

  let cycles = 0;
  const took: string[] = [];
  for (const [kind, { count, options }] of Object.entries(kinds)) {
    const start = performance.now();
    for (let i = 0; i < count; i++) {
      await cycle(options, i);
      cycles++;
    }
    took.push(`${count} ${kind} in ${Math.round(performance.now() - start)} ms`);
  }

  expect(cycles).toBe(100 * TIMES);
  await until('no listener on the connection', () => protocol.listeners.length === 0);
  expect(protocol.subscriptions.size()).toBe(subscriptions);
  // Not by expect.poll, whose own timer would be found.
  await until('everything to be given back', () => grown(before).length === 0).catch(() => undefined);
  expect(grown(before)).toEqual([]);
  expect(readdirSync(dir.path)).toEqual([]);
  await expectChained(nc, acked);
  console.log(
    `${cycles} created and closed: ${took.join(', ')}; ${acked} events stored; held before and after:`,
    before,
  );
});
