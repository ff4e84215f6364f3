import { stdout } from 'node:process';
import { printable } from '@waybill/schema/internal';
import { quarantined } from '../spool/spool-directory.ts';
import { EXIT } from './exit-code.ts';
import { inspect, readSpools } from './spools.ts';

/** `waybill-spool status`. @returns the exit code */
export function status(dir: string): number {
  const { homes: names, strangers } = readSpools(dir);
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
