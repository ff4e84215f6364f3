/** One uninterrupted time as the writer: from opening the ledger to the first thing that goes wrong. */
import type { JetStreamManager } from '@nats-io/jetstream';
import { type ChainState, SYSTEM_CHAIN } from '@waybill/schema';
import { createBatch } from './batch.ts';
import { type Committer, createCommitter } from './committer.ts';
import type { ConsumerOptions } from './consumer.ts';
import type { Fold, RoutedItem } from './fold.ts';
import { type Ledger, openLedger } from './ledger.ts';
import { createReader, type StreamItem } from './reader.ts';
import { checkSameStream } from './same-stream.ts';
import { startStreamRecorder, type StreamRecorder } from './stream-record.ts';
import { createSizeLoader, type SizeLoader } from './size-loader.ts';

export interface SessionProgress {
  /** Every AUDIT message up to here is in the ledger. */
  watermark: number;
  /** AUDIT messages that are not, when last counted. */
  lag: number;
  /** Commits, and blocks in them, since the start of the process. */
  commits: number;
  blocks: number;
  /** Chains whose state is in memory. */
  chains: number;
  /** Milliseconds that the last commit took. */
  lastCommitMs: number | null;
}

export interface SessionOptions
  extends
    Required<Omit<ConsumerOptions, 'events' | 'takeoverMs' | 'restartMs' | 'onCommit' | 'streamHistory'>>,
    Pick<ConsumerOptions, 'onCommit' | 'streamHistory'> {
  readonly jsm: JetStreamManager;
  readonly fold: Fold;
  /** Names this process. */
  readonly writer: string;
  readonly progress: SessionProgress;
  readonly stop: AbortSignal;
  /** Called when writing begins, with a function that ends it. */
  readonly onStart: (breakOff: (error: Error) => void) => void;
}

/** Resolves when asked to stop, with nothing in flight; rejects when anything goes wrong. */
export async function runSession(session: SessionOptions): Promise<void> {
  const { nc, jsm, auditStream, logger, progress, stop, writer, ackTimeoutMs } = session;
  const ledger = await openLedger({ nc, jsm, settings: session, writer, ackTimeoutMs });
  using cleanup = new DisposableStack();
  cleanup.defer(() => ledger.close());

  const { state: audit } = await jsm.streams.info(auditStream);
  await checkSameStream({ jsm, settings: session, audit, watermark: ledger.watermark });
  await ledger.load([SYSTEM_CHAIN]);
  // After the chain is loaded: should it have a newer block by now, ours are refused, and the next session looks again.
  const recorder =
    session.streamHistory && (await startStreamRecorder({ jsm, settings: session, history: session.streamHistory }));
  ledger.streamsAt = recorder?.recordedAt ?? null;

  const reader = createReader({
    nc,
    jsm,
    stream: auditStream,
    startSeq: ledger.watermark + 1,
    onReset: (reason) => logger.info({ stream: auditStream, reason }, 'reading goes on with a new consumer'),
  });
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

  const committer = createCommitter(ledger, {
    onCommitted({ blocks, ms, watermark }) {
      progress.watermark = watermark;
      progress.commits++;
      progress.blocks += blocks;
      progress.lastCommitMs = ms;
      progress.chains = ledger.chains.size;
      progress.lag = reader.position - watermark + reader.pending;
      session.onCommit?.(ms);
    },
    onFailed: breakOff,
  });
  const sizes = createSizeLoader({ nc, jsm, settings: session, signal: end.signal });

  progress.watermark = ledger.watermark;
  progress.lag = audit.last_seq - ledger.watermark;
  session.onStart(breakOff);
  logger.info({ watermark: ledger.watermark, audit: audit.last_seq, writer }, 'writing');

  for (;;) {
    const items = await reader.next(session.maxBatchMessages);
    if (failure) throw failure as Error;
    if (items.length === 0) break;
    await chain(items.map(session.fold.route), { fold: session.fold, ledger, committer, sizes, recorder });
    // All of it was in the ledger, stored by several writers of whom none could say so.
    if (reader.pending === 0) await claim(items.at(-1) as StreamItem, { fold: session.fold, ledger, committer });
  }
  await committer.drain();
}

async function claim(
  item: StreamItem,
  { fold, ledger, committer }: Omit<Writing, 'sizes' | 'recorder'>,
): Promise<void> {
  const position = lastSeqOf({ item });
  if (committer.claimed >= position) return;
  const batch = createBatch(ledger.chains);
  fold.mark(item, { chains: ledger.chains, sizes: new Map() }, batch);
  await committer.submit(batch, position);
}

interface Writing {
  readonly fold: Fold;
  readonly ledger: Ledger;
  readonly committer: Committer;
  readonly sizes: SizeLoader;
  readonly recorder: StreamRecorder | undefined;
}

/** Folds items and submits them: as one commit, unless the sizes of earlier uploads have to be read back in between. */
async function chain(
  items: readonly RoutedItem[],
  { fold, ledger, committer, sizes, recorder }: Writing,
): Promise<void> {
  await ledger.load(new Set(items.map(({ orgid }) => orgid)));
  for (let start = 0; start < items.length;) {
    const batch = createBatch(ledger.chains);
    const result = fold.run(items, start, { chains: ledger.chains, sizes: sizes.memories }, batch);
    const end = result.done ? items.length : result.index;
    if (end > start) {
      const last = items[end - 1] as RoutedItem;
      // Not before all items up to it are folded: nothing of `_system` may come after a record at its sequence.
      for (const record of recorder?.take() ?? [])
        fold.note(record, last.item, { chains: ledger.chains, sizes: new Map() }, batch);
      await committer.submit(batch, lastSeqOf(last));
    }
    if (!result.done) {
      // What is read back must be in the ledger.
      await committer.drain();
      await sizes.load((ledger.chains.get(result.orgid) as ChainState).head);
    }
    start = end;
  }
  sizes.trim();
}

function lastSeqOf({ item }: Pick<RoutedItem, 'item'>): number {
  return item.kind === 'gap' ? item.last : item.seq;
}
