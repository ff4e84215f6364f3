/**
 * The `cli/` room: the `waybill-spool` command, one file a subcommand. It shows what waits in a spool directory, and
 * delivers it without the service that wrote it. Arguments come in; text and an exit code go out. Nothing imports this
 * room.
 */
import { stdout } from 'node:process';
import { parseArgs } from 'node:util';
import { argumentFault } from '@waybill/schema/internal';
import { DEFAULT_URL, drain, IDLE_SECONDS } from './drain.ts';
import { EXIT, UsageError } from './exit-code.ts';
import { status } from './status.ts';

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

/** @returns the exit code. @throws Error in words for people */
export async function main(args: string[]): Promise<number> {
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
