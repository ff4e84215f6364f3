#!/usr/bin/env node
/**
 * The `cli/` room: the `waybill-spool` command, which shows what waits in a spool directory and delivers it without the
 * service that wrote it. Arguments come in, text and an exit code go out. It calls what a service calls, and no other
 * folder imports it.
 */
import './check-node-cli.ts';
import { join } from 'node:path';
import { env, stderr, stdout } from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { argumentFault, printable, readServerAddress, splitServers } from '@waybill/schema';
import { isOwned } from '../directory/directory-lock.ts';
import { createPublisher } from '../publisher/publisher.ts';
import { natsOptions } from '../sinks/environment-sink.ts';
import { readSegment } from '../spool/segment-file.ts';
import { type Directory, quarantined, readDirectory, refuseHome, segmentsIn } from '../spool/spool-directory.ts';
import type { AdoptedStats } from '../stats.ts';

const DEFAULT_URL = 'nats://127.0.0.1:4222';
/** Without a limit that is given: a large spool takes its time, a server that refuses everything does not. */
const IDLE_SECONDS = 15;

const HELP = `Usage: waybill-spool status DIR
       waybill-spool drain DIR [--timeout SECONDS]

DIR is what services have as spoolDir: publishers' folders are in it.

status  prints a line for each publisher that has events in the directory: how many, how many bytes, whether it lives,
        what was put aside because it is damaged, and what is not a spool. Reads only. Some of the events may be stored
        already: a file is deleted when all of its events are.
drain   delivers what dead or closed publishers left in the directory, as the next publisher there would. Needs the right to
        publish their subjects. Living publishers, and what is not a spool, are left alone. A directory without any spool,
        also one that was drained, is an error. It ends when all is delivered, after SECONDS if they are given, else
        when nothing was delivered for ${IDLE_SECONDS} s.

The server is WAYBILL_NATS_URL (default ${DEFAULT_URL}), the identity in it (nats://user:password@host) or WAYBILL_NATS_USER and
_PASSWORD, _TOKEN, _CREDS_FILE or _NKEY_SEED_FILE, with WAYBILL_NATS_TLS_CA_FILE, _TLS_CERT_FILE, _TLS_KEY_FILE and _INBOX_PREFIX as for waybill.

Exit codes: 0 done; 1 drain: events are left; 2 no spool is there, or it cannot be read; 64 wrong call.`;

const EXIT = { ok: 0, left: 1, unreadable: 2, usage: 64 } as const;

/** The command was called in a wrong way. */
class UsageError extends Error {}

interface HomeReport {
  readonly bootId: string;
  readonly alive: boolean;
  readonly segments: number;
  readonly events: number;
  readonly bytes: number;
  readonly damaged: number;
}

function inspect(dir: string, bootId: string): HomeReport {
  const home = join(dir, bootId);
  const counts = { segments: 0, events: 0, bytes: 0, damaged: 0 };
  for (const path of segmentsIn(home)) {
    const reader = readSegment(path);
    counts.segments++;
    for (let item = reader.next(); item.kind !== 'end'; item = reader.next()) {
      if (item.kind === 'damaged') counts.damaged++;
      else {
        counts.events++;
        counts.bytes += item.bytes;
      }
    }
    reader.close();
  }
  return { bootId, alive: isOwned(home), ...counts };
}

function status(dir: string): number {
  const { homes: names, strangers } = look(dir);
  const homes = names.map((bootId) => inspect(dir, bootId));
  for (const { bootId, alive, segments, events, bytes, damaged } of homes) {
    const owner = alive ? 'alive' : 'dead';
    stdout.write(
      `${printable(bootId)} ${owner}: ${events} events, ${bytes} bytes, ${segments} segments, ${damaged} damaged\n`,
    );
  }
  const events = homes.reduce((sum, home) => sum + home.events, 0);
  stdout.write(`${events} events in ${homes.length} spools, ${quarantined(dir).length} segments in quarantine\n`);
  if (events > 0) stdout.write('some may be stored already: a file is deleted when all of its events are\n');
  if (strangers.length > 0) stdout.write(`not a spool, left alone: ${strangers.join(', ')}\n`);
  return EXIT.ok;
}

/** @throws Error in words for people */
function look(dir: string): Directory {
  try {
    refuseHome(dir);
    return readDirectory(dir);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new Error(`there is no directory ${dir}`, { cause: error });
    if (code === 'ENOTDIR') throw new Error(`${dir} is no directory`, { cause: error });
    if (code === 'EACCES') throw new Error(`${dir} may not be read`, { cause: error });
    throw error;
  }
}

/** @param seconds null: as long as something is delivered */
async function drain(dir: string, seconds: number | null): Promise<number> {
  const servers = serversOf(env['WAYBILL_NATS_URL']);
  const { homes } = look(dir);
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
  // What was not read yet is waiting, too.
  const of = isDone ? found : Math.max(found, waiting);
  stdout.write(`${acked} of ${of} events delivered, ${dropped} dropped, ${damaged} damaged, ${torn} torn\n`);
  if (isDone) return others(dir);
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

/** Says what is there that was not delivered, so that nobody takes 0 events for an empty directory. */
function others(dir: string): number {
  const homes = readDirectory(dir).homes.map((bootId) => inspect(dir, bootId));
  const count = (alive: boolean): number =>
    homes.filter((home) => home.alive === alive).reduce((sum, { events }) => sum + events, 0);
  const [theirs, left] = [count(true), count(false)];
  if (theirs > 0) stderr.write(`${theirs} events are of publishers that live, or did less than a minute ago\n`);
  if (left === 0) return EXIT.ok;
  stderr.write(`${left} events of dead publishers could not be taken over\n`);
  return EXIT.left;
}

const OPTIONS = { help: { type: 'boolean', short: 'h' }, timeout: { type: 'string' } } as const;

/** @throws UsageError */
function parse(args: string[]): { help: boolean; seconds: number | null; positionals: string[] } {
  try {
    const { values, positionals } = parseArgs({ args, allowPositionals: true, options: OPTIONS });
    const { help = false, timeout } = values;
    const seconds = timeout === undefined ? null : Number(timeout);
    if (seconds !== null && !(seconds > 0))
      throw new UsageError(`--timeout is ${JSON.stringify(timeout)}: expected seconds, a number above 0`);
    return { help, seconds, positionals };
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(argumentFault(error, Object.keys(OPTIONS)), { cause: error });
  }
}

async function main(args: string[]): Promise<number> {
  const { help, seconds, positionals } = parse(args);
  if (help) {
    stdout.write(`${HELP}\n`);
    return EXIT.ok;
  }
  const [command, dir, ...more] = positionals;
  if (command !== undefined && command !== 'status' && command !== 'drain')
    throw new UsageError(`no command ${command}: expected status or drain`);
  if (dir === undefined || more.length > 0) throw new UsageError('expected status DIR or drain DIR; see --help');
  return command === 'status' ? status(dir) : await drain(dir, seconds);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  stderr.write(`waybill-spool: ${printable(error instanceof Error ? error.message : String(error))}\n`);
  process.exitCode = error instanceof UsageError ? EXIT.usage : EXIT.unreadable;
}
