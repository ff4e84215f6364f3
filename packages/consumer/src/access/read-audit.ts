/**
 * The audit of reads: who read what, as events in the chain of whose data it was. One event a minute for each token,
 * organization and operation, with counts. Reading never waits for it and never fails with it.
 */
import type { NatsConnection } from '@nats-io/nats-core';
import type { ConsumerLogger } from '../logger.ts';
import { checkPeriod } from '../check-period.ts';
import { type AuditMessage, type AuditPlace, type ReadCount, readMessage } from './audit-event.ts';
import { type AuditSender, createAuditSender } from './audit-sender.ts';
import type { Access } from './principal.ts';

export interface ReadAuditOptions extends AuditPlace {
  readonly nc: NatsConnection;
  readonly logger: ConsumerLogger;
  /** How long reads are counted before their event is made, in milliseconds. Default: 60,000. */
  readonly windowMs?: number;
}

export interface ReadAudit {
  readonly note: Access['noteRead'];
  /** Makes events of what was counted, and sends them. Never rejects. @returns how many could not be stored */
  flush(): Promise<number>;
  /** `flush`, within 5 s. What is not stored then is lost, and is logged. */
  close(): Promise<void>;
  readonly counts: { readonly counting: number; readonly waiting: number; readonly dropped: number };
}

const WINDOW_MS = 60_000;
/** How often it is tried to send what is waiting. */
const RETRY_MS = 5_000;
const CLOSE_MS = 5_000;
/** More than these begin the next window early. */
const MAX_COUNTING = 10_000;

/** A count that still grows. An answer that comes in parts is one request. */
type Counting = Omit<ReadCount, 'requests'> & { readonly requests: Set<symbol> };

export function startReadAudit(options: ReadAuditOptions): ReadAudit {
  const { nc, logger } = options;
  const windowMs = checkPeriod('startReadAudit: windowMs', options.windowMs ?? WINDOW_MS);
  const sender = createAuditSender(nc, logger);
  let counts = new Map<string, Counting>();
  let windowEnd = Infinity;
  let isClosed = false;

  function note(read: Parameters<Access['noteRead']>[0]): void {
    if (isClosed || !(read.items > 0)) return;
    try {
      const orgids = read.orgids === 'all' ? [null] : read.orgids;
      for (const orgid of orgids) count(read, orgid);
    } catch (error) {
      logger.error({ err: error, operation: read.operation }, 'a read could not be noted');
    }
  }

  function count(read: Parameters<Access['noteRead']>[0], orgid: string | null): void {
    const { principal, operation, items, request = Symbol(operation) } = read;
    const key = JSON.stringify([principal.kind, principal.id, operation, orgid]);
    const one = counts.get(key);
    if (one) {
      one.requests.add(request);
      one.items += items;
      one.time = new Date();
      return;
    }
    if (counts.size >= MAX_COUNTING) endWindow();
    if (counts.size === 0) windowEnd = performance.now() + windowMs;
    const { kind, id } = principal;
    const requests = new Set([request]);
    counts.set(key, { principal: { kind, id }, operation, orgid, requests, items, time: new Date() });
  }

  function endWindow(): void {
    const ended = counts;
    counts = new Map();
    windowEnd = Infinity;
    sender.add(Array.from(ended.values(), (read) => messageOf(read, options)).filter((message) => message !== null));
  }

  function flush(): Promise<number> {
    endWindow();
    return sender.send();
  }

  const timer = setInterval(
    () => {
      if (performance.now() >= windowEnd) endWindow();
      if (sender.waiting === 0 || nc.isClosed()) return;
      sender.send().catch((error: unknown) => logger.error({ err: error }, 'events about reads could not be sent'));
    },
    Math.min(windowMs, RETRY_MS),
  );
  timer.unref();

  return {
    note,
    flush,
    async close() {
      if (isClosed) return;
      isClosed = true;
      clearInterval(timer);
      endWindow();
      const left = nc.isClosed() ? sender.waiting : await sentWithin(CLOSE_MS, sender);
      if (left > 0) logger.error({ lost: left }, 'events about reads were not stored, and are lost');
    },
    get counts() {
      return { counting: counts.size, waiting: sender.waiting, dropped: sender.dropped };
    },
  };
}

/** @returns how many are still waiting then */
async function sentWithin(ms: number, sender: AuditSender): Promise<number> {
  const late = new Promise<void>((resolve) => {
    setTimeout(resolve, ms).unref();
  });
  // A round that was under way does not have what came last: a second one does.
  const sent = sender.send().then((left) => (left > 0 ? sender.send() : left));
  await Promise.race([sent, late]);
  return sender.waiting;
}

function messageOf(read: Counting, options: ReadAuditOptions): AuditMessage | null {
  try {
    return readMessage({ ...read, requests: read.requests.size }, options);
  } catch (error) {
    options.logger.error({ err: error, operation: read.operation }, 'a read could not be made an event');
    return null;
  }
}
