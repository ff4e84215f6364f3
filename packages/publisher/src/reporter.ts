import type { Drop, DropReason } from './drop.ts';
import { guarded } from './foreign-code.ts';
import type { PublisherLogger } from './logger.ts';

/** Tells the service's log what an operator has to know, once. Never throws. */
export interface Reporter {
  disabled(): void;
  connected(): void;
  /** Not connected, or connected and nothing is stored. Logged when the reason changes. */
  degraded(reason: string): void;
  /** After `degraded`: a file can be written again. */
  written(): void;
  dropped(drop: Drop): void;
  /** An event that says that a publisher has closed could not go out. Logged once. */
  endDropped(drop: Drop): void;
  /** A file of the spool could not be read, deleted or moved. */
  spoolFailed(what: string, error: unknown): void;
  /** A file operation failed that loses no event. */
  fileFailed(what: string, error: unknown): void;
  /** An event has a field that its type does not know, and lacks one with nearly the same name. */
  misspelt(type: string, name: string, meant: string): void;
  /** A dead publisher's segment has records that cannot be read. */
  putAside(path: string): void;
  /** The spool's directory contains files that are not ours. */
  strangers(directory: string, paths: readonly string[]): void;
}

/** Drops of one reason are logged once in this time, with their count. */
const DROP_QUIET_MS = 60_000;
/** The reason in the status of a disabled publisher. */
export const NOT_CONFIGURED = 'no servers and no connection are configured';
/** How many files one line of the log names. */
const MAX_NAMES = 10;

export function createReporter(logger: PublisherLogger, onDrop: ((drop: Drop) => void) | undefined): Reporter {
  const drops = new Map<DropReason, { quietUntil: number; count: number }>();
  let health = '';
  let isEndTold = false;

  const say = (level: keyof PublisherLogger, fields: object, message: string): void => {
    guarded(() => logger[level](fields, message));
  };

  return {
    disabled: () => say('warn', {}, `${NOT_CONFIGURED}: events are dropped; the option servers names a NATS server`),
    connected() {
      if (health === 'connected') return;
      health = 'connected';
      say('info', {}, 'connected');
    },
    degraded(reason) {
      if (health === reason) return;
      health = reason;
      say('warn', { reason }, 'events are queued and not stored');
    },
    written() {
      if (health === '' || health === 'written') return;
      health = 'written';
      say('info', {}, 'events are written again');
    },
    spoolFailed: (what, error) => say('warn', { error: String(error) }, `spool: ${what} failed`),
    fileFailed: (what, error) => say('warn', { error: String(error) }, `${what} failed`),
    misspelt: (type, name, meant) =>
      say('warn', { type, field: name, meant }, `${type} has no field ${name}: was ${meant} meant?`),
    putAside: (path) => say('warn', { path }, 'spool: a segment has damaged records and goes to quarantine'),
    strangers: (directory, paths) =>
      say(
        'warn',
        { directory, count: paths.length, names: paths.slice(0, MAX_NAMES) },
        'spool: what is not a spool is left alone',
      ),
    endDropped(drop) {
      if (isEndTold) return;
      isEndTold = true;
      const { cause: _, ...known } = drop;
      say('warn', known, 'the end of a publisher was not stored: verification will list it as open');
    },
    dropped(drop) {
      if (onDrop) guarded(() => onDrop(drop));
      const now = performance.now();
      const seen = drops.get(drop.reason) ?? { quietUntil: 0, count: 0 };
      drops.set(drop.reason, seen);
      seen.count++;
      if (now < seen.quietUntil) return;
      const { cause: _, ...known } = drop;
      say('warn', { ...known, count: seen.count }, 'event dropped');
      seen.quietUntil = now + DROP_QUIET_MS;
      seen.count = 0;
    },
  };
}
