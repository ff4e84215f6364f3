import { outside } from './context.ts';
import type { Drop, DropReason } from './drop.ts';

/** As much of a logger as is used here; pino's and console's fit. */
export interface PublisherLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** Says what an operator has to know, once, and without ever throwing into the service. */
export interface Reporter {
  disabled(): void;
  connected(): void;
  /** Not connected, or connected and nothing is stored; said when the reason changes. */
  degraded(reason: string): void;
  dropped(drop: Drop): void;
  /** A file of the spool could not be read, deleted or put aside. */
  spoolFailed(what: string, error: unknown): void;
}

/** Drops of one reason are summed up for this long. */
const DROP_QUIET_MS = 60_000;

export const CONSOLE_LOGGER: PublisherLogger = {
  info: () => {},
  warn: (fields, message) => console.warn(`waybill: ${message}`, fields),
};

export function createReporter(logger: PublisherLogger, onDrop: ((drop: Drop) => void) | undefined): Reporter {
  const drops = new Map<DropReason, { quietUntil: number; count: number }>();
  let health = '';

  const say = (level: keyof PublisherLogger, fields: object, message: string): void => {
    guarded(() => logger[level](fields, message));
  };

  return {
    disabled: () => say('warn', {}, 'no servers and no connection are configured: events are dropped'),
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
    spoolFailed: (what, error) => say('warn', { error: String(error) }, `spool: ${what} failed`),
    dropped(drop) {
      if (onDrop) guarded(() => onDrop(drop));
      const now = performance.now();
      const seen = drops.get(drop.reason) ?? { quietUntil: 0, count: 0 };
      drops.set(drop.reason, seen);
      seen.count++;
      if (now < seen.quietUntil) return;
      const { reason, detail, type, orgid, producerseq } = drop;
      say('warn', { reason, detail, type, orgid, producerseq, count: seen.count }, 'event dropped');
      seen.quietUntil = now + DROP_QUIET_MS;
      seen.count = 0;
    },
  };
}

/**
 * Foreign code may throw, or be async and reject: neither is the service's problem. It is called outside of the decision
 * of whoever emits at the time: often it is told of somebody else's event.
 */
function guarded(call: () => unknown): void {
  try {
    defuse(outside(call));
  } catch {
    // A logger or a hook that fails has no better place to be told of.
  }
}

/** A promise that nobody awaits must not end the process when it rejects. */
export function defuse(value: unknown): void {
  if (value instanceof Promise) value.catch(() => {});
}

/** `nats://user:password@host` in a client's message. */
export function withoutCredentials(message: string): string {
  return message.replaceAll(/\/\/[^/\s@]*@/g, '//***@');
}
