/**
 * A session: this process is the writer, from opening the ledger to the first thing that goes wrong.
 *
 * Nothing of a session outlives it. The next session starts from the ledger as it then is.
 */
import type { JetStreamManager } from '@nats-io/jetstream';
import { SYSTEM_CHAIN } from '@waybill/schema/internal';
import { nodeSha256 } from '../sha256.ts';
import { checkSameStream } from '../audit/same-stream.ts';
import { readStreamInfo } from '../nats/stream-info.ts';
import { type AuditSource, openAuditSource } from './audit-source.ts';
import { createChaining, FOLDED_TOGETHER } from './chaining.ts';
import { createCommitter } from './committer.ts';
import type { ConsumerOptions } from './consumer-options.ts';
import { type EnteredEpoch, enterEpoch, type EnterOptions } from './enter-epoch.ts';
import { createFold } from './fold.ts';
import { checkKnownRecords } from './known-records.ts';
import { type LedgerWriter, openLedger } from './ledger-writer.ts';
import { createOpenBlocks } from './open-blocks.ts';
import { checkPayloadLimit } from './payload-limit.ts';
import { countCommit, type Progress } from './progress.ts';
import type { Router } from './routing.ts';
import { createSessionEnd, type SessionEnd } from './session-end.ts';
import { createSizeLoader } from './size-loader.ts';
import { createStoring, type Storing } from './storing.ts';
import { startStreamRecorder } from './stream-recorder.ts';
import { createWatermark } from './watermark.ts';
import type { WriterPaths } from './writer-paths.ts';

export interface SessionOptions
  extends
    Required<Omit<ConsumerOptions, 'events' | 'fastPaths' | 'takeoverMs' | 'onCommit' | 'streamHistory'>>,
    Pick<ConsumerOptions, 'onCommit' | 'streamHistory'> {
  readonly jsm: JetStreamManager;
  readonly paths: WriterPaths;
  readonly route: Router;
  /** Names this process. */
  readonly writer: string;
  readonly progress: Progress;
  readonly stop: AbortSignal;
  readonly onOpening: EnterOptions['onOpening'];
  /** Called before reading begins, with a function that ends the session. */
  readonly onStart: (breakOff: (error: Error) => void) => void;
  /** Called once, when AUDIT can be read and writing begins. */
  readonly onReading: () => void;
}

/** Resolves when asked to stop, with nothing in flight. Rejects when anything goes wrong. */
export async function runSession(session: SessionOptions): Promise<void> {
  const { nc, jsm } = session;
  checkPayloadLimit(nc);
  await checkKnownRecords(jsm, session);
  const epoch = await enterEpoch({ ...session, settings: session });
  using cleanup = new DisposableStack();
  const ledger = await openLedger({ ...session, settings: session });
  cleanup.defer(() => ledger.close());

  // `enterEpoch` has checked a stream of somebody else, which may be another one.
  if (!session.bind && epoch.record === null) {
    // Looked at after the ledger: another writer may have gone on since the epoch was entered.
    const { state: audit } = await readStreamInfo(jsm, session.auditStream);
    await checkSameStream({ jsm, settings: session, audit, watermark: ledger.foundWatermark });
  }
  await ledger.load([SYSTEM_CHAIN]);
  // A writer that was overtaken may have repeated a watermark of the epoch before.
  const start = Math.max(ledger.foundWatermark, epoch.start);
  await chainFrom(session, { epoch, ledger, start, cleanup });
}

interface OpenedSession {
  readonly epoch: EnteredEpoch;
  readonly ledger: LedgerWriter;
  /** Every message up to here is in the ledger. */
  readonly start: number;
  readonly cleanup: DisposableStack;
}

async function chainFrom(session: SessionOptions, { epoch, ledger, start, cleanup }: OpenedSession): Promise<void> {
  const { nc, jsm, progress, maxOpenEntries, streamHistory: history } = session;
  // After `_system` is loaded: should it have a newer block by now, ours are refused, and the next session looks again.
  const recorder = history && (await startStreamRecorder({ jsm, settings: session, history, watermark: start }));
  ledger.streamRecordAt = recorder?.recordedAt ?? null;

  const source = openAuditSource({ ...session, epoch, watermark: start });
  cleanup.defer(() => source.reader.close());
  const end = createSessionEnd(ledger.fail, session.stop);
  cleanup.defer(end.close);

  const { chains } = ledger;
  const watermark = createWatermark(start);
  const blocks = createOpenBlocks(chains, watermark);
  const sizes = createSizeLoader({ nc, jsm, settings: session, signal: end.signal });
  const fold = createFold({
    stream: session.auditStream,
    sha256: nodeSha256,
    chains,
    sizes: sizes.memories,
    sink: blocks,
  });
  const committer = createCommitter(ledger, {
    onSubmitted() {
      const counts = fold.takeCounts();
      return (commit) => {
        countCommit(progress, commit, counts);
        progress.watermark = watermark.stored;
        progress.lag = source.reader.position - watermark.stored + source.reader.pending;
        progress.chains = chains.size;
        if (blocks.latestReceived > (progress.latestReceived ?? '')) progress.latestReceived = blocks.latestReceived;
        session.onCommit?.(commit.ms);
      };
    },
    onFailed: end.breakOff,
  });
  const storing = createStoring({ maxOpenEntries, watermark, blocks, committer, fold, chains, recorder });
  const chain = createChaining({ route: session.route, fold, ledger, blocks, sizes, storing, watermark, recorder });

  progress.watermark = start;
  progress.lag = epoch.base + epoch.info.state.last_seq - start;
  progress.epoch = epoch.record?.epoch ?? 0;
  session.onStart(end.breakOff);
  const idleMs = recorder && IDLE_MS;
  await runLoop({
    source,
    end,
    storing,
    chain,
    maxItems: Math.min(FOLDED_TOGETHER, maxOpenEntries),
    waitMs: () => (blocks.entries === 0 ? idleMs : PATIENCE_MS),
  });
}

/** How long blocks wait for messages that the server has and does not deliver. */
const PATIENCE_MS = 50;
/** How long a change of the streams waits for a commit that it could be recorded with. Then it gets one of its own. */
const IDLE_MS = 1_000;

interface LoopParts {
  readonly source: AuditSource;
  readonly end: SessionEnd;
  readonly storing: Storing;
  readonly chain: ReturnType<typeof createChaining>;
  readonly maxItems: number;
  /** How long to wait for an item; undefined: for ever. */
  readonly waitMs: () => number | undefined;
}

/** Reads, chains and stores until the session ends. @throws the reason why it ended, if it was not a wish to stop */
async function runLoop({ source, end, storing, chain, maxItems, waitMs }: LoopParts): Promise<void> {
  const { reader } = source;
  end.signal.addEventListener('abort', () => reader.close());
  if (end.signal.aborted) reader.close();
  try {
    while (!end.signal.aborted) {
      const items = await reader.next(maxItems, waitMs());
      if (end.signal.aborted) break;
      await chain(items);
      const isAll = reader.pending === 0 && reader.buffered === 0;
      // Under a backlog blocks grow, because large blocks cost less. Otherwise nobody waits for them.
      if (isAll || items.length === 0) await storing.flush();
      else await storing.trim();
      const last = items.at(-1);
      // When several writers stored the parts, no block says that everything is stored.
      if (isAll && last) await storing.claim(last);
      if (source.ended !== null && reader.buffered === 0) break;
    }
    // A session that was broken off sends nothing more, and waits for no answer.
    throwFailure(end);
    await storing.drain();
  } catch (error) {
    // If the session was broken off, that made this fail: its reason is what matters.
    throw end.failure ?? error;
  }
  throwFailure(end);
  if (source.ended) throw source.ended;
}

function throwFailure({ failure }: SessionEnd): void {
  if (failure) throw failure;
}
