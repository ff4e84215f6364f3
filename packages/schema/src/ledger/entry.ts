/**
 * The `ledger/` room: entries, blocks, and the rules by which both are made. It is pure, and knows neither streams nor
 * zod, so that a verifier in a browser has no more code than it needs. It never knows how a chain is judged
 * (`verify/`).
 *
 * This file has entries and the hash rule. `docs/reference/format.md` is the specification:
 *
 *     event_hash = SHA-256(JCS(event))      hash = SHA-256(JCS(core))      prev_hash = the previous entry's hash
 *
 * `core` commits to `event_hash` and not to the event, so that an event can be erased and the chain still holds.
 */
import type { Origin } from '../event/origin.ts';
import { ZERO_HASH } from '../hash.ts';
import { canonicalJson } from '../json/canonical.ts';
import type { JsonObject } from '../json/json.ts';
import { NO_TOTALS, type Totals, type Volume } from './volume.ts';

/** Where the event stands in the AUDIT stream. */
export interface Source {
  readonly stream: string;
  readonly seq: number;
  /** The event's place in its message, from 0. Absent when the message is one event and not an array. */
  readonly index?: number;
  readonly subject: string;
}

/** Where an event stands in its publisher's own count, in the form of an entry. */
export interface CoreOrigin {
  readonly producer: string;
  /** Decimal. */
  readonly producerseq: string;
}

/** The part of an entry that is hashed. */
export interface Core {
  readonly v: 1;
  readonly orgid: string;
  /** 1, 2, 3 … without a gap, per chain. */
  readonly seq: number;
  readonly prev_hash: string;
  /** When the AUDIT stream stored the event: RFC 3339, UTC, milliseconds. It never goes back within a chain. */
  readonly received: string;
  readonly source: Source;
  /** null for events without one, and in `_system`. It is part of the core so that it outlives the event's erasure. */
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

/** The last entry of a chain: what the next entry needs of it. */
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

/** The `sourceIndex` of an entry whose source has no index. */
export const NO_INDEX = -1;

export function emptyHead(orgid: string): Head {
  return { orgid, seq: 0, hash: ZERO_HASH, received: '', sourceSeq: 0, sourceIndex: NO_INDEX, totals: NO_TOTALS };
}

export function headOf({ core, hash }: Entry): Head {
  const { orgid, seq, received, source, totals } = core;
  const { seq: sourceSeq, index: sourceIndex = NO_INDEX } = source;
  return { orgid, seq, hash, received, sourceSeq, sourceIndex, totals };
}

/** Positive when `a` comes after `b` in the AUDIT stream. An absent index comes before every other. */
export function comparePlaces(a: Pick<Source, 'seq' | 'index'>, b: Pick<Source, 'seq' | 'index'>): number {
  return a.seq - b.seq || (a.index ?? NO_INDEX) - (b.index ?? NO_INDEX);
}

/** Whether a chain stands at or after a place in the AUDIT stream. The event at that place is then dealt with. */
export function isPast(
  { sourceSeq, sourceIndex }: Head,
  { seq, index = NO_INDEX }: Pick<Source, 'seq' | 'index'>,
): boolean {
  return sourceSeq > seq || (sourceSeq === seq && sourceIndex >= index);
}

export interface NextEntry {
  /** When the AUDIT stream stored the event. Where a clock went back, the entry takes the previous entry's time. */
  readonly received: string;
  readonly source: Source;
  readonly origin: Origin | CoreOrigin | null;
  /** RFC 8785 text of the event. */
  readonly event: string;
  readonly volume: Volume;
}

export interface NextCore extends Omit<NextEntry, 'event'> {
  readonly eventHash: string;
}

/** RFC 8785 text of a core. Its members are read one by one: some cores make them when somebody asks. */
export function formatCore({
  v,
  orgid,
  seq,
  prev_hash,
  received,
  source,
  origin,
  event_hash,
  volume,
  totals,
}: Core): string {
  const core: Core = { v, orgid, seq, prev_hash, received, source, origin, event_hash, volume, totals };
  return canonicalJson(core as unknown as JsonObject);
}

/** RFC 8785 text of an entry, from the texts of its parts. */
export function formatEntry(core: string, event: string, hash: string): string {
  return entryPieces(core, event, hash).join('');
}

/** The same text in pieces, for a writer that copies pieces into a buffer and so need not join them. */
export function entryPieces(core: string, event: string, hash: string): readonly string[] {
  return ['{"core":', core, ',"event":', event, `,"hash":"${hash}"}`];
}
