/**
 * The `sinks/` room: whatever takes events as a publisher does. Files, memory for tests, nothing at all, several sinks
 * at once, or what the environment chooses. Sinks import the publisher, never the other way round.
 *
 * This file writes events into hash-chained files, one for each organization, for a service without NATS.
 */
import type { Ack } from '../ack.ts';
import { type HeldDirectory, holdDirectory } from '../directory/held-directory.ts';
import type { Drop } from '../drop.ts';
import { checkWait, within } from '../duration.ts';
import { dropError, PublisherError } from '../error.ts';
import type { EventInput } from '../event-input.ts';
import { createStamper, type Stamped, type Stamper } from '../event/sink-stamper.ts';
import { DEFAULT_WAIT_MS, type WaitOptions } from '../handle.ts';
import { createReporter, type Reporter } from '../reporter.ts';
import type { Sink } from '../sink.ts';
import type { ChainedEvent } from './chain-file.ts';
import { type ChainWriter, type ChainWriterOptions, createChainWriter, type QueuedEvent } from './chain-writer.ts';
import { badFileSink, type FileSinkOptions, type FileSinkSettings, readFileSinkOptions } from './file-sink-options.ts';
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
  /**
   * Stops taking events, writes `producer.closed` for each organization that had one, waits like `flush`, and drops what
   * is left as `closed`. `producer.closed` is in no sum.
   *
   * @returns the sums of the sink's life
   */
  close(options?: WaitOptions): Promise<FileCloseResult>;
  stats(): FileSinkStats;
}

/** @throws PublisherError INVALID_OPTIONS when the directory cannot be used */
export function fileSink(options: FileSinkOptions): FileSink {
  const settings = readFileSinkOptions(options);
  const { maxQueueEvents } = settings;
  const reporter = createReporter(settings.logger, settings.onDrop);
  const trouble = createWriteTrouble(reporter);
  const stamper = createStamper(options, reporter.misspelt);
  const writers = new Map<string, ChainWriter>();
  const held = hold(settings, writers, trouble);
  const settlement = createSettlement(writers);
  const stop = new AbortController();
  const accounts = createAccounts(reporter);
  let closing: Promise<FileCloseResult> | null = null;
  const writing: Omit<ChainWriterOptions, 'orgid'> = {
    settings,
    held,
    trouble,
    reporter,
    stop: stop.signal,
    written(events) {
      accounts.written(events);
      settlement.look();
    },
    dropped(events, why) {
      accounts.givenUp(events, why);
      // Once for all of them: every flush that waits is looked at.
      settlement.look();
    },
  };

  function take(input: EventInput, settle: QueuedEvent['settle']): void {
    const stamped = stamper.stamp(input);
    accounts.emitted();
    if (!stamped.ok) return accounts.dropped(stamped.drop, settle);
    const event = queued(stamped, settle);
    const { origin } = event;
    if (closing) return accounts.dropped({ reason: 'closed', detail: 'emitted after close()', ...origin }, settle);
    if (accounts.read().pending > maxQueueEvents) {
      const detail = trouble.explain(`${maxQueueEvents} events are pending`);
      return accounts.dropped({ reason: 'queue_full', detail, ...origin }, settle);
    }
    writerOf(stamped.orgid).push(event);
  }

  function writerOf(orgid: string): ChainWriter {
    const writer = writers.get(orgid) ?? createChainWriter({ ...writing, orgid });
    writers.set(orgid, writer);
    return writer;
  }

  const shutDown = (timeoutMs: number): Promise<FileCloseResult> => (closing ??= settleAll(timeoutMs));

  async function settleAll(timeoutMs: number): Promise<FileCloseResult> {
    // By the next turn the sink is known to be closing: what a callback emits from here on is too late.
    await Promise.resolve();
    for (const { orgid, end } of endsOf(stamper, reporter)) writerOf(orgid).push(end);
    await settlement.wait(timeoutMs);
    stop.abort();
    // A write that is under way ends before the directory is given to another process.
    await Promise.all([...writers.values()].map(({ running }) => running));
    const detail = trouble.explain('not written when close() ended');
    for (const writer of writers.values()) writer.giveUp('closed', detail);
    held.release();
    const { written, dropped } = accounts.read();
    return { written, lost: dropped };
  }

  return {
    emit: (event) => take(event, null),
    confirm: async (event, { timeoutMs = DEFAULT_WAIT_MS } = {}) =>
      confirmWritten(event, { take, settings, trouble, timeoutMs: checkWait('confirm: timeoutMs', timeoutMs) }),
    enabled: (type) => !closing && stamper.allows(type),
    flush: async ({ timeoutMs = DEFAULT_WAIT_MS } = {}) => settlement.wait(checkWait('flush: timeoutMs', timeoutMs)),
    close: async ({ timeoutMs = DEFAULT_WAIT_MS } = {}) => shutDown(checkWait('close: timeoutMs', timeoutMs)),
    stats: accounts.read,
    async [Symbol.asyncDispose]() {
      await shutDown(DEFAULT_WAIT_MS);
    },
  };
}

function queued({ orgid, event, text, subject }: Stamped & { ok: true }, settle: QueuedEvent['settle']): QueuedEvent {
  const { type, producerseq } = event;
  const origin = { type, orgid, ...(producerseq && { producerseq }) };
  return { event: event as unknown as ChainedEvent['event'], text, subject, settle, origin, isEnd: false };
}

/** The last event of each organization, which says that there are no more. */
function* endsOf(
  stamper: Stamper,
  reporter: Reporter,
): Generator<{ readonly orgid: string; readonly end: QueuedEvent }> {
  for (const stamped of stamper.ends()) {
    if (stamped.ok) yield { orgid: stamped.orgid, end: { ...queued(stamped, null), isEnd: true } };
    else reporter.endDropped(stamped.drop);
  }
}

interface Confirming {
  readonly settings: FileSinkSettings;
  readonly trouble: WriteTrouble;
  readonly timeoutMs: number;
  take(event: EventInput, settle: QueuedEvent['settle']): void;
}

async function confirmWritten(event: EventInput, { take, settings, trouble, timeoutMs }: Confirming): Promise<Ack> {
  await settings.signer?.identity();
  const { promise, resolve } = Promise.withResolvers<Ack | PublisherError>();
  take(event, resolve);
  const result = await within(
    promise,
    timeoutMs,
    () => new PublisherError('TIMEOUT', trouble.explain(`not written within ${timeoutMs} ms`)),
  );
  if (result instanceof PublisherError) throw result;
  return result;
}

interface FileAccounts {
  emitted(): void;
  /** Ends are in no sum. */
  written(events: readonly QueuedEvent[]): void;
  /** The same of each of them as of one that is dropped. Of an end only the log hears. */
  givenUp(events: readonly QueuedEvent[], why: Pick<Drop, 'reason' | 'detail'>): void;
  /** Whoever confirms the event hears of it, and the log. */
  dropped(drop: Drop, settle: QueuedEvent['settle']): void;
  read(): FileSinkStats;
}

function createAccounts(reporter: Reporter): FileAccounts {
  let emitted = 0;
  let written = 0;
  let dropped = 0;
  const drop: FileAccounts['dropped'] = (one, settle) => {
    dropped++;
    settle?.(dropError(one));
    reporter.dropped(one);
  };
  return {
    emitted: () => void emitted++,
    written(events) {
      written += events.filter(({ isEnd }) => !isEnd).length;
    },
    givenUp(events, why) {
      for (const { settle, origin, isEnd } of events) {
        if (isEnd) reporter.endDropped({ ...why, ...origin });
        else drop({ ...why, ...origin }, settle);
      }
    },
    dropped: drop,
    read: () => ({ emitted, written, pending: emitted - written - dropped, dropped }),
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
      const targets = [...writers.values()].map((writer) => ({ writer, until: writer.progress().queued }));
      const isSettled = (): boolean => targets.every(({ writer, until }) => writer.progress().settled >= until);
      if (isSettled()) return true;
      const { promise, resolve } = Promise.withResolvers<boolean>();
      const observer = (): void => {
        if (isSettled()) resolve(true);
      };
      observers.add(observer);
      try {
        return await within(promise, timeoutMs, () => false);
      } finally {
        observers.delete(observer);
      }
    },
  };
}
