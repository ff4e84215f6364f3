/**
 * Writes the events of one organization to its chain file, in order and a batch at a time, until none is left. A write
 * that fails is tried again; a file that does not verify is not, and its events are given up.
 */
import { setTimeout as setTimeoutAsync } from 'node:timers/promises';
import { parseJson } from '@waybill/schema/internal';
import type { Ack } from '../ack.ts';
import { createBackoff } from '../backoff.ts';
import type { HeldDirectory } from '../directory/held-directory.ts';
import type { Drop } from '../drop.ts';
import { PublisherError } from '../error.ts';
import type { Reporter } from '../reporter.ts';
import { withSignature } from '../signing/signature.ts';
import { type ChainedEvent, type ChainFile, chainFilePath, type FilePart, openChainFile } from './chain-file.ts';
import type { FileSinkSettings } from './file-sink-options.ts';
import type { WriteTrouble } from './write-trouble.ts';

export interface QueuedEvent extends ChainedEvent {
  /** What a drop says of it. */
  readonly origin: Pick<Drop, 'type' | 'orgid' | 'producerseq'>;
  readonly settle: ((result: Ack | PublisherError) => void) | null;
  /** The sink made it when it was closed. */
  readonly isEnd: boolean;
}

export interface ChainWriterOptions {
  readonly orgid: string;
  readonly settings: FileSinkSettings;
  readonly held: HeldDirectory;
  readonly trouble: WriteTrouble;
  readonly reporter: Reporter;
  /** The sink is closed: the batch that is being written is the last. */
  readonly stop: AbortSignal;
  /** Events are in the file, and the file is synced. */
  written(events: readonly QueuedEvent[]): void;
  /** Events are given up. There may be very many, and none. */
  dropped(events: readonly QueuedEvent[], why: Pick<Drop, 'reason' | 'detail'>): void;
}

export interface ChainWriter {
  push(event: QueuedEvent): void;
  /** Gives up what is queued. */
  giveUp(reason: Drop['reason'], detail: string): void;
  /** Another process had the directory: the file may have changed, and is read again before the next write. */
  distrust(): void;
  /** Ends when nothing is queued any more, or the sink is closed. */
  readonly running: Promise<void>;
  /** Events that were pushed so far, and of them those that are written or given up. */
  progress(): { readonly queued: number; readonly settled: number };
}

/** Entries of one write: what a crash can cost at most, and what a slow disk is asked for at once. */
const BATCH_EVENTS = 256;
const BACKOFF_MIN_MS = 50;
const LOCK_RETRY_MS = 1_000;

export function createChainWriter(options: ChainWriterOptions): ChainWriter {
  const { orgid, settings, held, trouble, reporter, stop } = options;
  const backoff = createBackoff({ minMs: BACKOFF_MIN_MS, maxMs: settings.backoffMaxMs });
  const chain = createReopenedFile(options);
  const queue = createEventQueue();
  let isRunning = false;
  let running: Promise<void> = Promise.resolve();

  async function run(): Promise<void> {
    while (queue.length > 0 && !stop.aborted) {
      if (!held.take()) await pause(LOCK_RETRY_MS, stop);
      else await writeBatch();
    }
    isRunning = false;
  }

  async function writeBatch(): Promise<void> {
    // The signer's `timeoutMs` bounds this wait.
    await settings.signer?.firstTry;
    const batch = queue.oldest(BATCH_EVENTS).map((event) => signed(event, settings.signer));
    try {
      await held.synced();
      const file = await chain.open();
      const first = file.seq + 1;
      // Another process may have it, if this one was stopped for long.
      if (!held.check()) return;
      if (await file.append(batch, settings.now())) settleWritten(batch, first);
      // Somebody else changed the file. A rotation may have truncated it, and the chain can go on.
      else await chain.reopenWhole();
    } catch (error) {
      chain.failed();
      await settleFailed(error);
    }
  }

  function settleWritten(batch: readonly QueuedEvent[], firstSeq: number): void {
    queue.settle(batch.length);
    backoff.reset();
    trouble.end(orgid);
    options.written(batch);
    batch.forEach(({ settle }, i) => settle?.({ stream: 'FILE', seq: firstSeq + i, duplicate: false }));
  }

  /** Waits for another try, or gives the events up. */
  async function settleFailed(error: unknown): Promise<void> {
    if (!(error instanceof PublisherError)) {
      trouble.begin(orgid, `${orgid}: ${error instanceof Error ? error.message : String(error)}`);
      return pause(backoff.next(), stop);
    }
    // If another process owns the directory now, what does not verify may be its work.
    if (!held.renew()) return;
    // The chain was damaged or changed by somebody else: nothing that is tried again makes it right.
    chain.distrust();
    trouble.forget(orgid);
    giveUp('not_written', error.message);
  }

  function giveUp(reason: Drop['reason'], detail: string): void {
    options.dropped(queue.settle(queue.length), { reason, detail });
  }

  return {
    push(event) {
      queue.push(event);
      if (isRunning) return;
      isRunning = true;
      running = run();
      // It handles what is foreseen itself.
      running.catch((error: unknown) => reporter.degraded(String(error)));
    },
    giveUp,
    distrust: chain.distrust,
    get running() {
      return running;
    },
    progress: queue.progress,
  };
}

interface EventQueue {
  readonly length: number;
  progress: ChainWriter['progress'];
  push(event: QueuedEvent): void;
  oldest(max: number): QueuedEvent[];
  /** Takes the oldest `count` off. */
  settle(count: number): QueuedEvent[];
}

function createEventQueue(): EventQueue {
  const events: QueuedEvent[] = [];
  let queued = 0;
  return {
    get length() {
      return events.length;
    },
    progress: () => ({ queued, settled: queued - events.length }),
    push(event) {
      events.push(event);
      queued++;
    },
    oldest: (max) => events.slice(0, max),
    settle: (count) => events.splice(0, count),
  };
}

/** Signs what was emitted before there was a key. */
function signed(event: QueuedEvent, signer: FileSinkSettings['signer']): QueuedEvent {
  const identity = event.event['signature'] === undefined ? signer?.peek() : null;
  const text = identity ? withSignature(event.text, identity) : null;
  return text === null ? event : { ...event, text, event: parseJson(text) as ChainedEvent['event'] };
}

/** Ends at once when the sink is closed, and leaves no listener behind. */
async function pause(ms: number, stop: AbortSignal): Promise<void> {
  try {
    await setTimeoutAsync(ms, undefined, { signal: stop });
  } catch {
    // Closed: the loop sees that itself.
  }
}

interface ReopenedFile {
  /** The file as it was left by the last append, else read and verified anew. @throws as `openChainFile` does */
  open(): Promise<ChainFile>;
  /** Reads the file anew. A last line without an end is not a crash's: somebody else is writing. */
  reopenWhole(): Promise<void>;
  /** Whole entries of a failed batch may be in the file; they are cut off before the batch is written again. */
  failed(): void;
  /** The next `open` reads the file again, and cuts nothing off. */
  distrust(): void;
}

function createReopenedFile({ orgid, settings, reporter }: ChainWriterOptions): ReopenedFile {
  const path = chainFilePath(settings.directory, orgid);
  let file: ChainFile | null = null;
  /** The file is as it was left: it need not be read. */
  let isOpen = false;
  /** After a failed write: what of the file is good. */
  let goodPart: FilePart | undefined;

  const reopen = async (isWhole: boolean): Promise<ChainFile> => {
    isOpen = false;
    const memory = file?.memory;
    file = await openChainFile({ path, orgid, goodPart, memory, isWhole, failed: reporter.fileFailed });
    isOpen = true;
    goodPart = undefined;
    return file;
  };

  return {
    open: async () => (file !== null && isOpen ? file : reopen(false)),
    async reopenWhole() {
      await reopen(true);
    },
    failed() {
      if (isOpen) goodPart = file?.goodPart;
      isOpen = false;
    },
    distrust() {
      isOpen = false;
      goodPart = undefined;
    },
  };
}
