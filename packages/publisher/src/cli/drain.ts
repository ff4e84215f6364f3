import { join } from 'node:path';
import { env, stderr, stdout } from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import { printable, readServerAddress, splitServers } from '@waybill/schema/internal';
import { isOwned } from '../directory/directory-lock.ts';
import { createPublisher } from '../publisher/publisher.ts';
import { natsOptions } from '../sinks/environment-sink.ts';
import { readDirectory } from '../spool/spool-directory.ts';
import type { AdoptedStats } from '../stats.ts';
import { EXIT, UsageError } from './exit-code.ts';
import { inspect, readSpools } from './spools.ts';

export const DEFAULT_URL = 'nats://127.0.0.1:4222';
/** When no limit is given: a large spool takes its time, and a server that refuses everything ends the command. */
export const IDLE_SECONDS = 15;

/** `waybill-spool drain`. @param seconds null: as long as events are delivered. @returns the exit code */
export async function drain(dir: string, seconds: number | null): Promise<number> {
  const servers = serversOf(env['WAYBILL_NATS_URL']);
  const { homes } = readSpools(dir);
  if (homes.length === 0) throw new Error(`${dir} has no spool in it: nothing was touched`);
  const dead = homes.filter((bootId) => !isOwned(join(dir, bootId)));
  const waiting = dead.reduce((sum, bootId) => sum + inspect(dir, bootId).events, 0);
  await using publisher = createPublisher({
    source: '//waybill/spool',
    ...natsOptions({ ...env, WAYBILL_NATS_URL: servers }, {}),
    spoolDir: dir,
    logger: {
      info: () => {},
      warn: (fields, message) => stderr.write(`${printable(`${message} ${JSON.stringify(fields)}`)}\n`),
    },
  });
  const read = (): AdoptedStats => publisher.stats().spool?.adopted as AdoptedStats;
  const waited = await untilDone(read, seconds);
  const { found, scanned, acked, dropped, damaged, torn, segments } = read();
  const isDone = scanned && segments === 0;
  // Segments that were not read yet have waiting events, too.
  const of = isDone ? found : Math.max(found, waiting);
  stdout.write(`${acked} of ${of} events delivered, ${dropped} dropped, ${damaged} damaged, ${torn} torn\n`);
  if (isDone) return reportUndelivered(dir);
  const reason = publisher.status().reason ?? `${segments} segments are left`;
  stderr.write(`${printable(`not done after ${waited} s: ${reason}`)}\n`);
  return EXIT.left;
}

/** @throws UsageError */
function serversOf(url: string | undefined): string {
  if (!url) stderr.write(`WAYBILL_NATS_URL is not set: the server is taken to be ${DEFAULT_URL}\n`);
  const servers = url || DEFAULT_URL;
  try {
    readServerAddress(splitServers(servers), 'WAYBILL_NATS_URL');
    return servers;
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
}

/** @returns the seconds that it took */
async function untilDone(read: () => AdoptedStats, seconds: number | null): Promise<number> {
  const start = performance.now();
  let settled = 0;
  let since = start;
  for (;;) {
    const { scanned, segments, acked, dropped } = read();
    const now = performance.now();
    if (acked + dropped !== settled) [settled, since] = [acked + dropped, now];
    const isOver = seconds === null ? now - since > IDLE_SECONDS * 1000 : now - start > seconds * 1000;
    if ((scanned && segments === 0) || isOver) return Math.round((now - start) / 1000);
    await pause(50);
  }
}

/** Names the events that were not delivered, so that nobody takes "0 events" for an empty directory. */
function reportUndelivered(dir: string): number {
  const homes = readDirectory(dir).homes.map((bootId) => inspect(dir, bootId));
  const count = (alive: boolean): number =>
    homes.filter((home) => home.alive === alive).reduce((sum, { events }) => sum + events, 0);
  const [theirs, left] = [count(true), count(false)];
  if (theirs > 0) stderr.write(`${theirs} events are of publishers that live, or did less than a minute ago\n`);
  if (left === 0) return EXIT.ok;
  stderr.write(`${left} events of dead publishers could not be taken over\n`);
  return EXIT.left;
}
