/**
 * What a session does first: it makes sure that the stream of events is the one that the ledger is made from, and opens
 * an epoch where it is another one.
 *
 * In crash order: (1) look at the ledger and at the stream; (2) where somebody else's stream is another one, store one
 * block with an `epoch` record; (3) only then open a session and read the stream. A crash before (2) leaves nothing
 * behind. After (2) the record is found, and the session begins with it. The record depends on the ledger and the
 * stream alone. Its block is a compare-and-swap on `_system` as every block is: of two writers one opens the epoch, and
 * the other finds it.
 */
import type { StreamInfo } from '@nats-io/jetstream';
import { type ChainState, EPOCH_STRIDE, type EpochRecord, SYSTEM_CHAIN } from '@waybill/schema/internal';
import { ConsumerError } from '../errors.ts';
import type { ConsumerLogger } from '../logger.ts';
import { nodeSha256 } from '../sha256.ts';
import type { Epoch } from '../audit/epoch.ts';
import { epochAfter, firstSequenceOf } from '../audit/next-epoch.ts';
import {
  lookAtStream,
  type StreamMismatch,
  type StreamLook,
  type StreamLookOptions,
} from '../audit/stream-identity.ts';
import { readStreamInfo } from '../nats/stream-info.ts';
import { createFold, NO_SIZES } from './fold.ts';
import { type LedgerOptions, openLedger } from './ledger-writer.ts';
import { createOpenBlocks } from './open-blocks.ts';
import { createWatermark } from './watermark.ts';

/** The stream is not the one any more that this session reads. The next session finds out what it is. */
export class StreamChangedError extends Error {
  override readonly name = 'StreamChangedError';
}

export interface EnterOptions extends LedgerOptions, StreamLookOptions {
  readonly logger: ConsumerLogger;
  /** Called before the block of a new epoch is sent, with a function that fails its commit. */
  readonly onOpening: (fail: (error: Error) => void) => void;
}

export interface EnteredEpoch extends Epoch {
  /** The stream when the epoch was entered. */
  readonly info: StreamInfo;
  /**
   * Rejects with StreamChangedError when the stream is another one, or ends before the stream's own number `position`.
   */
  confirm(position: number): Promise<void>;
}

/**
 * @throws ConsumerError NO_STREAM, NO_PERMISSION, STREAM_DRIFT (it must not be read), LEDGER_DAMAGED; STREAM_RESET when
 *   a stream of our own is another one
 */
export async function enterEpoch(options: EnterOptions): Promise<EnteredEpoch> {
  const { jsm, settings, bind } = options;
  const { auditStream } = settings;
  const seen = await lookAtStream(options);
  const { info, mismatch } = seen;
  if (mismatch && !bind) throw new ConsumerError('STREAM_RESET', mismatch.why);
  return {
    ...(mismatch ? await openEpoch(options, { ...seen, mismatch }) : seen.epoch),
    info,
    async confirm(position) {
      const now = await readStreamInfo(jsm, auditStream);
      if (now.created !== info.created)
        throw new StreamChangedError(`stream ${auditStream} was deleted and made anew at ${now.created}`);
      if (now.state.last_seq < position)
        throw new StreamChangedError(`stream ${auditStream} ends at ${now.state.last_seq}, and ${position} was read`);
    },
  };
}

/** @throws StreamChangedError, or the failure of the commit (a conflict), when another writer was first */
async function openEpoch(
  options: EnterOptions,
  { info, epoch: before, mismatch }: StreamLook & { readonly mismatch: StreamMismatch },
): Promise<Epoch> {
  const { jsm, settings, logger } = options;
  const stream = settings.auditStream;
  const ledger = await openLedger(options);
  try {
    options.onOpening(ledger.fail);
    await ledger.load([SYSTEM_CHAIN]);
    const { head } = ledger.chains.get(SYSTEM_CHAIN) as ChainState;
    // The record has to follow what was looked at: somebody may have opened this very epoch since.
    if (head.seq !== before.systemSeq)
      throw new StreamChangedError(`${SYSTEM_CHAIN} went on from ${before.systemSeq} to ${head.seq} meanwhile`);
    const epoch = epochAfter(Math.max(mismatch.known.highest, head.sourceSeq));
    const first = await firstSequenceOf(jsm, info, mismatch);
    const record: EpochRecord = {
      kind: 'epoch',
      epoch,
      stream,
      created: info.created,
      first,
      watermark: mismatch.known.watermark,
    };
    const base = epoch * EPOCH_STRIDE;
    const start = base + first - 1;
    const watermark = createWatermark(record.watermark);
    const blocks = createOpenBlocks(ledger.chains, watermark);
    const fold = createFold({ stream, sha256: nodeSha256, chains: ledger.chains, sizes: NO_SIZES, sink: blocks });
    fold.record(record, { seq: base, received: new Date(info.created).toISOString() });
    watermark.advance(start);
    await ledger.storeClaim(blocks.sealAll());
    logger.info({ epoch, stream, created: info.created, first, why: mismatch.why }, 'a new epoch begins');
    return { record, base, start, systemSeq: head.seq };
  } finally {
    ledger.close();
  }
}
