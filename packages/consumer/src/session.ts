/** One uninterrupted time as the writer: from opening the ledger to the first thing that goes wrong. */
import type { JetStreamManager } from '@nats-io/jetstream';
import { type ChainState, SYSTEM_CHAIN } from '@waybill/schema';
import { createBatch } from './batch.ts';
import { type Committer, createCommitter } from './committer.ts';
import type { ConsumerOptions } from './consumer.ts';
import { enterEpoch, type EnterOptions, StreamChangedError } from './enter-epoch.ts';
import { shiftReader } from './epoch.ts';
import type { Fold, RoutedItem } from './fold.ts';
import { type Ledger, openLedger } from './ledger.ts';
import { explain, isRefusal } from './nats-error.ts';
import { createReader, type StreamItem } from './reader.ts';
import { createSizeLoader, type SizeLoader } from './size-loader.ts';

export interface SessionProgress {
  /** Every AUDIT message up to here is in the ledger. */
  watermark: number;
  /** AUDIT messages that are not, when last counted. */
  lag: number;
  /** Commits, and blocks in them, since the start of the process. */
  commits: number;
  blocks: number;
  /** Milliseconds that the last commit took. */
  lastCommitMs: number | null;
  /** Of a stream of somebody else: which epoch this is; 0 with a stream of our own. `watermark` is within it. */
  epoch: number;
}

export interface SessionOptions extends Required<Omit<ConsumerOptions, 'events' | 'takeoverMs'>> {
  readonly jsm: JetStreamManager;
  readonly fold: Fold;
  /** Names this process. */
  readonly writer: string;
  readonly progress: SessionProgress;
  readonly stop: AbortSignal;
  readonly onOpening: EnterOptions['onOpening'];
  /** Called when writing begins, with a function that ends it. */
  readonly onStart: (breakOff: (error: Error) => void) => void;
}

/** Resolves when asked to stop, with nothing in flight; rejects when anything goes wrong. */
export async function runSession(session: SessionOptions): Promise<void> {
  const { nc, jsm, auditStream, logger, progress, stop, writer, ackTimeoutMs } = session;
  const { base, start, record, info, confirm } = await enterEpoch({ ...session, settings: session });
  const ledger = await openLedger({ nc, jsm, settings: session, writer, ackTimeoutMs });
  using cleanup = new DisposableStack();
  cleanup.defer(() => ledger.close());

  await ledger.load([SYSTEM_CHAIN]);

  // A writer that was overtaken may have repeated a watermark of the epoch before.
  const watermark = Math.max(ledger.watermark, start);
  /** Why there is nothing more to read. What has arrived is chained first: it may be nowhere else any more. */
  let ended: Error | null = null;
  const source = createReader({
    nc,
    jsm,
    stream: auditStream,
    startSeq: watermark + 1 - base,
    confirm: () => confirm(source.position),
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

  const committer = createCommitter(ledger, {
    onCommitted({ blocks, ms, watermark }) {
      progress.watermark = watermark;
      progress.commits++;
      progress.blocks += blocks;
      progress.lastCommitMs = ms;
      progress.lag = reader.position - watermark + reader.pending;
    },
    onFailed: breakOff,
  });
  const sizes = createSizeLoader({ nc, jsm, settings: session, signal: end.signal });

  progress.watermark = watermark;
  progress.lag = base + info.state.last_seq - watermark;
  progress.epoch = record?.epoch ?? 0;
  session.onStart(breakOff);
  logger.info({ watermark, audit: base + info.state.last_seq, writer }, 'writing');

  for (;;) {
    const items = await reader.next(session.maxBatchMessages);
    if (failure) throw failure as Error;
    if (items.length === 0) break;
    await chain(items.map(session.fold.route), { fold: session.fold, ledger, committer, sizes }).catch(
      (error: unknown) => {
        // What was broken off fails somewhere; why it was is what matters.
        throw failure ?? error;
      },
    );
    // All of it was in the ledger, stored by several writers of whom none could say so.
    if (reader.pending === 0) await claim(items.at(-1) as StreamItem, { fold: session.fold, ledger, committer });
  }
  await committer.drain();
  if (ended) throw ended as Error;
}

async function claim(item: StreamItem, { fold, ledger, committer }: Omit<Writing, 'sizes'>): Promise<void> {
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
}

/** Folds items and submits them: as one commit, unless the sizes of earlier uploads have to be read back in between. */
async function chain(items: readonly RoutedItem[], { fold, ledger, committer, sizes }: Writing): Promise<void> {
  await ledger.load(new Set(items.map(({ orgid }) => orgid)));
  for (let start = 0; start < items.length;) {
    const batch = createBatch(ledger.chains);
    const result = fold.run(items, start, { chains: ledger.chains, sizes: sizes.memories }, batch);
    const end = result.done ? items.length : result.index;
    if (end > start) await committer.submit(batch, lastSeqOf(items[end - 1] as RoutedItem));
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
