/**
 * From AUDIT messages to entries: decides for each routed item whether its chain takes it, and appends it there.
 *
 * No I/O and no clock. The same messages on the same chains give the same bytes, on every consumer and after every
 * crash.
 */
import { canonicalJson, type Volume } from '@waybill/schema';
import {
  type Acknowledgement,
  type ChainState,
  entryPieces,
  isEndEntry,
  isPast,
  needsSize,
  NO_VOLUME,
  type Origin,
  type Reading,
  type RejectedReading,
  type Sha256,
  type SizeMemory,
  type Source,
  statedVolume,
  SYSTEM_CHAIN,
  type SystemRecord,
  type Transfer,
} from '@waybill/schema/internal';
import { keepMessage } from '../ledger/kept-message.ts';
import { lastSeqOf, type StreamGap, type StreamItem, type StreamMessage } from '../nats/stream-item.ts';
import type { RoutedItem } from './routing.ts';

/** The sizes of organizations' uploads, of those organizations that needed them so far. */
export interface SizeMemories {
  get(orgid: string): SizeMemory | undefined;
  /** The same, for an upload whose size has to be looked up there. */
  need(orgid: string): SizeMemory | undefined;
}

export const NO_SIZES: SizeMemories = { get: () => undefined, need: () => undefined };

/** Takes the entries that the fold makes. */
export interface EntrySink {
  /**
   * A new entry of a chain. The chain's state is already the one after it.
   *
   * @param line the entry as it is stored, in pieces
   * @param kind of the record, for an entry of `_system`; null for an event
   */
  append(chain: ChainState, line: readonly string[], kind: SystemRecord['kind'] | null): void;
}

/** What came in AUDIT and was not chained as an event. */
export interface FoldCounts {
  rejected: number;
  duplicates: number;
  /** Events so late that nobody knows any more whether their chain has them. */
  beyondWindow: number;
  gaps: number;
  /** Losses that an operator acknowledged. */
  acknowledged: number;
  /** Publishers of which a chain had no event before, or has forgotten them. One counts in each of its chains. */
  producersOpened: number;
  /** Ends of publishers: `producer.closed`, and those that an operator acknowledged. */
  producersClosed: number;
}

export interface FoldOptions {
  /** Name of the AUDIT stream, as `core.source` has it. */
  readonly stream: string;
  readonly sha256: Sha256;
  /** The chain of every item that is run, and `_system`, have to be there. The fold changes them. */
  readonly chains: ReadonlyMap<string, ChainState>;
  readonly sizes: SizeMemories;
  readonly sink: EntrySink;
}

type FoldResult =
  | { readonly done: true }
  /** The item at `index` was not touched: the sizes of its organization's uploads have to be loaded first. */
  | { readonly done: false; readonly index: number; readonly orgid: string };

/** Where a record goes that stands for no message. */
export interface RecordPlace {
  /** The last message that is folded: no message at or before it comes to `_system` later. */
  readonly seq: number;
  /** RFC 3339, UTC, milliseconds; null: as in the entry before. */
  readonly received: string | null;
}

export interface Fold {
  /** Folds the items from `start` on, until one needs sizes that are not loaded. */
  run(items: readonly RoutedItem[], start: number): FoldResult;
  /** Appends a record that says: everything up to an item is chained. It is for the case that no block says so. */
  recordWatermark(item: StreamItem): void;
  /** Appends a record that stands for no message. */
  record(what: SystemRecord, place: RecordPlace): void;
  /** What it did since the last call. */
  takeCounts(): FoldCounts;
}

export function createFold(options: FoldOptions): Fold {
  const state: FoldState = { ...options, counts: noCounts() };
  return {
    run: (items, start) => runItems(state, items, start),
    recordWatermark(item) {
      const chain = chainOf(state, SYSTEM_CHAIN);
      const seq = lastSeqOf(item);
      // Another writer has been further, and has said so or will.
      if (seq < chain.head.sourceSeq) return;
      const source = sourceOfRecord(state, chain, seq);
      appendRecord(state, { kind: 'watermark', seq }, { source, received: item.received });
    },
    record(what, { seq, received }) {
      const source = sourceOfRecord(state, chainOf(state, SYSTEM_CHAIN), seq);
      appendRecord(state, what, { source, received });
    },
    takeCounts() {
      const { counts } = state;
      state.counts = noCounts();
      return counts;
    },
  };
}

export function noCounts(): FoldCounts {
  return {
    rejected: 0,
    duplicates: 0,
    beyondWindow: 0,
    gaps: 0,
    acknowledged: 0,
    producersOpened: 0,
    producersClosed: 0,
  };
}

interface FoldState extends FoldOptions {
  counts: FoldCounts;
}

function runItems(state: FoldState, items: readonly RoutedItem[], start: number): FoldResult {
  for (let index = start; index < items.length; index++) {
    const routed = items[index] as RoutedItem;
    const { item, reading } = routed;
    if (item.kind === 'gap') foldGap(state, item);
    else if (reading?.ok && 'acknowledged' in reading) foldAcknowledgement(state, item, { routed, ...reading });
    else if (!reading?.ok) foldRejected(state, item, { routed, rejected: reading as RejectedReading });
    else if (!foldEvent(state, item, { routed, reading })) return { done: false, index, orgid: routed.orgid };
  }
  return { done: true };
}

function foldGap(state: FoldState, { first, last, received }: StreamGap): void {
  const { head } = chainOf(state, SYSTEM_CHAIN);
  // A gap may have grown while nobody looked: then only its new part is recorded.
  const start = Math.max(first, head.sourceSeq + 1);
  if (start > last) return;
  const source = sourceOf(state, last, undefined, '');
  appendRecord(state, { kind: 'gap', first: start, last }, { source, received });
  state.counts.gaps++;
}

function foldRejected(
  state: FoldState,
  message: StreamMessage,
  { routed, rejected }: { routed: RoutedItem; rejected: RejectedReading },
): void {
  const { reason, detail } = rejected;
  const kept = keepMessage(message.subject, routed.payload);
  if (recordMessage(state, message, { index: routed.index, what: { kind: 'rejected', reason, detail, ...kept } }))
    state.counts.rejected++;
}

function foldAcknowledgement(
  state: FoldState,
  message: StreamMessage,
  { routed, acknowledged }: { routed: RoutedItem; acknowledged: Acknowledgement },
): void {
  const kept = keepMessage(message.subject, routed.payload);
  const what = { kind: 'acknowledged', ...acknowledged, ...kept } as const;
  if (!recordMessage(state, message, { index: undefined, what })) return;
  state.counts.acknowledged++;
  if (acknowledged.last === null) state.counts.producersClosed++;
}

/** @returns false when it needs the size of an earlier upload and the memory of them is not loaded */
function foldEvent(
  state: FoldState,
  message: StreamMessage,
  { routed, reading }: { routed: RoutedItem; reading: Reading & { ok: true } },
): boolean {
  const { index, payload } = routed;
  const { orgid, transfer, origin } = reading;
  const chain = chainOf(state, orgid);
  const source = sourceOf(state, message.seq, index, message.subject);
  if (isPast(chain.head, source)) return true;
  const needs = transfer !== null && needsSize(transfer);
  const sizes = needs ? state.sizes.need(orgid) : state.sizes.get(orgid);
  // Before the anti-replay window is asked, which cannot be asked twice about one event.
  if (needs && !sizes) return false;

  const seq = chain.head.seq + 1;
  const isOpened = origin !== null && chain.producers.get(origin.producer) === undefined;
  const admission = origin ? chain.producers.admit(origin.producer, origin.producerseq, seq) : 'new';
  if (origin && (admission === 'duplicate' || admission === 'beyond_window')) {
    const { producer, producerseq } = origin;
    const repeated = { orgid, producer, producerseq: String(producerseq), ...keepMessage(message.subject, payload) };
    if (!recordMessage(state, message, { index, what: { kind: admission, ...repeated } })) return true;
    if (admission === 'duplicate') state.counts.duplicates++;
    else state.counts.beyondWindow++;
    return true;
  }
  if (isOpened) state.counts.producersOpened++;
  if (origin && isEndEntry(reading, reading.canonical)) state.counts.producersClosed++;
  const volume = volumeOf(seq, transfer, sizes);
  append(state, chain, { source, received: message.received, origin, event: reading.canonical, volume, kind: null });
  if (transfer && sizes) sizes.note(seq, transfer, volume);
  return true;
}

/** Records a message, or an event in one, in `_system`. @returns false when `_system` has it already */
function recordMessage(
  state: FoldState,
  { seq, subject, received }: StreamMessage,
  { index, what }: { index: number | undefined; what: SystemRecord },
): boolean {
  // The subject of an event has no characters beyond ASCII. That of any other message may have.
  const source = sourceOf(state, seq, index, subject.toWellFormed());
  if (isPast(chainOf(state, SYSTEM_CHAIN).head, source)) return false;
  appendRecord(state, what, { source, received });
  return true;
}

/** `received` of a record with nothing before it and nothing after it. */
const UNIX_EPOCH = '1970-01-01T00:00:00.000Z';

function appendRecord(
  state: FoldState,
  what: SystemRecord,
  { source, received }: { source: Source; received: string | null },
): void {
  const chain = chainOf(state, SYSTEM_CHAIN);
  const at = received ?? (chain.head.received || UNIX_EPOCH);
  const event = canonicalJson({ ...what });
  append(state, chain, { source, received: at, origin: null, event, volume: NO_VOLUME, kind: what.kind });
}

interface NewEntry {
  readonly source: Source;
  readonly received: string;
  readonly origin: Origin | null;
  readonly event: string;
  readonly volume: Volume;
  readonly kind: SystemRecord['kind'] | null;
}

function append({ sha256, sink }: FoldState, chain: ChainState, next: NewEntry): void {
  const { source, received, origin, event, volume, kind } = next;
  const core = chain.head.append({ received, source, origin, eventHash: sha256(event), volume }, sha256);
  sink.append(chain, entryPieces(core, event, chain.head.hash), kind);
}

function chainOf({ chains }: FoldState, orgid: string): ChainState {
  const chain = chains.get(orgid);
  if (!chain) throw new Error(`the chain of ${orgid} was not loaded before folding`);
  return chain;
}

function sourceOf({ stream }: FoldState, seq: number, index: number | undefined, subject: string): Source {
  return index === undefined ? { stream, seq, subject } : { stream, seq, index, subject };
}

/** The source of a record that stands for no message: that of the entry before it, or one after it. */
function sourceOfRecord(state: FoldState, { head }: ChainState, seq: number): Source {
  if (seq > head.sourceSeq) return sourceOf(state, seq, undefined, '');
  return sourceOf(state, head.sourceSeq, head.sourceIndex < 0 ? undefined : head.sourceIndex, '');
}

function volumeOf(seq: number, transfer: Transfer | null, sizes: SizeMemory | undefined): Volume {
  if (!transfer) return NO_VOLUME;
  return sizes ? sizes.resolve(seq, transfer) : statedVolume(transfer);
}
