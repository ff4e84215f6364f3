/**
 * From AUDIT messages to entries: decides, for each message, the chain that it belongs to, and appends it there.
 * No I/O and no clock: the same messages on the same chains give the same bytes, on every consumer and after every crash.
 */
import {
  canonicalJson,
  type ChainState,
  type DataCheck,
  entryPieces,
  isPast,
  needsSize,
  NO_VOLUME,
  type Origin,
  readMessage,
  type Reading,
  type Refusal,
  type Sha256,
  type SizeMemory,
  type Source,
  statedVolume,
  SYSTEM_CHAIN,
  type SystemRecord,
  type Transfer,
  type Volume,
} from '@waybill/schema';
import { keepMessage } from '../ledger/kept-message.ts';
import type { StreamGap, StreamItem, StreamMessage } from '../nats/stream-item.ts';

export interface FoldOptions {
  /** Name of the AUDIT stream, as it stands in `core.source`. */
  readonly stream: string;
  readonly subjectPrefix: string;
  readonly sha256: Sha256;
  readonly checkData?: DataCheck;
}

/** An event of the AUDIT stream, a message that is none, or a gap, with the chain that it goes to unless it is known there. */
export interface RoutedItem {
  readonly item: StreamItem;
  readonly orgid: string;
  /** null for a gap. */
  readonly reading: Reading | null;
  /** Its own bytes, and its place in a message that holds several; of any other, the message's, and undefined. */
  readonly payload: Uint8Array;
  readonly index: number | undefined;
  /** Nothing of its message comes after it. */
  readonly isLast: boolean;
}

/** The sizes of organizations' uploads, of those that needed them so far. */
export interface SizeMemories {
  get(orgid: string): SizeMemory | undefined;
  /** The same for an upload that takes its size from there. */
  need(orgid: string): SizeMemory | undefined;
}

export const NO_SIZES: SizeMemories = { get: () => undefined, need: () => undefined };

/** What the fold works on, and changes. All chains of a batch, and `_system`, have to be there. */
interface FoldState {
  readonly chains: ReadonlyMap<string, ChainState>;
  readonly sizes: SizeMemories;
}

export interface FoldSink {
  /** A new entry of a chain, whose state is already the one after it: its line in pieces. */
  append(chain: ChainState, line: readonly string[]): void;
  /** Of what was appended: `entries` by the sink, the others by the fold. */
  readonly counts: FoldCounts;
}

type FoldResult =
  | { readonly done: true }
  /** The item at `index` was not touched: the sizes of its organization's uploads have to be loaded first. */
  | { readonly done: false; readonly index: number; readonly orgid: string };

export interface FoldCounts {
  entries: number;
  rejected: number;
  duplicates: number;
  /** Events of which nobody knows any more whether they are chained. */
  beyondWindow: number;
  gaps: number;
}

/** The last message that is chained when a record is made: no message at or before it may come to `_system` later. */
export interface Place {
  readonly seq: number;
  /** null: as the entry before. */
  readonly received: string | null;
}

export interface Fold {
  /** Reads an item, and appends what is in it to the list: several where a message holds several events. */
  route(item: StreamItem, routed: RoutedItem[]): void;
  /** Appends the items from `start` on, until one needs sizes that are not there. */
  run(items: readonly RoutedItem[], start: number, state: FoldState, sink: FoldSink): FoldResult;
  /** Appends a record that everything up to an item is chained, for when no block says so. */
  mark(item: StreamItem, state: FoldState, sink: FoldSink): void;
  /** Appends a record that stands for no message. */
  note(what: SystemRecord, at: Place, state: FoldState, sink: FoldSink): void;
}

export function createFold({ stream, subjectPrefix, sha256, checkData }: FoldOptions): Fold {
  const readOptions = { subjectPrefix, ...(checkData && { checkData }) };

  function route(item: StreamItem, routed: RoutedItem[]): void {
    if (item.kind === 'gap') {
      routed.push({ item, orgid: SYSTEM_CHAIN, reading: null, payload: NO_BYTES, index: undefined, isLast: true });
      return;
    }
    const message = readMessage(item.subject, item.payload, readOptions);
    if (message.form === 'single') {
      const { reading } = message;
      const { payload } = item;
      routed.push({ item, orgid: chainNameOf(reading), reading, payload, index: undefined, isLast: true });
      return;
    }
    const { elements } = message;
    for (const { index, payload, reading } of elements)
      routed.push({
        item,
        orgid: chainNameOf(reading),
        reading,
        payload,
        index,
        isLast: index === elements.length - 1,
      });
  }

  function run(items: readonly RoutedItem[], start: number, state: FoldState, sink: FoldSink): FoldResult {
    for (let index = start; index < items.length; index++) {
      const routed = items[index] as RoutedItem;
      const { item, reading } = routed;
      if (item.kind === 'gap') {
        recordGap(item, state, sink);
      } else if (reading?.ok) {
        if (!appendEvent(item, routed, reading, state, sink)) return { done: false, index, orgid: routed.orgid };
      } else {
        const { reason, detail } = reading as Refusal;
        const rejected: SystemRecord = {
          kind: 'rejected',
          reason,
          detail,
          ...keepMessage(item.subject, routed.payload),
        };
        if (record(item, routed.index, state, sink, rejected)) sink.counts.rejected++;
      }
    }
    return { done: true };
  }

  /** @returns false when the size of an earlier upload is needed and the memory of them is not there */
  function appendEvent(
    item: StreamMessage,
    { index, payload }: RoutedItem,
    reading: Reading & { ok: true },
    state: FoldState,
    sink: FoldSink,
  ): boolean {
    const chain = chainOf(reading.orgid, state);
    const { head } = chain;
    const source = sourceOf(item.seq, index, item.subject);
    if (isPast(head, source)) return true;
    const { transfer } = reading;
    const needs = transfer !== null && needsSize(transfer);
    const sizes = needs ? state.sizes.need(reading.orgid) : state.sizes.get(reading.orgid);
    // Before the window is asked, which cannot be asked twice for one event.
    if (needs && !sizes) return false;

    const { origin } = reading;
    const seq = head.seq + 1;
    const admission = origin ? chain.producers.admit(origin.producer, origin.producerseq, seq) : 'new';
    if (origin && (admission === 'duplicate' || admission === 'beyond_window')) {
      const { producer, producerseq } = origin;
      const repeated = {
        orgid: reading.orgid,
        producer,
        producerseq: String(producerseq),
        ...keepMessage(item.subject, payload),
      };
      if (!record(item, index, state, sink, { kind: admission, ...repeated })) return true;
      if (admission === 'duplicate') sink.counts.duplicates++;
      else sink.counts.beyondWindow++;
      return true;
    }
    const volume = volumeOf(seq, transfer, sizes);
    append(chain, { source, received: item.received, origin, event: reading.canonical, volume }, sink);
    if (transfer && sizes) sizes.note(seq, transfer, volume);
    return true;
  }

  function recordGap({ first, last, received }: StreamGap, state: FoldState, sink: FoldSink): void {
    const chain = chainOf(SYSTEM_CHAIN, state);
    // A gap that grew while nobody looked is recorded for what is new of it.
    const start = Math.max(first, chain.head.sourceSeq + 1);
    if (start > last) return;
    const gap: SystemRecord = { kind: 'gap', first: start, last };
    appendRecord(chain, gap, sourceOf(last, undefined, ''), received, sink);
    sink.counts.gaps++;
  }

  function mark(item: StreamItem, state: FoldState, sink: FoldSink): void {
    const chain = chainOf(SYSTEM_CHAIN, state);
    const seq = item.kind === 'gap' ? item.last : item.seq;
    // Somebody has been further, and has said so or will.
    if (seq < chain.head.sourceSeq) return;
    appendRecord(chain, { kind: 'watermark', seq }, placeFor(chain, seq), item.received, sink);
  }

  function note(what: SystemRecord, place: Place, state: FoldState, sink: FoldSink): void {
    const chain = chainOf(SYSTEM_CHAIN, state);
    appendRecord(chain, what, placeFor(chain, place.seq), place.received, sink);
  }

  /** Where a record goes that stands for no message: at the place of the entry before, or after it. */
  function placeFor({ head }: ChainState, seq: number): Source {
    if (seq > head.sourceSeq) return sourceOf(seq, undefined, '');
    return sourceOf(head.sourceSeq, head.sourceIndex < 0 ? undefined : head.sourceIndex, '');
  }

  /** @returns false when the `_system` chain has it already */
  function record(
    { seq, subject, received }: StreamMessage,
    index: number | undefined,
    state: FoldState,
    sink: FoldSink,
    what: SystemRecord,
  ): boolean {
    const chain = chainOf(SYSTEM_CHAIN, state);
    // That of an event has no characters beyond ASCII.
    const source = sourceOf(seq, index, subject.toWellFormed());
    if (isPast(chain.head, source)) return false;
    appendRecord(chain, what, source, received, sink);
    return true;
  }

  /** @param received null: as the entry before */
  function appendRecord(
    chain: ChainState,
    what: SystemRecord,
    source: Source,
    received: string | null,
    sink: FoldSink,
  ): void {
    const at = received ?? (chain.head.received || EPOCH);
    append(chain, { source, received: at, origin: null, event: canonicalJson({ ...what }), volume: NO_VOLUME }, sink);
  }

  function append(chain: ChainState, next: NewEntry, sink: FoldSink): void {
    const { source, received, origin, event, volume } = next;
    const core = chain.head.append({ received, source, origin, eventHash: sha256(event), volume }, sha256);
    sink.append(chain, entryPieces(core, event, chain.head.hash));
  }

  function sourceOf(seq: number, index: number | undefined, subject: string): Source {
    return index === undefined ? { stream, seq, subject } : { stream, seq, index, subject };
  }

  return { route, run, mark, note };
}

const NO_BYTES = new Uint8Array(0);

interface NewEntry {
  readonly source: Source;
  readonly received: string;
  readonly origin: Origin | null;
  readonly event: string;
  readonly volume: Volume;
}

function chainNameOf(reading: Reading): string {
  return reading.ok ? reading.orgid : SYSTEM_CHAIN;
}

/** `received` of a gap with nothing before it and nothing after it. */
const EPOCH = '1970-01-01T00:00:00.000Z';

function chainOf(orgid: string, { chains }: FoldState): ChainState {
  const chain = chains.get(orgid);
  if (!chain) throw new Error(`the chain of ${orgid} was not loaded before folding`);
  return chain;
}

function volumeOf(seq: number, transfer: Transfer | null, sizes: SizeMemory | undefined): Volume {
  if (!transfer) return NO_VOLUME;
  return sizes ? sizes.resolve(seq, transfer) : statedVolume(transfer);
}
