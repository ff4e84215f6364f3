/** One uninterrupted time as the writer: from opening the ledger to the first thing that goes wrong. */
import type { JetStreamManager } from '@nats-io/jetstream';
import { type ChainState, EPOCH_STRIDE, SYSTEM_CHAIN } from '@waybill/schema';
import { shiftReader } from '../audit/epoch.ts';
import { checkSameStream } from '../audit/same-stream.ts';
import { explain, isRefusal } from '../nats/nats-error.ts';
import { createOrderedReader } from '../nats/ordered-reader.ts';
import { lastSeqOf, type StreamItem } from '../nats/stream-item.ts';
import { type Committer, createCommitter } from './committer.ts';
import type { ConsumerOptions } from './consumer-options.ts';
import { enterEpoch, type EnterOptions, StreamChangedError } from './enter-epoch.ts';
import { type Fold, NO_SIZES, type Place, type RoutedItem } from './fold.ts';
import { type Ledger, openLedger } from './ledger-writer.ts';
import { refuseNewerRecords } from './newer-ledger.ts';
import { createOpenBlocks, type OpenBlocks } from './open-blocks.ts';
import { checkPayloadLimit } from './payload-limit.ts';
import type { Progress } from './progress.ts';
import { createSizeLoader, type SizeLoader } from './size-loader.ts';
import { startStreamRecorder, type StreamRecorder } from './stream-recorder.ts';
import type { WriterPaths } from './writer-paths.ts';

export interface SessionOptions
  extends
    Required<Omit<ConsumerOptions, 'events' | 'takeoverMs' | 'fastPaths' | 'onCommit' | 'streamHistory'>>,
    Pick<ConsumerOptions, 'onCommit' | 'streamHistory'> {
  readonly jsm: JetStreamManager;
  readonly paths: WriterPaths;
  readonly fold: Fold;
  /** Names this process. */
  readonly writer: string;
  readonly progress: Progress;
  readonly stop: AbortSignal;
  readonly onOpening: EnterOptions['onOpening'];
  /** Called before reading begins, with a function that ends the session. */
  readonly onStart: (breakOff: (error: Error) => void) => void;
  /** Called once, when the stream of events can be read, and writing begins. */
  readonly onReading: () => void;
}

/** Resolves when asked to stop, with nothing in flight; rejects when anything goes wrong. */
export async function runSession(session: SessionOptions): Promise<void> {
  const { nc, jsm, auditStream, logger, progress, stop, writer } = session;
  checkPayloadLimit(nc);
  await refuseNewerRecords(jsm, session);
  const { base, start, record, info, confirm } = await enterEpoch({ ...session, settings: session });
  const ledger = await openLedger({ ...session, settings: session });
  using cleanup = new DisposableStack();
  cleanup.defer(() => ledger.close());

  // One that somebody else owns may be another one; `enterEpoch` has seen to that.
  if (!session.bind && record === null) {
    // Looked at after the ledger: another writer may have gone on since the epoch was entered.
    const { state: audit } = await jsm.streams.info(auditStream);
    await checkSameStream({ jsm, settings: session, audit, watermark: ledger.watermark });
  }
  await ledger.load([SYSTEM_CHAIN]);
  // A writer that was overtaken may have repeated a watermark of the epoch before.
  const watermark = Math.max(ledger.watermark, start);
  // After the chain is loaded: should it have a newer block by now, ours are refused, and the next session looks again.
  const history = session.streamHistory;
  const recorder = history && (await startStreamRecorder({ jsm, settings: session, history, watermark }));
  ledger.streamsAt = recorder?.recordedAt ?? null;

  /** Why there is nothing more to read. What has arrived is chained first: it may be nowhere else any more. */
  let ended: Error | null = null;
  const source = createOrderedReader({
    nc,
    jsm,
    stream: auditStream,
    tapDeliveries: session.paths.tapDeliveries,
    startSeq: watermark + 1 - base,
    maxBufferedMessages: 1_024,
    maxBufferedBytes: 8 * 1024 * 1024,
    confirm: () => confirm(source.position),
    onReading() {
      session.onReading();
      logger.info({ watermark, audit: base + info.state.last_seq, writer }, 'writing');
    },
    onReset(reason, cause) {
      if (!isRefusal(cause) && !(cause instanceof StreamChangedError))
        return logger.info({ stream: auditStream, reason }, 'reading goes on with a new consumer');
      ended = cause instanceof StreamChangedError ? cause : explain(cause, `read stream ${auditStream}`);
      source.finish();
    },
  });
  const reader = shiftReader(source, base);
  cleanup.defer(() => reader.close());
  /** Ends all waiting, for a reason in `failure` or because of a wish to stop. */
  const end = new AbortController();
  end.signal.addEventListener('abort', () => reader.close());
  const onStop = () => end.abort();
  stop.addEventListener('abort', onStop);
  cleanup.defer(() => stop.removeEventListener('abort', onStop));
  if (stop.aborted) onStop();

  let failure: Error | null = null;
  function breakOff(error: Error): void {
    failure ??= error;
    ledger.fail(error);
    end.abort();
  }

  const blocks = createOpenBlocks(ledger.chains, watermark);
  const committer = createCommitter(ledger, {
    onCommitted(commit, counts) {
      progress.watermark = blocks.watermark;
      progress.commits++;
      progress.blocks += commit.blocks;
      progress.entries += commit.entries;
      progress.rejected += counts.rejected;
      progress.duplicates += counts.duplicates;
      progress.beyondWindow += counts.beyondWindow;
      progress.gaps += counts.gaps;
      progress.lastCommitMs = commit.ms;
      if (blocks.latestReceived > (progress.latestReceived ?? '')) progress.latestReceived = blocks.latestReceived;
      progress.chains = ledger.chains.size;
      progress.lag = reader.position - progress.watermark + reader.pending;
      session.onCommit?.(commit.ms);
    },
    onFailed: breakOff,
  });
  const sizes = createSizeLoader({ nc, jsm, settings: session, signal: end.signal });

  progress.watermark = watermark;
  progress.lag = base + info.state.last_seq - watermark;
  progress.epoch = record?.epoch ?? 0;
  session.onStart(breakOff);

  const writing = createWriting(session, { ledger, blocks, committer, sizes, recorder });
  const chunk = Math.min(CHUNK, session.maxOpenEntries);
  const idleMs = recorder && IDLE_MS;
  try {
    while (!end.signal.aborted) {
      const items = await reader.next(chunk, writing.isEmpty ? idleMs : PATIENCE_MS);
      if (end.signal.aborted) break;
      await writing.chain(items);
      // Under a backlog blocks grow, because large ones cost less; otherwise nobody waits for them.
      const isAll = reader.pending === 0 && reader.buffered === 0;
      if (isAll || items.length === 0) await writing.flush();
      else await writing.trim();
      // All of it was in the ledger, stored by several writers of whom none could say so.
      if (isAll) await writing.claim(items.at(-1));
      if (ended !== null && reader.buffered === 0) break;
    }
    // Whoever was broken off sends nothing more, and does not wait for an answer.
    if (failure) throw failure as Error;
    await writing.flush();
    await committer.drain();
  } catch (error) {
    // What was broken off fails somewhere; why it was is what matters.
    throw failure ?? error;
  }
  if (failure) throw failure as Error;
  if (ended) throw ended as Error;
}

/** Messages, and events in them, that are folded at once, about. What a message becomes on the way lives as long: short enough to die young. */
const CHUNK = 512;
/** How long blocks wait for messages that the server has and does not deliver. */
const PATIENCE_MS = 50;
/** How long a change of the streams waits for a commit that it could be recorded with; then it gets one of its own. */
const IDLE_MS = 1_000;

/** Small at first, so that the first commit, and what is wrong with it, is seen soon. */
const FIRST_OPEN_BYTES = 1024 * 1024;
/** While the open blocks grow. */
const SIGN_OF_LIFE_BYTES = 64 * 1024;
/** What is stored at once: an atomic batch, if blocks are small. */
const COMMIT_BYTES = 2 * 1024 * 1024;
/**
 * A block costs as much as two entries, and with `sync_interval: always` a sync: then so much that blocks are large. They
 * have twice of this when they are sealed.
 */
const OPEN_BYTES_PER_BLOCK = 96 * 1024;
/** Every block keeps its chain in memory until it is stored. */
const MAX_OPEN_BLOCKS = 12_000;

interface Writing {
  /** Folds items into the open blocks. Stores them only when the sizes of earlier uploads have to be read back. */
  chain(items: readonly StreamItem[]): Promise<void>;
  /** Has the oldest blocks stored, if there is too much in them all. */
  trim(): Promise<void>;
  /** Has everything stored, and claimed. */
  flush(): Promise<void>;
  /** Says that everything up to an item is chained, if no block has. */
  claim(item: StreamItem | undefined): Promise<void>;
  readonly isEmpty: boolean;
}

interface WritingParts {
  readonly ledger: Ledger;
  readonly blocks: OpenBlocks;
  readonly committer: Committer;
  readonly sizes: SizeLoader;
  readonly recorder: StreamRecorder | undefined;
}

function createWriting(
  { fold, maxOpenEntries, maxOpenBytes }: SessionOptions,
  { ledger, blocks, committer, sizes, recorder }: WritingParts,
): Writing {
  let wantedBytes = Math.min(FIRST_OPEN_BYTES, maxOpenBytes);
  /** Of the last item that was folded, in this session or before it. */
  let last: Place | null = recorder?.place ?? null;

  /** Not before all items up to `last` are folded: nothing of `_system` may come after a record at its sequence. */
  function recordStreams(): void {
    if (!recorder || !last) return;
    const { head } = ledger.chains.get(SYSTEM_CHAIN) as ChainState;
    // An epoch is found by its record's number, which no other entry may have (epoch.ts): not before its first message.
    if (Math.max(last.seq, head.sourceSeq) % EPOCH_STRIDE === 0) return;
    const state = { chains: ledger.chains, sizes: NO_SIZES };
    for (const record of blocks.entries === 0 ? recorder.takeIdle() : recorder.take())
      fold.note(record, last, state, blocks);
  }

  const isFull = (): boolean =>
    blocks.bytes >= wantedBytes || blocks.entries >= maxOpenEntries || blocks.blocks >= MAX_OPEN_BLOCKS;

  /** Waits where there are only blocks whose chain has another one on its way. @returns false: only the last is left */
  async function storeOldest(most: { entries: number; bytes: number }): Promise<boolean> {
    const oldest = blocks.sealOldest(most);
    if (oldest.length > 0) await committer.store(oldest, blocks.takeCounts());
    else if (blocks.blocks > 1) await committer.progress();
    else return false;
    return true;
  }

  async function trim(): Promise<void> {
    if (!isFull()) return;
    recordStreams();
    const target = Math.min(Math.max(OPEN_BYTES_PER_BLOCK * blocks.blocks, FIRST_OPEN_BYTES), maxOpenBytes);
    const entries = Math.ceil(maxOpenEntries / 4);
    if (wantedBytes < target) {
      // Nothing else is stored while it grows, and another consumer must not take this one for dead.
      await storeOldest({ entries, bytes: SIGN_OF_LIFE_BYTES });
      wantedBytes += 2 * COMMIT_BYTES;
    }
    wantedBytes = Math.min(wantedBytes, target);
    // A few at a time, so that the others grow old.
    const most = { entries, bytes: Math.min(COMMIT_BYTES, wantedBytes / 4) };
    while (isFull() && (await storeOldest(most)));
  }

  async function flush(): Promise<void> {
    recordStreams();
    if (blocks.entries === 0) return;
    const { position } = blocks;
    await committer.drain();
    await committer.claim(blocks.sealAll(), blocks.takeCounts(), position);
  }

  async function chainRouted(routed: readonly RoutedItem[]): Promise<void> {
    for (let start = 0; start < routed.length;) {
      ledger.evict(blocks.holds);
      await ledger.load(orgidsOf(routed, start));
      const result = fold.run(routed, start, { chains: ledger.chains, sizes: sizes.memories }, blocks);
      const next = result.done ? routed.length : result.index;
      if (next > start) {
        const { item, isLast } = routed[next - 1] as RoutedItem;
        // In the middle of a message that holds several events, what is before it is all that can be claimed.
        blocks.position = isLast ? lastSeqOf(item) : lastSeqOf(item) - 1;
        last = { seq: blocks.position, received: item.received };
      }
      if (!result.done) {
        const { head } = ledger.chains.get(result.orgid) as ChainState;
        // What is read back must be in the ledger.
        await flush();
        await committer.drain();
        await sizes.load(head);
      }
      start = next;
    }
  }

  return {
    async chain(items) {
      let routed: RoutedItem[] = [];
      for (const item of items) {
        fold.route(item, routed);
        if (routed.length < CHUNK) continue;
        // Messages may hold many events each: not all of them at once.
        await chainRouted(routed);
        await trim();
        routed = [];
      }
      await chainRouted(routed);
      sizes.trim();
    },
    trim,
    flush,
    async claim(item) {
      if (!item || committer.claimed >= lastSeqOf(item)) return;
      fold.mark(item, { chains: ledger.chains, sizes: NO_SIZES }, blocks);
      await flush();
    },
    get isEmpty() {
      return blocks.entries === 0;
    },
  };
}

function* orgidsOf(routed: readonly RoutedItem[], start: number): Generator<string> {
  for (let i = start; i < routed.length; i++) yield (routed[i] as RoutedItem).orgid;
}
