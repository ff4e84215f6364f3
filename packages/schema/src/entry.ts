/**
 * Entries and how they are chained. `docs/format.md` is the specification; this is the whole of its code:
 *
 *     event_hash = SHA-256(JCS(event))      hash = SHA-256(JCS(core))      prev_hash = the previous entry's hash
 *
 * `core` commits to `event_hash` and not to the event, so that an event can be erased and the chain still holds.
 */
import { canonicalJson } from './canonical.ts';
import { parseJson } from './parse-json.ts';
import { notJson, SchemaError, show } from './error.ts';
import { TIME_PATTERN } from './event.ts';
import { HASH_PATTERN, type Sha256, sha256Hex, ZERO_HASH } from './hash.ts';
import { isJsonObject, type Json, type JsonObject } from './json.ts';
import { RunningTotals } from './running-totals.ts';
import { ORGID_PATTERN, SYSTEM_CHAIN } from './subject.ts';
import { createTextMemo } from './text-memo.ts';
import { DECIMAL_PATTERN, NO_TOTALS, type Totals, type Volume, VolumeKind } from './volume.ts';

/** Where the AUDIT stream has the event. */
export interface Source {
  readonly stream: string;
  readonly seq: number;
  readonly subject: string;
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
  readonly totals: Totals;
}

export function emptyHead(orgid: string): Head {
  return { orgid, seq: 0, hash: ZERO_HASH, received: '', sourceSeq: 0, totals: NO_TOTALS };
}

export function headOf({ core, hash }: Entry): Head {
  const { orgid, seq, received, source, totals } = core;
  return { orgid, seq, hash, received, sourceSeq: source.seq, totals };
}

export interface NextEntry {
  /** When the AUDIT stream stored it; moved up to the previous entry's if a clock went back. */
  readonly received: string;
  readonly source: Source;
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
  readonly #link: string;
  readonly #totals: RunningTotals;

  constructor({ orgid, seq, hash, received, sourceSeq, totals }: Head) {
    this.orgid = orgid;
    this.seq = seq;
    this.hash = hash;
    this.received = received;
    this.sourceSeq = sourceSeq;
    this.#link = formatLink(orgid);
    this.#totals = new RunningTotals(totals);
  }

  /** Becomes the head of the next entry. @returns that entry's core as RFC 8785 text */
  append({ received, source, eventHash, volume }: NextCore, sha256: Sha256): string {
    if (received > this.received) this.received = received;
    this.seq++;
    this.sourceSeq = source.seq;
    this.#totals.add(volume);
    const own = { eventHash, link: this.#link, prevHash: this.hash, source, volume };
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
    const { orgid, seq, hash, received, sourceSeq, totals } = this;
    return { orgid, seq, hash, received, sourceSeq, totals };
  }
}

/** RFC 8785 text of a core. Members stand in their sorted order here, so nothing needs sorting; a test holds it to `canonicalJson`. */
export function formatCore(core: Core): string {
  const { orgid, prev_hash, source, event_hash, volume } = core;
  const own = { eventHash: event_hash, link: formatLink(orgid), prevHash: prev_hash, source, volume };
  return printCore(core, own, new RunningTotals(core.totals).format());
}

/** In as few pieces as can be: what comes again and again is one, and V8 puts them together when it is hashed. */
function printCore(
  { seq, received }: Pick<Core, 'seq' | 'received'>,
  own: Omit<NextCore, 'received'> & { readonly link: string; readonly prevHash: string },
  totals: string,
): string {
  const { eventHash, link, prevHash, source, volume } = own;
  return `{"event_hash":"${eventHash}${link}${prevHash}${formatTime(received)}${seq},"source":{"seq":${source.seq}${formatPlace(source.subject, source.stream)}${totals}${formatVolume(volume)}`;
}

/** What is between an event's hash and that of the entry before: the same in all of a chain. */
function formatLink(orgid: string): string {
  return ['","orgid":"', orgid, '","prev_hash":"'].join('');
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
 * @throws SchemaError NOT_AN_ENTRY naming the field and the value
 */
export function parseEntry(line: string): Entry {
  let value: Json;
  try {
    value = parseJson(line);
  } catch (cause) {
    throw new SchemaError('NOT_AN_ENTRY', notJson(cause));
  }
  const entry = only(value, 'entry', ['core', 'event', 'hash']);
  const core = only(entry['core'], 'core', CORE_MEMBERS);
  const source = only(core['source'], 'source', ['stream', 'seq', 'subject']);
  const totals = only(core['totals'], 'totals', ['events', 'uploads', 'downloads', 'deduplicated']);
  check(core['v'] === 1, 'core.v', core['v'], '1');
  check(isOrgid(core['orgid']), 'core.orgid', core['orgid'], 'an organization');
  check(isCount(core['seq']), 'core.seq', core['seq'], 'an integer from 1');
  check(isHash(core['prev_hash']), 'core.prev_hash', core['prev_hash'], '64 hexadecimal characters');
  check(isHash(core['event_hash']), 'core.event_hash', core['event_hash'], '64 hexadecimal characters');
  check(isHash(entry['hash']), 'hash', entry['hash'], '64 hexadecimal characters');
  check(isTime(core['received']), 'core.received', core['received'], 'RFC 3339 UTC with milliseconds');
  check(isText(source['stream']), 'source.stream', source['stream'], 'a stream name');
  check(isText(source['subject']), 'source.subject', source['subject'], 'a subject');
  check(isCount(source['seq']), 'source.seq', source['seq'], 'an integer from 1');
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

const CORE_MEMBERS = ['v', 'orgid', 'seq', 'prev_hash', 'received', 'source', 'event_hash', 'volume', 'totals'];

/** What a volume can be, whatever its event says: it may be erased. */
function checkVolume(value: Json | undefined, { orgid, seq }: JsonObject): void {
  const volume = only(value, 'volume', ['kind', 'bytes', ...(isJsonObject(value) && 'from' in value ? ['from'] : [])]);
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
  check(orgid !== SYSTEM_CHAIN || kind === 'none', 'volume.kind', kind, `none in ${SYSTEM_CHAIN}`);
  if (from === undefined) return;
  check(isCount(from) && (from as number) < (seq as number), 'volume.from', from, 'the seq of an earlier entry');
  check(kind === 'deduplicated' && bytes !== null, 'volume.from', from, 'none: no size was taken');
}

const VOLUME_KINDS: ReadonlySet<unknown> = new Set(VolumeKind.options);

function isDecimal(value: unknown): boolean {
  return typeof value === 'string' && DECIMAL_PATTERN.test(value);
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value.isWellFormed();
}

function isHash(value: unknown): boolean {
  return typeof value === 'string' && HASH_PATTERN.test(value);
}

function isTime(value: unknown): boolean {
  return typeof value === 'string' && TIME_PATTERN.test(value);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}

function isOrgid(value: unknown): boolean {
  return typeof value === 'string' && (value === SYSTEM_CHAIN || ORGID_PATTERN.test(value));
}

/** @throws SchemaError NOT_AN_ENTRY unless the value is an object with exactly these members */
function only(value: Json | undefined, name: string, members: readonly string[]): JsonObject {
  if (!isJsonObject(value)) throw new SchemaError('NOT_AN_ENTRY', `${name} is ${show(value)}: expected an object`);
  for (const member of members) {
    if (!(member in value)) throw new SchemaError('NOT_AN_ENTRY', `${name} has no ${member}`);
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
