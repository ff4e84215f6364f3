/** The text of a lock file, which names a thread of a process, and whether that thread lives. */
import { randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename } from 'node:path';
import { pid } from 'node:process';
import { isMainThread } from 'node:worker_threads';

/** An owner that cannot be examined counts as dead once its lock is this old. */
export const LOCK_STALE_MS = 60_000;

interface Owner {
  readonly pid: number;
  /** Clock ticks since the machine started; empty where there is no /proc. */
  readonly started: string;
  /** The machine and pid namespace in which `pid` has a meaning. */
  readonly scope: string;
  /** For a worker thread: its id and start time from `/proc/<pid>/task/<id>`; empty where there is no /proc. */
  readonly worker?: { readonly id: string; readonly started: string };
}

interface Judgement {
  readonly life: 'alive' | 'dead' | 'unknown' | 'gone';
  readonly text: string;
  /** The owner in words for a log. */
  readonly owner: string;
}

export function judge(path: string): Judgement {
  let text = '';
  let age = 0;
  let owner: Partial<Owner>;
  try {
    age = Date.now() - statSync(path).mtimeMs;
    text = readFileSync(path, 'utf8');
    owner = (JSON.parse(text.split('\n')[0] ?? '') ?? {}) as Partial<Owner>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { life: 'gone', text, owner: '' };
    if (!(error instanceof SyntaxError)) return { life: 'unknown', text, owner: '' };
    // The file is being written, or its machine crashed while it was.
    owner = {};
  }
  const named = { text, owner: String(owner.pid) };
  const byAge = { life: age < LOCK_STALE_MS ? 'unknown' : 'dead', ...named } as const;
  if (owner.scope !== pidScope()) return byAge;
  if (!isAlive(owner)) return { life: 'dead', ...named };
  return owner.worker?.id === '' ? byAge : { life: 'alive', ...named };
}

function isAlive({ pid: id, started, worker }: Partial<Owner>): boolean {
  if (typeof id !== 'number' || !Number.isSafeInteger(id) || id < 1) return false;
  try {
    process.kill(id, 0);
  } catch (error) {
    // Any other error: the process exists and belongs to another user.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  // The id is in use, perhaps by a later process that got the same id.
  if (startOf(`${id}`) !== started) return false;
  return worker === undefined || startOf(`${id}/task/${worker.id}`) === worker.started;
}

/** @returns a text that no other lock has, not even another one of this thread: its second line is random */
export function formatOwner(): string {
  const owner: Owner = {
    pid,
    started: startOf(`${pid}`),
    scope: pidScope(),
    ...(!isMainThread && { worker: thisThread() }),
  };
  return `${JSON.stringify(owner)}\n${randomBytes(8).toString('hex')}\n`;
}

function thisThread(): NonNullable<Owner['worker']> {
  try {
    const id = basename(readlinkSync('/proc/thread-self'));
    return { id, started: startOf(`${pid}/task/${id}`) };
  } catch {
    return { id: '', started: '' };
  }
}

/**
 * Start time, field 22 of `stat` in /proc. The name before it may contain blanks and parentheses.
 *
 * @param place below /proc
 */
function startOf(place: string): string {
  try {
    const stat = readFileSync(`/proc/${place}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

function pidScope(): string {
  try {
    const machine = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    return `${machine} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return hostname();
  }
}
