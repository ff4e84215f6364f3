/** What holds for a line and the entry before it, whatever its event says (`docs/format.md` §11, rules 3 to 6). */
import { SchemaError } from '../error.ts';
import { type Sha256, ZERO_HASH } from '../hash.ts';
import { canonicalJson } from '../json/canonical.ts';
import type { JsonObject } from '../json/json.ts';
import { parseJson } from '../json/parse-json.ts';
import { type Entry, formatCore, formatEntry } from '../ledger/entry.ts';
import { isHash, isOrgid } from '../ledger/parse-entry.ts';
import { addVolume, NO_TOTALS, type Totals } from '../ledger/volume.ts';

/** Where an entry has to fit. */
export interface ChainPlace {
  /** null: in any chain. */
  readonly orgid: string | null;
  readonly seq: number;
  /** The entry before; null: it is not at hand, or there is none. */
  readonly last: Entry | null;
  /** It is the first of the whole chain. */
  readonly isFirst: boolean;
  /** Where `last` is null: the caller's head of the entry before; null: there is none. */
  readonly held: string | null;
  readonly sha256: Sha256;
}

/** @returns what is wrong with the link to the entry before, whether that is at hand or not, or null */
function findLinkFault(prevHash: string, { last, isFirst, held }: ChainPlace): string | null {
  const previous = last?.hash ?? (isFirst ? ZERO_HASH : null);
  if (previous !== null && prevHash !== previous) return `prev_hash is ${prevHash}, the previous hash is ${previous}`;
  if (last === null && held !== null && prevHash !== held) return `prev_hash is ${prevHash}, expected ${held}`;
  return null;
}

/** @returns what is wrong with an entry that ought to be the next, as it stands in its line, or null */
export function findLineFault(entry: Entry, line: string, place: ChainPlace): string | null {
  const { core, event, hash } = entry;
  const { orgid, last, sha256 } = place;
  if (orgid !== null && core.orgid !== orgid) return `it belongs to the chain of ${core.orgid}, not of ${orgid}`;
  if (core.seq !== place.seq) return `expected seq ${place.seq}, found ${core.seq}`;

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

  const link = findLinkFault(core.prev_hash, place);
  if (link !== null) return link;
  if (last === null && !place.isFirst) return null;
  const totals = addVolume(last?.core.totals ?? NO_TOTALS, core.volume);
  return areSameTotals(totals, core.totals) ? null : 'totals are not the previous totals plus volume';
}

/** Whether a line of another version is the chain's next: what holds in every version. */
export function isNextOfAnyVersion(line: string, place: ChainPlace): boolean {
  const { orgid, sha256 } = place;
  try {
    const { core, event, hash } = parseJson(line) as unknown as Entry;
    const coreText = canonicalJson(core as unknown as JsonObject);
    return (
      sha256(coreText) === hash &&
      formatEntry(coreText, canonicalJson(event), hash) === line &&
      core.seq === place.seq &&
      // These two have their form also where there is nothing to compare them with.
      isOrgid(core.orgid) &&
      isHash(core.prev_hash) &&
      (orgid === null || core.orgid === orgid) &&
      findLinkFault(core.prev_hash, place) === null
    );
  } catch (error) {
    // What has no canonical form is of no version.
    if (error instanceof SchemaError) return false;
    throw error;
  }
}

/** Whether a line was an entry before it was damaged. A damaged byte spoils at most one of the two marks. */
export function looksLikeEntry(line: string): boolean {
  return line.startsWith('{"core":{"event_hash":"') || line.includes(',"v":1,"volume":{"bytes":');
}

function areSameTotals(a: Totals, b: Totals): boolean {
  return printTotals(a) === printTotals(b);
}

function printTotals({ events, uploads, downloads, deduplicated }: Totals): string {
  return [uploads, downloads, deduplicated].reduce((text, t) => `${text} ${t.count} ${t.bytes} ${t.unknown}`, events);
}
