/**
 * What a session does first: is the stream of events the one that the ledger was made from?
 *
 * In crash order: (1) the ledger and the stream are looked at; (2) where the stream is another one, and somebody else's,
 * one block with an `epoch` record is stored; (3) only then is a session opened and the stream read. A crash before (2)
 * leaves nothing behind; after it the record is found, and the session begins with it. The record depends on the
 * ledger and the stream alone. It is a compare-and-swap on `_system` as every block, so of two writers one opens the
 * epoch and the other finds it.
 */
import { type JetStreamManager, RetentionPolicy, type StreamInfo } from '@nats-io/jetstream';
import {
  canonicalJson,
  entryPieces,
  type ChainState,
  EPOCH_STRIDE,
  type EpochRecord,
  NO_VOLUME,
  SYSTEM_CHAIN,
} from '@waybill/schema';
import { setTimeout as pause } from 'node:timers/promises';
import { ConsumerError } from '../errors.ts';
import type { ConsumerLogger } from '../logger.ts';
import type { Settings } from '../settings.ts';
import { nodeSha256 } from '../sha256.ts';
import { type Epoch, isStreamOf, readEpoch } from '../audit/epoch.ts';
import { entryAt, readStored, type StoredBlock } from '../ledger/find-block.ts';
import { newConsumerName } from '../nats/consumer-name.ts';
import { explain } from '../nats/nats-error.ts';
import { type LedgerOptions, openLedger } from './ledger-writer.ts';
import { createOpenBlocks } from './open-blocks.ts';

/** The stream is not the one any more that this session reads. The next one finds out what it is. */
export class StreamChangedError extends Error {
  override readonly name = 'StreamChangedError';
}

export interface EnterOptions extends LedgerOptions {
  readonly logger: ConsumerLogger;
  /** The stream is somebody else's: it may be another one, and is not touched. */
  readonly bind: boolean;
  /** Called before the block of a new epoch is sent, with a function that fails its commit. */
  readonly onOpening: (fail: (error: Error) => void) => void;
  /** How long to wait before a stream that seems to have lost its end is believed. */
  readonly restartMs: number;
}

export interface EnteredEpoch extends Epoch {
  /** The stream when the epoch was entered. */
  readonly info: StreamInfo;
  /** Rejects with StreamChangedError when the stream is another one, or ends before the stream's own number `position`. */
  confirm(position: number): Promise<void>;
}

/**
 * @throws ConsumerError NO_STREAM, NO_PERMISSION, STREAM_DRIFT (it must not be read), LEDGER_DAMAGED;
 *   STREAM_RESET when a stream of our own is another one
 */
export async function enterEpoch(options: EnterOptions): Promise<EnteredEpoch> {
  const { jsm, settings, bind } = options;
  const { auditStream } = settings;
  let seen = await look(options);
  if (seen.change?.kind === 'shorter') {
    // An old leader may have answered; a new one is there by then.
    await pause(options.restartMs);
    seen = await look(options);
  }
  const { info, change } = seen;
  if (change && !bind) throw new ConsumerError('STREAM_RESET', change.why);
  return {
    ...(change ? await openEpoch(options, { ...seen, change }) : seen.epoch),
    info,
    async confirm(position) {
      const now = await lookAt(jsm, auditStream);
      if (now.created !== info.created)
        throw new StreamChangedError(`stream ${auditStream} was deleted and made anew at ${now.created}`);
      if (now.state.last_seq < position)
        throw new StreamChangedError(`stream ${auditStream} ends at ${now.state.last_seq}, and ${position} was read`);
    },
  };
}

async function look(options: EnterOptions): Promise<{ info: StreamInfo; epoch: Epoch; change: Change | null }> {
  const { jsm, settings, bind } = options;
  const [epoch, block] = await Promise.all([readEpoch(jsm, settings), newestOfAll(jsm, settings)]);
  // Only then the stream, which therefore is at least as long as the ledger knows.
  const info = await lookAt(jsm, settings.auditStream);
  if (bind) await checkBound(jsm, info);
  return { info, epoch, change: await findChange(options, { epoch, block, info }) };
}

/** The ledger's newest block, of whatever chain. */
async function newestOfAll(jsm: JetStreamManager, settings: Settings): Promise<StoredBlock | null> {
  const query = { last_by_subj: `${settings.ledgerPrefix}.*` };
  const message = await jsm.streams.getMessage(settings.ledgerStream, query);
  return message && readStored(settings, message.subject, message);
}

async function lookAt(jsm: JetStreamManager, stream: string): Promise<StreamInfo> {
  try {
    return await jsm.streams.info(stream);
  } catch (cause) {
    throw explain(cause, `look at stream ${stream}`);
  }
}

/**
 * Whether a stream of somebody else may be read without changing what is in it, and whether this identity may do what
 * reading it takes and does not come to at once: better now than in the middle of something.
 *
 * @throws ConsumerError STREAM_DRIFT, NO_PERMISSION with the subject
 */
async function checkBound(jsm: JetStreamManager, { config }: StreamInfo): Promise<void> {
  if (config.retention !== RetentionPolicy.Limits) {
    throw new ConsumerError(
      'STREAM_DRIFT',
      `stream ${config.name} has the retention ${config.retention}: what is read there is removed, so it is not read; expected limits`,
    );
  }
  const attempted = `read stream ${config.name}`;
  await jsm.streams.getMessage(config.name, { seq: 1 }).catch((cause: unknown) => {
    throw explain(cause, attempted);
  });
  // Nobody has this name. Without the right, each consumer of ours would stay for half a minute.
  await jsm.consumers.delete(config.name, newConsumerName()).catch((cause: unknown) => {
    const error = explain(cause, attempted);
    if (error.code === 'NO_PERMISSION') throw error;
  });
}

/** How the stream differs from the one that the ledger was made from. */
interface Change {
  /**
   * - `another`: one of another name or time of creation, with messages of its own
   * - `renewed`: the same, but its messages are those that the ledger has: a mirror that took its place, say
   * - `shorter`, `rewritten`: the same stream without its end: restored from a backup, or lost with a disk
   */
  readonly kind: 'another' | 'renewed' | 'shorter' | 'rewritten';
  readonly why: string;
  readonly known: Known;
}

/** What the ledger knows of the stream. */
interface Known {
  readonly watermark: number;
  /** The watermark in the stream's own numbers. */
  readonly position: number;
  /** The highest `source.seq` among the newest entries, or the watermark. */
  readonly highest: number;
  /** `core.received` of the newest entry. */
  readonly received: string;
}

/** @returns how the stream differs from the one that the ledger was made from; null when it is that one */
async function findChange(
  { jsm, settings, bind }: EnterOptions,
  { epoch, block, info }: { epoch: Epoch; block: StoredBlock | null; info: StreamInfo },
): Promise<Change | null> {
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
  // The stream's message that the newest entry is made from, if it still has it. `received` is never before it was stored.
  const seq = core.source.seq - epoch.base;
  const last = seq >= 1 ? await jsm.streams.getMessage(auditStream, { seq }) : null;
  const stored = last?.time.toISOString() ?? '';

  if (!isStreamOf(epoch, auditStream, info)) {
    const { stream, created } = epoch.record as EpochRecord;
    const why = `stream ${auditStream} was made at ${info.created}; the ledger is made from stream ${stream} of ${created}`;
    return { kind: stored === core.received ? 'renewed' : 'another', why, known };
  }
  // A ledger from before there were epochs, or of a stream of our own, does not know the stream's time of creation.
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
  // Of a stream of our own, `checkSameStream` looks at more than this.
  if (stored <= core.received || (!bind && epoch.record === null)) return null;
  const why =
    `stream ${auditStream} has another message ${seq} than the ledger: it was stored at ${stored}, ` +
    `the one in the ledger was received at ${core.received}`;
  return { kind: 'rewritten', why, known };
}

/** @throws StreamChangedError, or the failure of the commit (a conflict), when another writer was first */
async function openEpoch(
  options: EnterOptions,
  { info, epoch: before, change }: { info: StreamInfo; epoch: Epoch; change: Change },
): Promise<Epoch> {
  const { jsm, settings, logger } = options;
  const stream = settings.auditStream;
  const ledger = await openLedger(options);
  try {
    options.onOpening(ledger.fail);
    await ledger.load([SYSTEM_CHAIN]);
    const chain = ledger.chains.get(SYSTEM_CHAIN) as ChainState;
    // What was seen has to be what the record follows: somebody may have opened this very epoch since.
    if (chain.head.seq !== before.systemSeq)
      throw new StreamChangedError(`${SYSTEM_CHAIN} went on from ${before.systemSeq} to ${chain.head.seq} meanwhile`);
    const epoch = epochAfter(Math.max(change.known.highest, chain.head.sourceSeq));
    const first = await firstOf(jsm, info, change);
    const { watermark } = change.known;
    const record: EpochRecord = { kind: 'epoch', epoch, stream, created: info.created, first, watermark };
    const base = epoch * EPOCH_STRIDE;
    const event = canonicalJson({ ...record });
    const { head } = chain;
    const core = head.append(
      {
        received: new Date(info.created).toISOString(),
        source: { stream, seq: base, subject: '' },
        origin: null,
        eventHash: nodeSha256(event),
        volume: NO_VOLUME,
      },
      nodeSha256,
    );
    const start = base + first - 1;
    const blocks = createOpenBlocks(ledger.chains, watermark);
    blocks.append(chain, entryPieces(core, event, head.hash));
    blocks.position = start;
    await ledger.commit(blocks.sealAll(), start);
    logger.info({ epoch, stream, created: info.created, first, why: change.why }, 'a new epoch begins');
    return { record, base, start, systemSeq: head.seq };
  } finally {
    ledger.close();
  }
}

/**
 * The next epoch whose numbers are above all that are in the ledger. Chains that were not looked at may have entries
 * above the watermark, of commits that were interrupted: half a stride is room for more than ever was in one.
 *
 * @throws ConsumerError STREAM_RESET when there is none
 */
function epochAfter(highest: number): number {
  const epoch = Math.round(highest / EPOCH_STRIDE) + 1;
  if ((epoch + 1) * EPOCH_STRIDE <= Number.MAX_SAFE_INTEGER) return epoch;
  throw new ConsumerError('STREAM_RESET', `epoch ${epoch} has no numbers left: a new ledger is needed`);
}

/**
 * The first sequence that belongs to the epoch. What is before it was chained in an earlier one: the messages of a stream
 * that was restored, or is a copy, have the times at which they were first stored.
 */
async function firstOf(jsm: JetStreamManager, info: StreamInfo, { kind, known }: Change): Promise<number> {
  const { received, position } = known;
  if (kind === 'renewed') return position + 1;
  if (received === '') return 1;
  // A message of a new stream is younger than the stream, even where two servers' clocks are apart.
  const before = new Date(Date.parse(info.created) - 1).toISOString();
  const first = await firstAfter(jsm, info, kind === 'another' && before < received ? before : received);
  // All of it is new, and what it does not have any more is a gap.
  return first <= info.state.first_seq ? 1 : first;
}

/** The first sequence of a message that was stored after a time, or that of the next message. By bisection. */
async function firstAfter(jsm: JetStreamManager, { config, state }: StreamInfo, time: string): Promise<number> {
  let low = Math.max(state.first_seq, 1);
  let high = state.last_seq + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    // The client's type leaves out `next_by_subj`, which the server has had since 2.9.
    const query = { seq: middle, next_by_subj: '>' } as { seq: number };
    const message = await jsm.streams.getMessage(config.name, query);
    if (!message || message.time.toISOString() > time) high = middle;
    else low = message.seq + 1;
  }
  return low;
}
