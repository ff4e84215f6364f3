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
import { TIME_PATTERN } from './event.ts';
import { HASH_PATTERN, type Sha256, sha256Hex, ZERO_HASH } from './hash.ts';
import { isJsonObject, type Json, type JsonObject } from './json.ts';
import { ORGID_PATTERN, SYSTEM_CHAIN } from './subject.ts';
import { createTextMemo } from './text-memo.ts';
import { addVolume, DECIMAL_PATTERN, NO_TOTALS, type Totals, type Volume, VolumeKind } from './volume.ts';

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
  const made = appendCore(head, { ...next, eventHash: sha256(next.event) }, sha256);
  return { line: formatEntry(made.core, next.event, made.head.hash), head: made.head };
}

export interface NextCore extends Omit<NextEntry, 'event'> {
  readonly eventHash: string;
}

/** @returns the next entry's core as RFC 8785 text, and the head that the entry makes */
export function appendCore(before: Head, next: NextCore, sha256: Sha256): { core: string; head: Head } {
  const { orgid } = before;
  const { source, volume } = next;
  const received = next.received < before.received ? before.received : next.received;
  const seq = before.seq + 1;
  const totals = addVolume(before.totals, volume);
  const texts = PrintedHead.print(before, totals);
  const core = printCore(
    { v: 1, orgid, seq, prev_hash: before.hash, received, source, event_hash: next.eventHash, volume, totals },
    texts,
  );
  const head = new PrintedHead({ orgid, seq, hash: sha256(core), received, sourceSeq: source.seq, totals }, texts);
  return { core, head };
}

/** RFC 8785 text of totals, around their `events`: of these two, an entry changes one at most. */
interface TotalsTexts {
  readonly beforeEvents: string;
  readonly afterEvents: string;
}

/** A head that keeps the texts of its totals. */
class PrintedHead implements Head {
  readonly orgid: string;
  readonly seq: number;
  readonly hash: string;
  readonly received: string;
  readonly sourceSeq: number;
  readonly totals: Totals;
  readonly #texts: TotalsTexts;

  constructor({ orgid, seq, hash, received, sourceSeq, totals }: Head, texts: TotalsTexts) {
    this.orgid = orgid;
    this.seq = seq;
    this.hash = hash;
    this.received = received;
    this.sourceSeq = sourceSeq;
    this.totals = totals;
    this.#texts = texts;
  }

  /** The texts of totals that are those of a head, or come after them. */
  static print(head: Head, totals: Totals): TotalsTexts {
    if (!(head instanceof PrintedHead)) return printTotals(totals);
    const { deduplicated, downloads, uploads } = head.totals;
    const { beforeEvents, afterEvents } = head.#texts;
    const isSameBefore = totals.deduplicated === deduplicated && totals.downloads === downloads;
    return {
      beforeEvents: isSameBefore ? beforeEvents : printBeforeEvents(totals),
      afterEvents: totals.uploads === uploads ? afterEvents : printAfterEvents(totals),
    };
  }
}

function printTotals(totals: Totals): TotalsTexts {
  return { beforeEvents: printBeforeEvents(totals), afterEvents: printAfterEvents(totals) };
}

// Joined, since they are kept: what a template makes is put together anew each time that it is used.
function printBeforeEvents({ deduplicated: { bytes, count, unknown }, downloads }: Totals): string {
  const first = ['{"deduplicated":{"bytes":"', bytes, '","count":"', count, '","unknown":"', unknown].join('');
  const second = ['"},"downloads":{"bytes":"', downloads.bytes, '","count":"', downloads.count].join('');
  return [first, second, '","unknown":"', downloads.unknown, '"},"events":"'].join('');
}

function printAfterEvents({ uploads: { bytes, count, unknown } }: Totals): string {
  return ['","uploads":{"bytes":"', bytes, '","count":"', count, '","unknown":"', unknown, '"}}'].join('');
}

/** RFC 8785 text of a core. Members stand in their sorted order here, so nothing needs sorting; a test holds it to `canonicalJson`. */
export function formatCore(core: Core): string {
  return printCore(core, printTotals(core.totals));
}

function printCore(core: Core, { beforeEvents, afterEvents }: TotalsTexts): string {
  const { source } = core;
  return (
    `{"event_hash":"${core.event_hash}","orgid":"${core.orgid}","prev_hash":"${core.prev_hash}",` +
    `"received":"${core.received}","seq":${core.seq},"source":{"seq":${source.seq}${formatPlace(source.subject, source.stream)}},` +
    `"totals":${beforeEvents}${core.totals.events}${afterEvents},"v":1,"volume":${formatVolume(core.volume)}}`
  );
}

/** What comes after the number in a source's text: the same in many entries. */
const formatPlace = createTextMemo(
  (subject, stream) => `,"stream":${canonicalJson(stream)},"subject":${canonicalJson(subject)}`,
);

/** RFC 8785 text of a head's totals. */
export function formatTotals(head: Head): string {
  const { beforeEvents, afterEvents } = PrintedHead.print(head, head.totals);
  return `${beforeEvents}${head.totals.events}${afterEvents}`;
}

function formatVolume({ bytes, from, kind }: Volume): string {
  const taken = from === undefined ? '' : `"from":${from},`;
  return `{"bytes":${bytes === null ? 'null' : `"${bytes}"`},${taken}"kind":"${kind}"}`;
}

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
    throw new SchemaError('NOT_AN_ENTRY', `is not JSON: ${(cause as Error).message}`, { cause });
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
