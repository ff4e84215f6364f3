/**
 * Entries and how they are chained. `docs/format.md` is the specification; this is the whole of its code:
 *
 *     event_hash = SHA-256(JCS(event))      hash = SHA-256(JCS(core))      prev_hash = the previous entry's hash
 *
 * `core` commits to `event_hash` and not to the event, so that an event can be erased and the chain still holds.
 */
import { canonicalJson } from './canonical.ts';
import { parseJson } from './parse-json.ts';
import { SchemaError, show } from './error.ts';
import { HASH_PATTERN, type Sha256, sha256Hex, ZERO_HASH } from './hash.ts';
import { isJsonObject, type Json, type JsonObject } from './json.ts';
import { isProducerseq, type Origin, PRODUCER_PATTERN } from './origin.ts';
import { RunningTotals } from './running-totals.ts';
import { isChainName, isReservedChain, SYSTEM_CHAIN } from './subject.ts';
import { createTextMemo } from './text-memo.ts';
import { DECIMAL_PATTERN, NO_TOTALS, type Totals, type Volume, VolumeKind } from './volume.ts';

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

export const NO_INDEX = -1;

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

/**
 * Reads one line. Checks its shape only: whether the hashes are right is `verify`'s business.
 *
 * @throws SchemaError NOT_AN_ENTRY naming the field and the value; NEWER_VERSION
 */
export function parseEntry(line: string): Entry {
  let value: Json;
  try {
    value = parseJson(line);
  } catch (cause) {
    throw new SchemaError('NOT_AN_ENTRY', `is not JSON: ${(cause as Error).message}`, { cause });
  }
  const entry = only(value, 'entry', ['core', 'event', 'hash']);
  checkVersion(entry['core']);
  const core = only(entry['core'], 'core', CORE_MEMBERS);
  const source = only(core['source'], 'source', withOptional(SOURCE_MEMBERS, core['source'], 'index'));
  const totals = only(core['totals'], 'totals', ['events', 'uploads', 'downloads', 'deduplicated']);
  check(isOrgid(core['orgid']), 'core.orgid', core['orgid'], 'an organization');
  check(isCount(core['seq']), 'core.seq', core['seq'], 'an integer from 1');
  check(isHash(core['prev_hash']), 'core.prev_hash', core['prev_hash'], '64 hexadecimal characters');
  check(isHash(core['event_hash']), 'core.event_hash', core['event_hash'], '64 hexadecimal characters');
  check(isHash(entry['hash']), 'hash', entry['hash'], '64 hexadecimal characters');
  check(isReceived(core['received']), 'core.received', core['received'], 'RFC 3339 UTC with milliseconds');
  check(isText(source['stream']), 'source.stream', source['stream'], 'a stream name');
  check(isText(source['subject']), 'source.subject', source['subject'], 'a subject');
  check(isCount(source['seq']), 'source.seq', source['seq'], 'an integer from 1');
  check(isIndex(source['index']), 'source.index', source['index'], 'an integer from 0 to 255');
  checkOrigin(core);
  check(isDecimal(totals['events']), 'totals.events', totals['events'], 'a decimal string');
  for (const name of ['uploads', 'downloads', 'deduplicated']) {
    const tally = only(totals[name], `totals.${name}`, ['count', 'bytes', 'unknown']);
    for (const part of ['count', 'bytes', 'unknown']) {
      check(isDecimal(tally[part]), `totals.${name}.${part}`, tally[part], 'a decimal string');
    }
  }
  checkVolume(core['volume'], core);
  check(entry['event'] === null || isJsonObject(entry['event']), 'event', entry['event'], 'an object or null');
  return value as unknown as Entry;
}

const CORE_MEMBERS = [
  'v',
  'orgid',
  'seq',
  'prev_hash',
  'received',
  'source',
  'origin',
  'event_hash',
  'volume',
  'totals',
];
const SOURCE_MEMBERS = ['stream', 'seq', 'subject'];

/** Before anything else: what a later version has is not known here. @throws SchemaError NEWER_VERSION */
function checkVersion(core: Json | undefined): void {
  const v = isJsonObject(core) ? core['v'] : undefined;
  if (v === 1) return;
  if (isCount(v))
    throw new SchemaError('NEWER_VERSION', `core.v is ${show(v)}: version 1 is the one that is known here`);
  if (isJsonObject(core) && 'v' in core) check(false, 'core.v', v, '1');
}

/** The members, and one that may be absent if it is there. */
function withOptional(members: readonly string[], value: Json | undefined, optional: string): readonly string[] {
  return isJsonObject(value) && Object.hasOwn(value, optional) ? [...members, optional] : members;
}

function checkOrigin({ orgid, origin }: JsonObject): void {
  if (origin === null) return;
  const { producer, producerseq } = only(origin, 'core.origin', ['producer', 'producerseq']);
  check(isProducer(producer), 'core.origin.producer', producer, 'a boot id');
  check(isProducerseq(producerseq), 'core.origin.producerseq', producerseq, 'a decimal string from "1" to 2^53-1');
  check(orgid !== SYSTEM_CHAIN, 'core.origin', origin, `null in ${SYSTEM_CHAIN}`);
}

/** What a volume can be, whatever its event says: it may be erased. */
function checkVolume(value: Json | undefined, { orgid, seq }: JsonObject): void {
  const volume = only(value, 'volume', withOptional(['kind', 'bytes'], value, 'from'));
  check(VOLUME_KINDS.has(volume['kind']), 'volume.kind', volume['kind'], [...VOLUME_KINDS].join(', '));
  check(
    volume['bytes'] === null || isDecimal(volume['bytes']),
    'volume.bytes',
    volume['bytes'],
    'a decimal string or null',
  );
  const { kind, bytes, from } = volume;
  check(bytes === null || Number.isSafeInteger(Number(bytes)), 'volume.bytes', bytes, 'at most 2^53-1');
  check(kind !== 'none' || bytes === null, 'volume.bytes', bytes, 'null, because nothing was moved');
  check(!isReservedChain(orgid as string) || kind === 'none', 'volume.kind', kind, `none in ${show(orgid)}`);
  if (from === undefined) return;
  check(isCount(from) && (from as number) < (seq as number), 'volume.from', from, 'the seq of an earlier entry');
  check(kind === 'deduplicated' && bytes !== null, 'volume.from', from, 'none: no size was taken');
}

const VOLUME_KINDS: ReadonlySet<unknown> = new Set(VolumeKind.options);

export function isDecimal(value: unknown): boolean {
  return typeof value === 'string' && DECIMAL_PATTERN.test(value);
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value.isWellFormed();
}

export function isHash(value: unknown): boolean {
  return typeof value === 'string' && HASH_PATTERN.test(value);
}

/** RFC 3339, UTC, milliseconds: the one form, so that earlier times are smaller texts. */
export const RECEIVED_PATTERN = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/;

function isReceived(value: unknown): boolean {
  return typeof value === 'string' && RECEIVED_PATTERN.test(value);
}

/** The last event of a message that holds as many as it may. */
export const MAX_INDEX = 255;

function isIndex(value: unknown): boolean {
  return value === undefined || (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_INDEX);
}

export function isProducer(value: unknown): boolean {
  return typeof value === 'string' && PRODUCER_PATTERN.test(value);
}

export function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}

function isOrgid(value: unknown): boolean {
  return typeof value === 'string' && isChainName(value);
}

/** @throws SchemaError NOT_AN_ENTRY unless the value is an object with exactly these members */
function only(value: Json | undefined, name: string, members: readonly string[]): JsonObject {
  if (!isJsonObject(value)) throw new SchemaError('NOT_AN_ENTRY', `${name} is ${show(value)}: expected an object`);
  for (const member of members) {
    if (!Object.hasOwn(value, member)) throw new SchemaError('NOT_AN_ENTRY', `${name} has no ${member}`);
  }
  if (Object.keys(value).length !== members.length) {
    const strange = Object.keys(value).find((member) => !members.includes(member));
    throw new SchemaError('NOT_AN_ENTRY', `${name} has the unknown member ${show(strange)}`);
  }
  return value;
}

function check(ok: boolean, name: string, value: unknown, expected: string): void {
  if (!ok) throw new SchemaError('NOT_AN_ENTRY', `${name} is ${show(value)}: expected ${expected}`);
}
