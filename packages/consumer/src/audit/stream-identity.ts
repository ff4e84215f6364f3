/**
 * Is the stream of events the one that the ledger was made from? Compares what the ledger knows of the stream with the
 * stream as it is now, and says how it differs.
 */
import type { JetStreamManager, StreamInfo } from '@nats-io/jetstream';
import type { EpochRecord } from '@waybill/schema/internal';
import { pause } from '../pause.ts';
import type { Settings } from '../settings.ts';
import { newestBlockOfAll } from '../ledger/ledger-end.ts';
import { entryAt, type StoredBlock } from '../ledger/stored-block.ts';
import { getMessage } from '../nats/leader-get.ts';
import { readStreamInfo } from '../nats/stream-info.ts';
import { checkBoundStream } from './bound-stream.ts';
import { type Epoch, isStreamOf, readEpoch } from './epoch.ts';

export interface StreamLookOptions {
  readonly jsm: JetStreamManager;
  readonly settings: Settings;
  /** The stream is somebody else's: it may be another one, and is not touched. */
  readonly bind: boolean;
  /** How long to wait before a stream that seems to have lost its end is believed. */
  readonly restartMs: number;
}

/** How the stream differs from the one that the ledger was made from. */
export interface StreamMismatch {
  /**
   * - `another`: one of another name or time of creation, with messages of its own
   * - `renewed`: the same, but its messages are those that the ledger has: for example a mirror that took its place
   * - `shorter`, `rewritten`: the same stream without its end: restored from a backup, or lost with a disk
   */
  readonly kind: 'another' | 'renewed' | 'shorter' | 'rewritten';
  readonly why: string;
  readonly known: KnownOfStream;
}

/** What the ledger knows of the stream. */
interface KnownOfStream {
  readonly watermark: number;
  /** The watermark in the stream's own numbers. */
  readonly position: number;
  /** The highest `source.seq` among the newest entries, or the watermark. */
  readonly highest: number;
  /** `core.received` of the newest entry; '' in an empty ledger. */
  readonly received: string;
}

export interface StreamLook {
  /** The stream now. */
  readonly info: StreamInfo;
  /** The epoch that the ledger is in. */
  readonly epoch: Epoch;
  /** null: it is the stream that the ledger was made from. */
  readonly mismatch: StreamMismatch | null;
}

/** @throws ConsumerError NO_STREAM, NO_PERMISSION, STREAM_DRIFT (it must not be read), LEDGER_DAMAGED */
export async function lookAtStream(options: StreamLookOptions): Promise<StreamLook> {
  const seen = await lookOnce(options);
  if (seen.mismatch?.kind !== 'shorter') return seen;
  // An old leader may have answered. After this pause a new one is there.
  await pause(options.restartMs);
  return lookOnce(options);
}

async function lookOnce(options: StreamLookOptions): Promise<StreamLook> {
  const { jsm, settings, bind } = options;
  const [epoch, block] = await Promise.all([readEpoch(jsm, settings), newestBlockOfAll(jsm, settings)]);
  // The stream is looked at last, so it is at least as long as the ledger knows.
  const info = await readStreamInfo(jsm, settings.auditStream);
  if (bind) await checkBoundStream(jsm, info);
  return { info, epoch, mismatch: await findMismatch(options, { epoch, block, info }) };
}

async function findMismatch(
  { jsm, settings, bind }: StreamLookOptions,
  { epoch, block, info }: { epoch: Epoch; block: StoredBlock | null; info: StreamInfo },
): Promise<StreamMismatch | null> {
  const { auditStream } = settings;
  if (!block) {
    const known = { watermark: 0, position: 0, highest: 0, received: '' };
    return bind ? { kind: 'another', why: `stream ${auditStream} is read for the first time`, known } : null;
  }
  const { core } = entryAt(settings, block, -1);
  const madeAt = new Date(info.created).toISOString();
  const watermark = Math.max(block.trailer.watermark, epoch.start);
  const position = watermark - epoch.base;
  const known = { watermark, position, highest: Math.max(watermark, core.source.seq), received: core.received };
  // The message that the newest entry is made from, if the stream still has it. It was not stored after `received`.
  const seq = core.source.seq - epoch.base;
  const last = seq >= 1 ? await getMessage(jsm, auditStream, seq) : null;
  const stored = last?.time.toISOString() ?? '';

  if (!isStreamOf(epoch, auditStream, info)) {
    const { stream, created } = epoch.record as EpochRecord;
    const why = `stream ${auditStream} was made at ${info.created}; the ledger is made from stream ${stream} of ${created}`;
    return { kind: stored === core.received ? 'renewed' : 'another', why, known };
  }
  // A ledger without epochs, or of a stream of our own, does not know when its stream was created.
  const isYounger = epoch.record === null && madeAt > core.received;
  if (bind && isYounger) {
    const why = `stream ${auditStream} was made at ${madeAt}, and the newest event in the ledger was received at ${core.received}`;
    return { kind: 'another', why, known };
  }
  const { last_seq } = info.state;
  if (last_seq < position) {
    const why =
      `stream ${auditStream} ends at ${last_seq}, but the ledger has its messages up to ${position}: ` +
      'it was deleted and made anew, or restored from an older backup';
    return { kind: 'shorter', why, known };
  }
  // For a stream of our own, `checkSameStream` looks at more than this.
  if (stored <= core.received || (!bind && epoch.record === null)) return null;
  const why =
    `stream ${auditStream} has another message ${seq} than the ledger: it was stored at ${stored}, ` +
    `the one in the ledger was received at ${core.received}`;
  return { kind: 'rewritten', why, known };
}
