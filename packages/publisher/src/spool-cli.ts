#!/usr/bin/env node
/** The `waybill-spool` command: what waits in a spool directory, and its delivery without the service that wrote it. */
import './check-node-cli.ts';
import { join } from 'node:path';
import { env, stderr, stdout } from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { printable } from '@waybill/schema';
import type { AdoptedStats } from './adoption.ts';
import { natsOptions } from './environment-sink.ts';
import { createPublisher } from './publisher.ts';
import { quarantined, readDirectory, segmentsIn } from './spool-directory.ts';
import { isOwned } from './directory-lock.ts';
import { readSegment } from './spool-segment.ts';

const HELP = `Usage: waybill-spool status DIR
       waybill-spool drain DIR [--timeout SECONDS]

status  prints a line for each publisher that has events in the directory: how many, how many bytes, whether it lives,
        what was put aside because it is damaged, and what is not a spool. Reads only.
drain   delivers what dead or closed publishers left in the directory, as the next publisher there would. Needs the right to
        publish their subjects. Living publishers, and what is not a spool, are left alone. A directory without any spool,
        also one that was drained, is an error.

The server is WAYBILL_NATS_URL, the identity in it (nats://user:password@host) or WAYBILL_NATS_USER and
_PASSWORD, _TOKEN, _CREDS_FILE or _NKEY_SEED_FILE, with WAYBILL_NATS_TLS_CA_FILE, _TLS_CERT_FILE, _TLS_KEY_FILE and _INBOX_PREFIX as for waybill.

Exit codes: 0 done; 1 drain: events are left; 2 no spool is there, or it cannot be read; 64 wrong call.`;

const EXIT = { ok: 0, left: 1, unreadable: 2, usage: 64 } as const;
const DEFAULT_DRAIN_SECONDS = 60;

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
  const { homes: names, strangers } = readDirectory(dir);
  const homes = names.map((bootId) => inspect(dir, bootId));
  for (const { bootId, alive, segments, events, bytes, damaged } of homes) {
    const owner = alive ? 'alive' : 'dead';
    stdout.write(
      `${printable(bootId)} ${owner}: ${events} events, ${bytes} bytes, ${segments} segments, ${damaged} damaged\n`,
    );
  }
  const events = homes.reduce((sum, home) => sum + home.events, 0);
  stdout.write(`${events} events in ${homes.length} spools, ${quarantined(dir).length} segments in quarantine\n`);
  if (strangers.length > 0) stdout.write(`not a spool, left alone: ${strangers.join(', ')}\n`);
  return EXIT.ok;
}

async function drain(dir: string, seconds: number): Promise<number> {
  const servers = env['WAYBILL_NATS_URL'] || 'nats://127.0.0.1:4222';
  if (readDirectory(dir).homes.length === 0) throw new Error(`${dir} has no spool in it: nothing was touched`);
  await using publisher = createPublisher({
    source: '//waybill/spool',
    ...natsOptions({ ...env, WAYBILL_NATS_URL: servers }, {}),
    spoolDir: dir,
    logger: {
      info: () => {},
      warn: (fields, message) => stderr.write(`${printable(`${message} ${JSON.stringify(fields)}`)}\n`),
    },
  });
  const deadline = performance.now() + seconds * 1000;
  let left = publisher.stats().spool?.adopted as AdoptedStats;
  while (!left.scanned || left.segments > 0) {
    if (performance.now() > deadline) break;
    await pause(50);
    left = publisher.stats().spool?.adopted as AdoptedStats;
  }
  const { found, acked, dropped, damaged, torn, segments } = left;
  stdout.write(`${acked} of ${found} events delivered, ${dropped} dropped, ${damaged} damaged, ${torn} torn\n`);
  if (left.scanned && segments === 0) return others(dir);
  stderr.write(`not done after ${seconds} s: ${publisher.status().reason ?? `${segments} segments are left`}\n`);
  return EXIT.left;
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

async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { help: { type: 'boolean', short: 'h' }, timeout: { type: 'string' } },
  });
  if (values.help) {
    stdout.write(`${HELP}\n`);
    return EXIT.ok;
  }
  const [command, dir, ...more] = positionals;
  const seconds = Number(values.timeout ?? DEFAULT_DRAIN_SECONDS);
  if (dir === undefined || more.length > 0 || !(seconds > 0)) throw new TypeError('expected status DIR or drain DIR');
  if (command === 'status') return status(dir);
  if (command === 'drain') return await drain(dir, seconds);
  throw new TypeError(`no command ${command}: expected status or drain`);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  stderr.write(`waybill-spool: ${printable(error instanceof Error ? error.message : String(error))}\n`);
  process.exitCode = error instanceof TypeError ? EXIT.usage : EXIT.unreadable;
}
