/** Events into hash-chained files, one per organization, for a service that has no NATS. */
import type { Ack } from './ack.ts';
import type { ChainedEvent } from './chain-file.ts';
import { type ChainWriter, createChainWriter, type QueuedEvent } from './chain-writer.ts';
import type { Drop } from './drop.ts';
import { checkWait, startTimer } from './duration.ts';
import { dropError, PublisherError } from './error.ts';
import { badFileSink, type FileSinkOptions, type FileSinkSettings, readFileSinkOptions } from './file-sink-options.ts';
import { DEFAULT_WAIT_MS, type WaitOptions } from './handle.ts';
import { type HeldDirectory, holdDirectory } from './held-directory.ts';
import type { EventInput } from './intake.ts';
import { createReporter } from './report.ts';
import type { Sink } from './sink.ts';
import { createStamper } from './stamper.ts';
import { createWriteTrouble, DIRECTORY, type WriteTrouble } from './write-trouble.ts';

export interface FileSinkStats {
  /** `emitted = written + pending + dropped`, always. */
  readonly emitted: number;
  /** In a file, and synced. */
  readonly written: number;
  readonly pending: number;
  readonly dropped: number;
}

/** What became of every event that was emitted before `close` had ended: `emitted = written + lost`. */
export interface FileCloseResult {
  readonly written: number;
  /** Dropped, at any time and for whatever reason: `onDrop` was told of each. */
  readonly lost: number;
}

export interface FileSink extends Sink {
  /** Stops taking events, waits like `flush`, and drops what is left as `closed`. @returns the sums of the sink's life */
  close(options?: WaitOptions): Promise<FileCloseResult>;
  stats(): FileSinkStats;
}

/** @throws PublisherError INVALID_OPTIONS when the directory cannot be used */
export function fileSink(options: FileSinkOptions): FileSink {
  const settings = readFileSinkOptions(options);
  const { maxQueueEvents, signer } = settings;
  const reporter = createReporter(settings.logger, settings.onDrop);
  const trouble = createWriteTrouble(reporter);
  const stamper = createStamper(options, reporter.misspelt);
  const writers = new Map<string, ChainWriter>();
  const held = hold(settings, writers, trouble);
  const settlement = createSettlement(writers);
  const stop = new AbortController();
  const counts = { emitted: 0, written: 0, dropped: 0 };
  let closing: Promise<FileCloseResult> | null = null;

  const pending = (): number => counts.emitted - counts.written - counts.dropped;

  function take(input: EventInput, settle: QueuedEvent['settle']): void {
    const stamped = stamper.stamp(input);
    counts.emitted++;
    if (!stamped.ok) return drop(stamped.drop, settle);
    const { orgid, event, text, subject } = stamped;
    const { type, producerseq } = event;
    const origin = { type, orgid, ...(producerseq && { producerseq }) };
    if (closing) return drop({ reason: 'closed', detail: 'emitted after close()', ...origin }, settle);
    if (pending() > maxQueueEvents) {
      const detail = trouble.explain(`${maxQueueEvents} events are pending`);
      return drop({ reason: 'queue_full', detail, ...origin }, settle);
    }
    writerOf(orgid).push({ event: event as unknown as ChainedEvent['event'], text, subject, settle, origin });
  }

  function writerOf(orgid: string): ChainWriter {
    const known = writers.get(orgid);
    if (known) return known;
    const writer = createChainWriter({
      ...{ orgid, settings, held, trouble, reporter, stop: stop.signal },
      written(events) {
        counts.written += events;
        settlement.look();
      },
      dropped: ({ settle, origin }, why) => {
        drop({ ...why, ...origin }, settle);
        settlement.look();
      },
    });
    writers.set(orgid, writer);
    return writer;
  }

  function drop(why: Drop, settle: QueuedEvent['settle']): void {
    counts.dropped++;
    settle?.(dropError(why));
    reporter.dropped(why);
  }

  async function confirm(event: EventInput, timeoutMs: number): Promise<Ack> {
    await signer?.identity();
    return new Promise<Ack>((resolve, reject) => {
      const timer = startTimer(timeoutMs, () =>
        reject(new PublisherError('TIMEOUT', trouble.explain(`not written within ${timeoutMs} ms`))),
      );
      take(event, (result) => {
        timer.stop();
        if (result instanceof PublisherError) reject(result);
        else resolve(result);
      });
    });
  }

  async function shutDown(timeoutMs: number): Promise<FileCloseResult> {
    await settlement.wait(timeoutMs);
    stop.abort();
    // A write that is under way ends before the directory is given to another process.
    await Promise.all([...writers.values()].map(({ running }) => running));
    const detail = trouble.explain('not written when close() ended');
    for (const writer of writers.values()) writer.giveUp('closed', detail);
    held.release();
    return { written: counts.written, lost: counts.dropped };
  }

  return {
    emit: (event) => take(event, null),
    confirm: async (event, { timeoutMs = DEFAULT_WAIT_MS } = {}) =>
      confirm(event, checkWait('confirm: timeoutMs', timeoutMs)),
    enabled: (type) => !closing && stamper.allows(type),
    flush: async ({ timeoutMs = DEFAULT_WAIT_MS } = {}) => settlement.wait(checkWait('flush: timeoutMs', timeoutMs)),
    close: async ({ timeoutMs = DEFAULT_WAIT_MS } = {}) =>
      (closing ??= shutDown(checkWait('close: timeoutMs', timeoutMs))),
    stats: () => ({ ...counts, pending: pending() }),
    async [Symbol.asyncDispose]() {
      await (closing ??= shutDown(DEFAULT_WAIT_MS));
    },
  };
}

/** @throws PublisherError INVALID_OPTIONS */
function hold(
  { directory }: FileSinkSettings,
  writers: ReadonlyMap<string, ChainWriter>,
  trouble: WriteTrouble,
): HeldDirectory {
  try {
    return holdDirectory({
      directory,
      waiting: (reason) => trouble.begin(DIRECTORY, reason),
      lost() {
        // What the new owner wrote is found when a file is opened.
        for (const writer of writers.values()) writer.distrust();
      },
    });
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw badFileSink(`directory ${directory} cannot be used: ${message}`, cause);
  }
}

interface Settlement {
  /** Waits until everything that is queued now is written or given up. false: not within the time. */
  wait(timeoutMs: number): Promise<boolean>;
  /** Something was settled. */
  look(): void;
}

function createSettlement(writers: ReadonlyMap<string, ChainWriter>): Settlement {
  const observers = new Set<() => void>();
  return {
    look() {
      for (const observer of observers) observer();
    },
    async wait(timeoutMs) {
      const targets = [...writers.values()].map((writer) => ({ writer, until: writer.queued }));
      const isSettled = (): boolean => targets.every(({ writer, until }) => writer.settled >= until);
      if (isSettled()) return true;
      const { promise, resolve } = Promise.withResolvers<boolean>();
      const observer = (): void => {
        if (isSettled()) resolve(true);
      };
      const timer = startTimer(timeoutMs, () => resolve(false));
      observers.add(observer);
      try {
        return await promise;
      } finally {
        timer.stop();
        observers.delete(observer);
      }
    },
  };
}
