/**
 * Entries and how they are chained. `docs/format.md` is the specification; this is the whole of its code:
 *
 *     event_hash = SHA-256(JCS(event))      hash = SHA-256(JCS(core))      prev_hash = the previous entry's hash
 *
 * `core` commits to `event_hash` and not to the event, so that an event can be erased and the chain still holds.
 */
import { canonicalJson } from '../json/canonical.ts';
import { type Sha256, sha256Hex, ZERO_HASH } from '../hash.ts';
import type { JsonObject } from '../json/json.ts';
import type { Origin } from '../event/origin.ts';
import { RunningTotals } from './running-totals.ts';
import { createTextMemo } from '../json/text-memo.ts';
import { NO_TOTALS, type Totals, type Volume, type VolumeKind } from './volume.ts';

/** Where the AUDIT stream has the event. */
export interface Source {
  readonly stream: string;
  readonly seq: number;
  /** Which event of the message it is, from 0. Absent: the message is not a batch of events. */
  readonly index?: number;
  readonly subject: string;
}

/** Where an event stands in its publisher's own count, as an entry has it. */
export interface CoreOrigin {
  readonly producer: string;
  /** Decimal. */
  readonly producerseq: string;
}

/** What is hashed. */
export interface Core {
  readonly v: 1;
  readonly orgid: string;
  /** 1, 2, 3 … without a hole, per organization. */
  readonly seq: number;
  readonly prev_hash: string;
  /** When the AUDIT stream stored the event: RFC 3339, UTC, milliseconds; never going backwards in a chain. */
  readonly received: string;
  readonly source: Source;
  /** null for events without one, and in `_system`. It stands here so that erasing an event does not take it away. */
  readonly origin: CoreOrigin | null;
  readonly event_hash: string;
  readonly volume: Volume;
  /** Sums including this entry. */
  readonly totals: Totals;
}

export interface Entry {
  readonly core: Core;
  /** null: erased on request. */
  readonly event: JsonObject | null;
  readonly hash: string;
}

/** The last entry of a chain, as far as the next one needs it. */
export interface Head {
  readonly orgid: string;
  /** 0 for a chain that has no entry yet. */
  readonly seq: number;
  readonly hash: string;
  readonly received: string;
  /** `source.seq` of the last entry. */
  readonly sourceSeq: number;
  /** `source.index` of the last entry; -1 when it has none. */
  readonly sourceIndex: number;
  readonly totals: Totals;
}

const NO_INDEX = -1;

export function emptyHead(orgid: string): Head {
  return { orgid, seq: 0, hash: ZERO_HASH, received: '', sourceSeq: 0, sourceIndex: NO_INDEX, totals: NO_TOTALS };
}

export function headOf({ core, hash }: Entry): Head {
  const { orgid, seq, received, source, totals } = core;
  const { seq: sourceSeq, index: sourceIndex = NO_INDEX } = source;
  return { orgid, seq, hash, received, sourceSeq, sourceIndex, totals };
}

/** Above 0: `a` comes after `b` in the AUDIT stream. An absent index comes before all. */
export function comparePlaces(a: Pick<Source, 'seq' | 'index'>, b: Pick<Source, 'seq' | 'index'>): number {
  return a.seq - b.seq || (a.index ?? NO_INDEX) - (b.index ?? NO_INDEX);
}

/** Whether a chain stands at or after a place in the AUDIT stream: what is there needs not be looked at again. */
export function isPast(
  { sourceSeq, sourceIndex }: Head,
  { seq, index = NO_INDEX }: Pick<Source, 'seq' | 'index'>,
): boolean {
  return sourceSeq > seq || (sourceSeq === seq && sourceIndex >= index);
}

export interface NextEntry {
  /** When the AUDIT stream stored it; moved up to the previous entry's if a clock went back. */
  readonly received: string;
  readonly source: Source;
  readonly origin: Origin | CoreOrigin | null;
  /** RFC 8785 text of the event. */
  readonly event: string;
  readonly volume: Volume;
}

/** @returns the entry as one line of canonical JSON, and the head that it makes */
export function appendEntry(head: Head, next: NextEntry, sha256: Sha256 = sha256Hex): { line: string; head: Head } {
  const running = new RunningHead(head);
  return { line: appendLine(running, next, sha256), head: running.read() };
}

/** The same with a head that goes on. */
export function appendLine(head: RunningHead, next: NextEntry, sha256: Sha256 = sha256Hex): string {
  const core = head.append({ ...next, eventHash: sha256(next.event) }, sha256);
  return formatEntry(core, next.event, head.hash);
}

export interface NextCore extends Omit<NextEntry, 'event'> {
  readonly eventHash: string;
}

/** The head of a chain that goes on: it is changed by each entry, and is the head of the last one. */
export class RunningHead implements Head {
  readonly orgid: string;
  seq: number;
  hash: string;
  received: string;
  sourceSeq: number;
  sourceIndex: number;
  readonly #link: string;
  readonly #totals: RunningTotals;

  constructor({ orgid, seq, hash, received, sourceSeq, sourceIndex, totals }: Head) {
    this.orgid = orgid;
    this.seq = seq;
    this.hash = hash;
    this.received = received;
    this.sourceSeq = sourceSeq;
    this.sourceIndex = sourceIndex;
    this.#link = formatLink(orgid);
    this.#totals = new RunningTotals(totals);
  }

  /** Becomes the head of the next entry. @returns that entry's core as RFC 8785 text */
  append({ received, source, origin, eventHash, volume }: NextCore, sha256: Sha256): string {
    if (received > this.received) this.received = received;
    this.seq++;
    this.sourceSeq = source.seq;
    this.sourceIndex = source.index ?? NO_INDEX;
    this.#totals.add(volume);
    const own = { eventHash, link: this.#link, origin, prevHash: this.hash, source, volume };
    const core = printCore(this, own, this.#totals.format());
    this.hash = sha256(core);
    return core;
  }

  /** Made anew each time that they are asked for. */
  get totals(): Totals {
    return this.#totals.read();
  }

  /** RFC 8785 text of the totals. */
  formatTotals(): string {
    return this.#totals.format();
  }

  /** Whether the totals can stand in an entry. */
  get hasDigits(): boolean {
    return this.#totals.areDecimal;
  }

  /** As it is now. */
  read(): Head {
    const { orgid, seq, hash, received, sourceSeq, sourceIndex, totals } = this;
    return { orgid, seq, hash, received, sourceSeq, sourceIndex, totals };
  }
}

/** RFC 8785 text of a core. Members stand in their sorted order here, so nothing needs sorting; a test holds it to `canonicalJson`. */
export function formatCore(core: Core): string {
  const { orgid, origin, prev_hash, source, event_hash, volume } = core;
  const own = { eventHash: event_hash, link: formatLink(orgid), origin, prevHash: prev_hash, source, volume };
  return printCore(core, own, new RunningTotals(core.totals).format());
}

/** In as few pieces as can be: what comes again and again is one, and V8 puts them together when it is hashed. */
function printCore(
  { seq, received }: Pick<Core, 'seq' | 'received'>,
  own: Omit<NextCore, 'received'> & { readonly link: string; readonly prevHash: string },
  totals: string,
): string {
  const { eventHash, link, origin, prevHash, source, volume } = own;
  return `{"event_hash":"${eventHash}${link}${formatOrigin(origin)}${prevHash}${formatTime(received)}${seq}${formatIndex(source.index)}${source.seq}${formatPlace(source.subject, source.stream)}${totals}${formatVolume(volume)}`;
}

/** What is between an event's hash and its origin: the same in all of a chain. */
function formatLink(orgid: string): string {
  return ['","orgid":"', orgid, '","origin":'].join('');
}

let lastProducer = '';
let lastProducerText = '';

/** An origin, and what is before the hash of the entry before. Names of publishers have no characters that JSON escapes. */
function formatOrigin(origin: NextCore['origin']): string {
  if (origin === null) return 'null,"prev_hash":"';
  if (origin.producer !== lastProducer) {
    lastProducer = origin.producer;
    lastProducerText = ['{"producer":"', lastProducer, '","producerseq":"'].join('');
  }
  return `${lastProducerText}${origin.producerseq}"},"prev_hash":"`;
}

/** What is between an entry's number and that of its message. */
function formatIndex(index: number | undefined): string {
  return index === undefined ? ',"source":{"seq":' : `,"source":{"index":${index},"seq":`;
}

let lastTime = '';
let lastTimeText = '';

/** What is between an entry's hash before it and its number: the same in all of a millisecond. */
function formatTime(received: string): string {
  if (received !== lastTime) {
    lastTime = received;
    lastTimeText = `","received":"${received}","seq":`;
  }
  return lastTimeText;
}

/** What comes after the number in a source's text, and before the totals: the same in many entries. */
const formatPlace = createTextMemo((subject, stream) =>
  [',"stream":', canonicalJson(stream), ',"subject":', canonicalJson(subject), '},"totals":'].join(''),
);

/** The end of a core. */
function formatVolume({ bytes, from, kind }: Volume): string {
  const start = bytes === null ? ',"v":1,"volume":{"bytes":null' : `,"v":1,"volume":{"bytes":"${bytes}"`;
  return from === undefined ? start + END_OF_VOLUME[kind] : `${start},"from":${from}${END_OF_VOLUME[kind]}`;
}

const END_OF_VOLUME: Readonly<Record<VolumeKind, string>> = {
  upload: ',"kind":"upload"}}',
  download: ',"kind":"download"}}',
  deduplicated: ',"kind":"deduplicated"}}',
  none: ',"kind":"none"}}',
};

/** RFC 8785 text of an entry, from the texts of its parts. */
export function formatEntry(core: string, event: string, hash: string): string {
  return entryPieces(core, event, hash).join('');
}

/** The same in pieces, for whoever writes them one by one: a writer of many entries need not put each together first. */
export function entryPieces(core: string, event: string, hash: string): readonly string[] {
  return ['{"core":', core, ',"event":', event, `,"hash":"${hash}"}`];
}
