/**
 * From AUDIT messages to entries: decides, for each message, the chain that it belongs to, and appends it there.
 * No I/O and no clock: the same messages on the same chains give the same bytes, on every consumer and after every crash.
 */
import {
  admit,
  canonicalJson,
  type ChainState,
  type DataCheck,
  entryPieces,
  MAX_KEPT_PAYLOAD,
  needsSize,
  NO_VOLUME,
  readMessage,
  type Reading,
  type Sha256,
  type SizeMemory,
  statedVolume,
  SYSTEM_CHAIN,
  type SystemRecord,
  type Transfer,
  type Volume,
} from '@waybill/schema';
import { createHash } from 'node:crypto';
import type { StreamGap } from './gap.ts';
import { onlyReading } from './only-reading.ts';
import type { StreamItem, StreamMessage } from './reader.ts';

export interface FoldOptions {
  /** Name of the AUDIT stream, as it stands in `core.source`. */
  readonly stream: string;
  readonly subjectPrefix: string;
  readonly sha256: Sha256;
  readonly checkData?: DataCheck;
}

/** An item of the AUDIT stream, read, with the chain that it goes to unless it is a duplicate. */
export interface RoutedItem {
  readonly item: StreamItem;
  readonly orgid: string;
  /** null for a gap. */
  readonly reading: Reading | null;
}

/** What the fold works on, and changes. All chains of a batch, and `_system`, have to be there. */
interface FoldState {
  readonly chains: ReadonlyMap<string, ChainState>;
  /** Only for the organizations that needed one so far. */
  readonly sizes: ReadonlyMap<string, SizeMemory>;
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
  gaps: number;
}

/** The last message that is chained when a record is made: no message at or before it may come to `_system` later. */
export interface Place {
  readonly seq: number;
  /** null: as the entry before. */
  readonly received: string | null;
}

export interface Fold {
  route(item: StreamItem): RoutedItem;
  /** Appends the items from `start` on, until one needs sizes that are not there. */
  run(items: readonly RoutedItem[], start: number, state: FoldState, sink: FoldSink): FoldResult;
  /** Appends a record that everything up to an item is chained, for when no block says so. */
  mark(item: StreamItem, state: FoldState, sink: FoldSink): void;
  /** Appends a record that stands for no message. */
  note(what: SystemRecord, at: Place, state: FoldState, sink: FoldSink): void;
}

export function createFold({ stream, subjectPrefix, sha256, checkData }: FoldOptions): Fold {
  const readOptions = { subjectPrefix, ...(checkData && { checkData }) };

  function route(item: StreamItem): RoutedItem {
    if (item.kind === 'gap') return { item, orgid: SYSTEM_CHAIN, reading: null };
    const reading = onlyReading(readMessage(item.subject, item.payload, readOptions));
    return { item, orgid: reading.ok ? reading.orgid : SYSTEM_CHAIN, reading };
  }

  function run(items: readonly RoutedItem[], start: number, state: FoldState, sink: FoldSink): FoldResult {
    for (let index = start; index < items.length; index++) {
      const { item, orgid, reading } = items[index] as RoutedItem;
      if (item.kind === 'gap') {
        recordGap(item, state, sink);
      } else if (!reading?.ok) {
        const { reason, detail } = reading as Reading & { ok: false };
        const wellFormed = detail.toWellFormed();
        if (record(item, state, sink, { kind: 'rejected', reason, detail: wellFormed, ...keep(item) }))
          sink.counts.rejected++;
      } else if (!appendEvent(item, reading, state, sink)) {
        return { done: false, index, orgid };
      }
    }
    return { done: true };
  }

  /** @returns false when the size of an earlier upload is needed and the memory of them is not there */
  function appendEvent(
    item: StreamMessage,
    reading: Reading & { ok: true },
    state: FoldState,
    sink: FoldSink,
  ): boolean {
    const chain = chainOf(reading.orgid, state);
    if (item.seq <= chain.head.sourceSeq) return true;
    const { transfer } = reading;
    const sizes = state.sizes.get(reading.orgid);
    // Before `admit`, which cannot be called twice for one event.
    if (transfer && needsSize(transfer) && !sizes) return false;

    const { origin } = reading;
    const seq = chain.head.seq + 1;
    if (origin && !admit(chain.producers, origin.producer, origin.producerseq, seq)) {
      const { producer } = origin;
      const producerseq = String(origin.producerseq);
      const duplicate: SystemRecord = {
        kind: 'duplicate',
        orgid: reading.orgid,
        producer,
        producerseq,
        ...keep(item),
      };
      if (record(item, state, sink, duplicate)) sink.counts.duplicates++;
      return true;
    }
    const volume = volumeOf(seq, transfer, sizes);
    append(chain, item, reading.canonical, volume, sink);
    if (transfer && sizes) sizes.note(seq, transfer, volume);
    return true;
  }

  function recordGap({ first, last, received }: StreamGap, state: FoldState, sink: FoldSink): void {
    const chain = chainOf(SYSTEM_CHAIN, state);
    // A gap that grew while nobody looked is recorded for what is new of it.
    const start = Math.max(first, chain.head.sourceSeq + 1);
    if (start > last) return;
    const gap: SystemRecord = { kind: 'gap', first: start, last };
    const at = { seq: last, subject: '', received: received ?? (chain.head.received || EPOCH) };
    append(chain, at, canonicalJson({ ...gap }), NO_VOLUME, sink);
    sink.counts.gaps++;
  }

  function mark(item: StreamItem, state: FoldState, sink: FoldSink): void {
    const chain = chainOf(SYSTEM_CHAIN, state);
    const seq = item.kind === 'gap' ? item.last : item.seq;
    // Somebody has been further, and has said so or will.
    if (seq < chain.head.sourceSeq) return;
    const what: SystemRecord = { kind: 'watermark', seq };
    const at = { seq, subject: '', received: item.received ?? (chain.head.received || EPOCH) };
    append(chain, at, canonicalJson({ ...what }), NO_VOLUME, sink);
  }

  function note(what: SystemRecord, place: Place, state: FoldState, sink: FoldSink): void {
    const chain = chainOf(SYSTEM_CHAIN, state);
    const seq = Math.max(place.seq, chain.head.sourceSeq);
    const at = { seq, subject: '', received: place.received ?? (chain.head.received || EPOCH) };
    append(chain, at, canonicalJson({ ...what }), NO_VOLUME, sink);
  }

  /** @returns false when the `_system` chain has it already */
  function record(item: StreamMessage, state: FoldState, sink: FoldSink, what: SystemRecord): boolean {
    const chain = chainOf(SYSTEM_CHAIN, state);
    if (item.seq <= chain.head.sourceSeq) return false;
    // That of an event has no characters beyond ASCII.
    const at = { ...item, subject: item.subject.toWellFormed() };
    append(chain, at, canonicalJson({ ...what }), NO_VOLUME, sink);
    return true;
  }

  function append(
    chain: ChainState,
    { seq, subject, received }: { seq: number; subject: string; received: string },
    event: string,
    volume: Volume,
    sink: FoldSink,
  ): void {
    const source = { stream, seq, subject };
    const core = chain.head.append({ received, source, eventHash: sha256(event), volume }, sha256);
    sink.append(chain, entryPieces(core, event, chain.head.hash));
  }

  return { route, run, mark, note };
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

function keep({ subject, payload }: StreamMessage): { subject: string; size: number; sha256: string; payload: string } {
  return {
    subject: subject.toWellFormed(),
    size: payload.length,
    sha256: createHash('sha256').update(payload).digest('hex'),
    payload: Buffer.from(payload.buffer, payload.byteOffset, Math.min(payload.length, MAX_KEPT_PAYLOAD)).toString(
      'base64',
    ),
  };
}
