/**
 * The `audit/` room: which stream of events the ledger is made from, and what the stream's sequence numbers are in the
 * ledger. It compares the stream with the ledger, and decides nothing about single events. Nothing here writes.
 *
 * This file has epochs: how the numbers of a stream that somebody else owns become numbers of the ledger. Such a stream
 * may be deleted and made again, and then counts from 1 again. In the ledger `source.seq` and the watermark only grow.
 * So a record in `_system` opens an epoch for each stream that the writer meets. From there on, `source.seq` is the
 * epoch's base plus the stream's own number. The base is added where messages are read, and taken off where the stream
 * is asked. Everything in between sees one sequence that only grows. A ledger without such a record has the base 0: a
 * stream of our own is never made again.
 */
import type { JetStreamManager, StreamInfo } from '@nats-io/jetstream';
import { EPOCH_STRIDE, type EpochRecord, type JsonObject, SYSTEM_CHAIN } from '@waybill/schema/internal';
import type { Settings } from '../settings.ts';
import { findBlock, newestBlock } from '../ledger/find-block.ts';
import { entryAt, type LedgerSettings, type StoredBlock } from '../ledger/stored-block.ts';
import type { OrderedReader } from '../nats/ordered-reader.ts';
import { readStreamInfo } from '../nats/stream-info.ts';
import type { StreamItem } from '../nats/stream-item.ts';

export interface Epoch {
  /** The record that opened it; null when none did, as with a stream of our own. */
  readonly record: EpochRecord | null;
  /** What is added to the stream's sequence numbers to get the ledger's. */
  readonly base: number;
  /**
   * Every message up to this number of the ledger is chained or gone, even if the newest block's watermark is lower.
   */
  readonly start: number;
  /** Length of the `_system` chain when this was read. */
  readonly systemSeq: number;
}

/** The epoch of a ledger that has nothing in `_system`. */
export const NO_EPOCH: Epoch = { record: null, base: 0, start: 0, systemSeq: 0 };

/**
 * The epoch that the ledger is in. Makes one request when there was none, and a few otherwise.
 *
 * @throws ConsumerError LEDGER_DAMAGED
 */
export async function readEpoch(jsm: JetStreamManager, ledger: LedgerSettings): Promise<Epoch> {
  const newest = await newestBlock(jsm, ledger, SYSTEM_CHAIN);
  if (!newest) return NO_EPOCH;
  const { source, seq: systemSeq } = entryAt(ledger, newest, -1).core;
  // Almost always the first one is found. It is not when a stream began with a number beyond the stride.
  for (let number = Math.floor(source.seq / EPOCH_STRIDE); number >= 1; number--) {
    const found = await findEpoch(jsm, ledger, number);
    if (found) return { ...found, systemSeq };
  }
  return { ...NO_EPOCH, systemSeq };
}

/** The epoch before another one; its base is 0 when no record opened it. @throws ConsumerError LEDGER_DAMAGED */
export async function epochBefore(
  jsm: JetStreamManager,
  ledger: LedgerSettings,
  { record, systemSeq }: Epoch,
): Promise<Epoch> {
  for (let number = (record?.epoch ?? 1) - 1; number >= 1; number--) {
    const found = await findEpoch(jsm, ledger, number);
    if (found) return { ...found, systemSeq };
  }
  return { ...NO_EPOCH, systemSeq };
}

async function findEpoch(jsm: JetStreamManager, ledger: LedgerSettings, number: number): Promise<Epoch | null> {
  const at = number * EPOCH_STRIDE;
  const block = await findBlock(jsm, ledger, SYSTEM_CHAIN, { holds: ({ core }) => core.source.seq <= at });
  const record = block && recordAt(ledger, block, at);
  return record && { record, base: at, start: at + record.first - 1, systemSeq: 0 };
}

function recordAt(ledger: LedgerSettings, block: StoredBlock, seq: number): EpochRecord | null {
  for (let i = 0; i < block.lines.length; i++) {
    const { core, event } = entryAt(ledger, block, i);
    if (core.source.seq === seq) return asEpochRecord(event);
  }
  return null;
}

/** The record in an entry of `_system` that opens an epoch; null when the entry is something else. */
export function asEpochRecord(event: JsonObject | null): EpochRecord | null {
  if (event?.['kind'] !== 'epoch') return null;
  const { epoch, stream, created, first, watermark } = event;
  if (typeof stream !== 'string' || typeof created !== 'string') return null;
  if (!isNumber(epoch, 1) || !isNumber(first, 1) || !isNumber(watermark, 0)) return null;
  return { kind: 'epoch', epoch, stream, created, first, watermark };
}

function isNumber(value: unknown, least: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= least;
}

/** Whether the stream has the name and the time of creation of the one that the epoch was opened for. */
export function isStreamOf({ record }: Epoch, stream: string, { created }: Pick<StreamInfo, 'created'>): boolean {
  return record === null || (record.stream === stream && instantOf(record.created) === instantOf(created));
}

/** Equal for equal instants, to the nanosecond, in whatever zone a server writes them. */
function instantOf(time: string): string {
  const [, fraction = ''] = /\.(\d+)/.exec(time) ?? [];
  return `${Math.floor(Date.parse(time) / 1000)}.${fraction.replace(/0+$/, '')}`;
}

/**
 * How many messages of the stream are not in the ledger, for a consumer that does not write.
 *
 * @param watermark of the newest block
 * @param known the epoch that the last call returned: while it is the same, it is not looked up again
 */
export async function readLag(
  jsm: JetStreamManager,
  settings: Settings,
  { watermark, known }: { watermark: number; known: Epoch },
): Promise<{ lag: number; epoch: Epoch }> {
  const info = await readStreamInfo(jsm, settings.auditStream);
  const number = Math.floor(watermark / EPOCH_STRIDE);
  const epoch = number === (known.record?.epoch ?? 0) ? known : await readEpoch(jsm, settings);
  const { state } = info;
  const last = epoch.base + state.last_seq;
  // Whoever writes has to look at every message of another stream, or of one that lost its end.
  const isAnother = !isStreamOf(epoch, settings.auditStream, info) || last < watermark;
  return { lag: isAnother ? state.messages : last - watermark, epoch };
}

/** The same item with its numbers moved. */
function shiftItem(item: StreamItem, base: number): StreamItem {
  if (base === 0) return item;
  if (item.kind === 'gap') return { ...item, first: item.first + base, last: item.last + base };
  return { ...item, seq: item.seq + base };
}

/** A reader whose numbers are the ledger's. */
export function shiftReader(reader: OrderedReader, base: number): OrderedReader {
  if (base === 0) return reader;
  return {
    next: async (maxItems, waitMs) => (await reader.next(maxItems, waitMs)).map((item) => shiftItem(item, base)),
    get buffered() {
      return reader.buffered;
    },
    get position() {
      return reader.position + base;
    },
    get pending() {
      return reader.pending;
    },
    finish: reader.finish,
    close: reader.close,
  };
}
