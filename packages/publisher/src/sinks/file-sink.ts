/** Events into hash-chained files, one per organization, for a service that has no NATS. */
import { join } from 'node:path';
import { setTimeout as setTimeoutAsync } from 'node:timers/promises';
import { isSource, type KnownOptions, parseJson } from '@waybill/schema';
import type { Ack } from '../ack.ts';
import { type Backoff, createBackoff } from '../backoff.ts';
import { checkKinds, checkLogger, checkOptions } from '../check-options.ts';
import { createClock } from '../clock.ts';
import { type HeldDirectory, holdDirectory } from '../directory/held-directory.ts';
import type { Drop } from '../drop.ts';
import { checkPeriod, checkWait, startTimer } from '../duration.ts';
import { dropError, PublisherError } from '../error.ts';
import type { EventInput } from '../event-input.ts';
import { createStamper, type StamperOptions } from '../event/stamper.ts';
import { DEFAULT_WAIT_MS, type WaitOptions } from '../handle.ts';
import { CONSOLE_LOGGER, type PublisherLogger } from '../logger.ts';
import { createReporter } from '../reporter.ts';
import { withSignature } from '../signing/signature.ts';
import type { Sink } from '../sink.ts';
import { type ChainedEvent, type ChainFile, chainFileName, type FilePart, openChainFile } from './chain-file.ts';

export interface FileSinkOptions extends StamperOptions {
  /**
   * Where the chains are: `<orgid>.ndjson`, mode 0600, a capital `A` as `!a`. Created when missing. One process at a time
   * writes there; a second one waits, with its events in memory.
   */
  readonly directory: string;
  /** Events that may wait to be written; Infinity: no bound. Default: 16,384. */
  readonly maxQueueEvents?: number;
  /** Waits after a failed write are random, below a bound that doubles from 50 to here. Default: 5,000. */
  readonly backoffMaxMs?: number;
  /** Default: warnings go to the console. */
  readonly logger?: PublisherLogger;
  /** Called for each event that was not valid, for which there was no room, or that could not be written. */
  readonly onDrop?: (drop: Drop) => void;
}

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

interface Waiting extends ChainedEvent {
  readonly lost: Pick<Drop, 'type' | 'orgid' | 'producerseq'>;
  readonly settle: ((result: Ack | PublisherError) => void) | null;
}

/** The chain of one organization, and what is to be written to it. */
interface Lane {
  readonly orgid: string;
  readonly queue: Waiting[];
  readonly backoff: Backoff;
  file: ChainFile | null;
  /** The file is as it was left: it need not be read. */
  isOpen: boolean;
  /** After a failed write: what of the file is good. */
  goodPart: FilePart | undefined;
  /** Events that were queued, and of those the ones that are written or given up. */
  queued: number;
  settled: number;
  isRunning: boolean;
  running: Promise<void>;
}

/** Entries of one write: what a crash can cost at most, and what a slow disk is asked for at once. */
const BATCH_EVENTS = 256;
const BACKOFF_MIN_MS = 50;
const LOCK_RETRY_MS = 1_000;

export const FILE_SINK_OPTIONS: KnownOptions<FileSinkOptions> = {
  source: true,
  events: true,
  allowTypes: true,
  signer: true,
  clock: true,
  directory: true,
  maxQueueEvents: true,
  backoffMaxMs: true,
  logger: true,
  onDrop: true,
};

/** @throws PublisherError INVALID_OPTIONS when the directory cannot be used */
export function fileSink(options: FileSinkOptions): FileSink {
  checkOptions('fileSink', options, FILE_SINK_OPTIONS);
  checkKinds('fileSink', options, { onDrop: 'function', clock: 'function' });
  checkLogger('fileSink', options.logger);
  const { directory, source, maxQueueEvents = 16_384, backoffMaxMs = 5_000 } = options;
  const now = createClock(options.clock ?? Date.now);
  // From a configuration, they may be anything.
  if (!isSource(source))
    throw bad(`source is ${String(source)}, expected a URI-reference of the emitting service, such as //cas.example`);
  if (textOf(directory) === '') throw bad(`directory is ${directory}, expected the path of a folder`);
  if (!(typeof maxQueueEvents === 'number' && maxQueueEvents > 0)) throw bad(`maxQueueEvents is ${maxQueueEvents}`);
  checkPeriod('fileSink: backoffMaxMs', backoffMaxMs);
  const reporter = createReporter(options.logger ?? CONSOLE_LOGGER, options.onDrop);
  const stamper = createStamper(options, reporter.misspelt);
  const lanes = new Map<string, Lane>();
  /** Why nothing is written at present: by organization, and to the directory. */
  const troubles = new Map<Lane | 'directory', string>();
  const held = hold();
  /** Who waits for something to be settled. */
  const observers = new Set<() => void>();
  let emitted = 0;
  let written = 0;
  let dropped = 0;
  let closing: Promise<FileCloseResult> | null = null;
  const stop = new AbortController();

  function hold(): HeldDirectory {
    try {
      return holdDirectory({
        directory,
        waiting: (reason) => degraded('directory', reason),
        lost() {
          // What the new owner wrote is found when a file is opened.
          for (const lane of lanes.values()) {
            lane.isOpen = false;
            lane.goodPart = undefined;
          }
        },
      });
    } catch (cause) {
      throw bad(`directory ${directory} cannot be used: ${messageOf(cause)}`, cause);
    }
  }

  const pending = (): number => emitted - written - dropped;

  function take(input: EventInput, settle: Waiting['settle']): void {
    const stamped = stamper.stamp(input);
    emitted++;
    if (!stamped.ok) return refuse(stamped.drop, settle);
    const { orgid, event, text, subject } = stamped;
    const { type, producerseq } = event;
    const lost = { type, orgid, ...(producerseq && { producerseq }) };
    if (closing) return refuse({ reason: 'closed', detail: 'emitted after close()', ...lost }, settle);
    if (pending() > maxQueueEvents) {
      const detail = because(`${maxQueueEvents} events are pending`);
      return refuse({ reason: 'queue_full', detail, ...lost }, settle);
    }
    const lane = laneOf(orgid);
    lane.queue.push({ event: event as unknown as ChainedEvent['event'], text, subject, settle, lost });
    lane.queued++;
    if (lane.isRunning) return;
    lane.isRunning = true;
    lane.running = run(lane);
    // It handles what is foreseen itself.
    lane.running.catch((error: unknown) => reporter.degraded(String(error)));
  }

  function laneOf(orgid: string): Lane {
    const backoff = createBackoff({ minMs: BACKOFF_MIN_MS, maxMs: backoffMaxMs });
    const lane: Lane = lanes.get(orgid) ?? {
      orgid,
      queue: [],
      backoff,
      file: null,
      isOpen: false,
      goodPart: undefined,
      queued: 0,
      settled: 0,
      isRunning: false,
      running: Promise.resolve(),
    };
    lanes.set(orgid, lane);
    return lane;
  }

  function refuse(drop: Drop, settle: Waiting['settle']): void {
    dropped++;
    settle?.(dropError(drop));
    reporter.dropped(drop);
  }

  /** Writes what is queued, in order, until nothing is or the sink is closed. */
  async function run(lane: Lane): Promise<void> {
    while (lane.queue.length > 0 && !stop.signal.aborted) {
      if (!held.take()) {
        await pause(LOCK_RETRY_MS);
        continue;
      }
      // It settles within the signer's own time.
      await options.signer?.firstTry;
      const batch = lane.queue.slice(0, BATCH_EVENTS).map(signed);
      try {
        await held.synced();
        const file = lane.file && lane.isOpen ? lane.file : await reopen(lane);
        const first = file.seq + 1;
        // Another process may have it, if this one was stopped for long.
        if (!held.check()) continue;
        if (!(await file.append(batch, now()))) {
          await reopen(lane, true);
          continue;
        }
        lane.queue.splice(0, batch.length);
        written += batch.length;
        lane.settled += batch.length;
        lane.backoff.reset();
        recovered(lane);
        batch.forEach(({ settle }, i) => settle?.({ stream: 'FILE', seq: first + i, duplicate: false }));
        observe();
      } catch (error) {
        // Whole entries of the batch may be in the file; they are cut off before the batch is written again.
        lane.goodPart = lane.isOpen ? lane.file?.goodPart : lane.goodPart;
        lane.isOpen = false;
        await settleFailed(lane, error);
      }
    }
    lane.isRunning = false;
  }

  async function reopen(lane: Lane, isWhole = false): Promise<ChainFile> {
    const { orgid, goodPart, file } = lane;
    lane.isOpen = false;
    const path = join(directory, chainFileName(orgid));
    const memory = file?.memory;
    lane.file = await openChainFile({ path, orgid, goodPart, memory, isWhole, failed: reporter.fileFailed });
    lane.isOpen = true;
    lane.goodPart = undefined;
    return lane.file;
  }

  /** What was emitted before there was a key. */
  function signed(waiting: Waiting): Waiting {
    const identity = waiting.event['signature'] === undefined ? options.signer?.peek() : null;
    const text = identity ? withSignature(waiting.text, identity) : null;
    return text === null ? waiting : { ...waiting, text, event: parseJson(text) as ChainedEvent['event'] };
  }

  function degraded(place: Lane | 'directory', reason: string): void {
    troubles.set(place, reason);
    reporter.degraded(reason);
  }

  function recovered(lane: Lane): void {
    if (troubles.size === 0) return;
    troubles.delete(lane);
    troubles.delete('directory');
    if (troubles.size === 0) reporter.written();
  }

  function because(what: string): string {
    const [reason] = troubles.values();
    return reason === undefined ? what : `${what}: ${reason}`;
  }

  /** Waits for another try, or gives the events up. */
  async function settleFailed(lane: Lane, error: unknown): Promise<void> {
    if (!(error instanceof PublisherError)) {
      degraded(lane, `${lane.orgid}: ${messageOf(error)}`);
      return pause(lane.backoff.next());
    }
    // It may be the new owner's work.
    if (!held.renew()) return;
    // The chain was damaged or changed by somebody else: nothing that is tried again makes it right.
    lane.goodPart = undefined;
    troubles.delete(lane);
    giveUp(lane, 'not_written', error.message);
  }

  function giveUp(lane: Lane, reason: Drop['reason'], detail: string): void {
    for (const { settle, lost } of lane.queue.splice(0)) {
      lane.settled++;
      refuse({ reason, detail, ...lost }, settle);
    }
    observe();
  }

  /** Ends at once when the sink is closed, and leaves no listener behind. */
  async function pause(ms: number): Promise<void> {
    try {
      await setTimeoutAsync(ms, undefined, { signal: stop.signal });
    } catch {
      // Closed: the loop sees that itself.
    }
  }

  /** Waits until everything that is queued now is written or given up. */
  function whenSettled(timeoutMs: number): Promise<boolean> {
    const targets = [...lanes.values()].map((lane) => ({ lane, until: lane.queued }));
    const isSettled = (): boolean => targets.every(({ lane, until }) => lane.settled >= until);
    if (isSettled()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const done = (inTime: boolean): void => {
        timer.stop();
        observers.delete(look);
        resolve(inTime);
      };
      const look = (): void => {
        if (isSettled()) done(true);
      };
      const timer = startTimer(timeoutMs, () => done(false));
      observers.add(look);
    });
  }

  function observe(): void {
    for (const look of observers) look();
  }

  async function shutDown(timeoutMs: number): Promise<FileCloseResult> {
    await whenSettled(timeoutMs);
    stop.abort();
    // A write that is under way ends before the directory is given to another process.
    await Promise.all([...lanes.values()].map(({ running }) => running));
    for (const lane of lanes.values()) giveUp(lane, 'closed', because('not written when close() ended'));
    held.release();
    return { written, lost: dropped };
  }

  return {
    emit: (event) => take(event, null),
    async confirm(event, { timeoutMs = DEFAULT_WAIT_MS } = {}) {
      checkWait('confirm: timeoutMs', timeoutMs);
      await options.signer?.identity();
      return new Promise<Ack>((resolve, reject) => {
        const timer = startTimer(timeoutMs, () =>
          reject(new PublisherError('TIMEOUT', because(`not written within ${timeoutMs} ms`))),
        );
        take(event, (result) => {
          timer.stop();
          if (result instanceof PublisherError) reject(result);
          else resolve(result);
        });
      });
    },
    enabled: (type) => !closing && stamper.allows(type),
    flush: async ({ timeoutMs = DEFAULT_WAIT_MS }: WaitOptions = {}) =>
      whenSettled(checkWait('flush: timeoutMs', timeoutMs)),
    close: async ({ timeoutMs = DEFAULT_WAIT_MS }: WaitOptions = {}) =>
      (closing ??= shutDown(checkWait('close: timeoutMs', timeoutMs))),
    stats: () => ({ emitted, written, pending: pending(), dropped }),
    async [Symbol.asyncDispose]() {
      await (closing ??= shutDown(DEFAULT_WAIT_MS));
    },
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function bad(detail: string, cause?: unknown): PublisherError {
  return new PublisherError('INVALID_OPTIONS', `fileSink: ${detail}`, cause === undefined ? {} : { cause });
}
