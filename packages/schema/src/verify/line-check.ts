/**
 * The rules for a line and the entry before it, whatever its event says (`docs/reference/format.md` §11, rules 3 to 6).
 */
import { SchemaError } from '../error.ts';
import { type Sha256, ZERO_HASH } from '../hash.ts';
import { canonicalJson } from '../json/canonical.ts';
import type { JsonObject } from '../json/json.ts';
import { parseJson } from '../json/parse-json.ts';
import { type Entry, formatCore, formatEntry } from '../ledger/entry.ts';
import { isHash, isOrgid } from '../ledger/shape.ts';
import { addVolume, NO_TOTALS, type Totals } from '../ledger/volume.ts';

/** The end of a chain, which the next entry has to fit. */
export interface ChainEnd {
  /** null: any chain. */
  readonly orgid: string | null;
  /** Of the next entry. */
  readonly seq: number;
  /** The entry before; null: it is not at hand, or there is none. */
  readonly last: Entry | null;
  /** The next entry is the first of the whole chain. */
  readonly isFirst: boolean;
  /**
   * When `last` is null: the hash of the entry before, as the caller knows it from elsewhere; null: the caller does
   * not.
   */
  readonly held: string | null;
  readonly sha256: Sha256;
}

/** @returns what is wrong with the link to the entry before, or null */
function findLinkFault(prevHash: string, { last, isFirst, held }: ChainEnd): string | null {
  const previous = last?.hash ?? (isFirst ? ZERO_HASH : null);
  if (previous !== null && prevHash !== previous) return `prev_hash is ${prevHash}, the previous hash is ${previous}`;
  if (last === null && held !== null && prevHash !== held) return `prev_hash is ${prevHash}, expected ${held}`;
  return null;
}

/** @returns what is wrong with the entry of a line that ought to be the next, or null */
export function findLineFault(entry: Entry, line: string, end: ChainEnd): string | null {
  const { core, event, hash } = entry;
  const { orgid, last, sha256 } = end;
  if (orgid !== null && core.orgid !== orgid) return `it belongs to the chain of ${core.orgid}, not of ${orgid}`;
  if (core.seq !== end.seq) return `expected seq ${end.seq}, found ${core.seq}`;

  let coreText: string;
  let eventText: string;
  try {
    coreText = formatCore(core);
    eventText = canonicalJson(event);
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error;
    return error.message;
  }
  if (formatEntry(coreText, eventText, hash) !== line) return 'the line is not the canonical JSON of its entry';
  if (sha256(coreText) !== hash) return 'hash is not the SHA-256 of core';
  if (event !== null && sha256(eventText) !== core.event_hash) return 'event_hash is not the SHA-256 of event';

  const link = findLinkFault(core.prev_hash, end);
  if (link !== null) return link;
  if (last === null && !end.isFirst) return null;
  const totals = addVolume(last?.core.totals ?? NO_TOTALS, core.volume);
  return areSameTotals(totals, core.totals) ? null : 'totals are not the previous totals plus volume';
}

/** Whether a line of another version is the chain's next, by the rules of every version. */
export function isNextOfAnyVersion(line: string, end: ChainEnd): boolean {
  const { orgid, sha256 } = end;
  try {
    const { core, event, hash } = parseJson(line) as unknown as Entry;
    const coreText = canonicalJson(core as unknown as JsonObject);
    return (
      sha256(coreText) === hash &&
      formatEntry(coreText, canonicalJson(event), hash) === line &&
      core.seq === end.seq &&
      // Their form is checked for the case that there is nothing to compare them with.
      isOrgid(core.orgid) &&
      isHash(core.prev_hash) &&
      (orgid === null || core.orgid === orgid) &&
      findLinkFault(core.prev_hash, end) === null
    );
  } catch (error) {
    // A value without a canonical form is an entry of no version.
    if (error instanceof SchemaError) return false;
    throw error;
  }
}

/** Whether a line looks like an entry, even a damaged one. One damaged byte spoils at most one of the two marks. */
export function looksLikeEntry(line: string): boolean {
  return line.startsWith('{"core":{"event_hash":"') || line.includes(',"v":1,"volume":{"bytes":');
}

function areSameTotals(a: Totals, b: Totals): boolean {
  return printTotals(a) === printTotals(b);
}

function printTotals({ events, uploads, downloads, deduplicated }: Totals): string {
  return [uploads, downloads, deduplicated].reduce((text, t) => `${text} ${t.count} ${t.bytes} ${t.unknown}`, events);
}
