/**
 * The last line of a block. It says where the chain stands. `docs/reference/format.md` §9 is the specification.
 *
 * A trailer is not hashed. Everything but `watermark` and `base` can be derived from the entries, and verifiers derive
 * it.
 */
import { SchemaError, show } from '../error.ts';
import { isChainName } from '../event/subject.ts';
import { canonicalJson } from '../json/canonical.ts';
import { isJsonObject, type Json, type JsonObject } from '../json/json.ts';
import { parseJson } from '../json/parse-json.ts';
import type { Entry } from './entry.ts';
import {
  MAX_CHAIN_MISSING,
  MAX_MISSING,
  MAX_PRODUCERS,
  type ProducerRecord,
  type ProducerWindow,
  type ProducerWindows,
} from './producer-window.ts';
import type { RunningHead } from './running-head.ts';
import { createShapeCheck, isCount, isHash, isProducer, TOTALS_MEMBERS } from './shape.ts';
import type { Totals } from './volume.ts';

export interface Trailer {
  readonly v: 1;
  readonly orgid: string;
  /** The `seq` of the block's first and last entry. */
  readonly first: number;
  readonly last: number;
  /** The hash of the last entry. */
  readonly head: string;
  /** Sums including the last entry. */
  readonly totals: Totals;
  /** Every message of the AUDIT stream up to this sequence is in the ledger, whatever its organization. 0: none yet. */
  readonly watermark: number;
  /**
   * All windows of publishers. With `base`: the windows that have changed since that block, and null for each that is
   * gone.
   */
  readonly producers: ProducerRecord;
  /** The `last` of the block with all windows that this trailer adds to; null: this trailer has all windows. */
  readonly base: number | null;
}

/** A chain's windows, and the newest block that had all of them. */
export interface TrailerState {
  readonly producers: ProducerWindows;
  /** null: there is no such block, or none is known. */
  base: TrailerBase | null;
}

/** The chain's newest block with all windows. */
export interface TrailerBase {
  readonly last: number;
  /** Length of its windows as text. */
  readonly bytes: number;
  /** Length of the windows in all trailers since. */
  since: number;
}

/**
 * Windows that are at most this long are always all in the trailer. Leaving some out would save little, and whoever
 * restores a head would have to read a second block.
 */
const ALWAYS_ALL_BYTES = 2_048;
/**
 * How much longer a trailer's windows are assumed to be than those of the trailer before it: about two publishers with
 * one or two missing ranges. A restored head does not know how many trailers there were since the base, and estimates
 * it with this.
 */
const GROWTH_BYTES = 256;

/**
 * The base of a chain, for a head that is restored from blocks.
 *
 * @param base the trailer with all windows
 * @param changed the windows of the newest trailer, when it adds to `base`; null: it is `base`
 */
export function restoreBase(base: Pick<Trailer, 'last' | 'producers'>, changed: ProducerRecord | null): TrailerBase {
  const size = (record: ProducerRecord): number => canonicalJson(record as unknown as Json).length;
  const newest = changed === null ? 0 : size(changed);
  return {
    last: base.last,
    bytes: size(base.producers),
    since: Math.max(newest, (newest * newest) / (2 * GROWTH_BYTES)),
  };
}

/**
 * RFC 8785 text of the trailer of a block that ends where the chain stands. Call it once for each block, in their
 * order: the content of the next trailer depends on it.
 */
export function nextTrailer(
  chain: TrailerState & { readonly head: RunningHead },
  first: number,
  watermark: number,
): { readonly line: string; readonly base: number | null } {
  const { head } = chain;
  const { base, text } = nextProducers(chain, head.seq);
  const line =
    `{"base":${base},"first":${first},"head":"${head.hash}","last":${head.seq},"orgid":"${head.orgid}",` +
    `"producers":${text},"totals":${head.formatTotals()},"v":1,"watermark":${watermark}}`;
  return { line, base };
}

/**
 * Gives all windows again when the changed ones in all trailers since the base are as long as all windows. So a trailer
 * is on average at most about twice as long as what has changed.
 */
function nextProducers(chain: TrailerState, seq: number): { base: number | null; text: string } {
  const { producers, base } = chain;
  if (base && producers.maxBytes > ALWAYS_ALL_BYTES) {
    const changed = producers.formatChanged();
    if (base.since + changed.length < base.bytes) {
      base.since += changed.length;
      return { base: base.last, text: changed };
    }
  }
  const all = producers.formatAll();
  producers.settle(seq);
  chain.base = { last: seq, bytes: all.length, since: 0 };
  return { base: null, text: all };
}

const { only, check, checkTotals } = createShapeCheck('NOT_A_BLOCK', 'trailer.');

/**
 * Reads a trailer and checks its shape.
 *
 * @throws SchemaError NOT_A_BLOCK naming the member and its value; NEWER_VERSION
 */
export function parseTrailer(line: string): Trailer {
  let value: Json;
  try {
    value = parseJson(line);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // The platform's own message quotes the text, and differs between versions.
    throw new SchemaError('NOT_A_BLOCK', 'trailer is not JSON');
  }
  if (isJsonObject(value) && value['v'] !== 1 && isCount(value['v']))
    throw new SchemaError('NEWER_VERSION', `trailer.v is ${show(value['v'])}: version 1 is the one that is known here`);
  const trailer = only(value, 'trailer', MEMBERS);
  const { v, orgid, first, last, head, totals, watermark, producers, base } = trailer;
  check(v === 1, 'v', v, '1');
  check(typeof orgid === 'string' && isChainName(orgid), 'orgid', orgid, 'an organization');
  check(isCount(first), 'first', first, 'an integer from 1');
  check(isCount(last) && (last as number) >= (first as number), 'last', last, 'an integer from first');
  check(isHash(head), 'head', head, '64 hexadecimal characters');
  checkTotals(only(totals, 'totals', TOTALS_MEMBERS));
  check(watermark === 0 || isCount(watermark), 'watermark', watermark, 'an integer from 0');
  check(
    base === null || (isCount(base) && (base as number) < (first as number)),
    'base',
    base,
    'null or the last of a block before',
  );
  checkProducers(producers, base !== null);
  return value as unknown as Trailer;
}

const MEMBERS = ['v', 'orgid', 'first', 'last', 'head', 'totals', 'watermark', 'producers', 'base'];

function checkProducers(value: Json | undefined, addsToBase: boolean): void {
  check(isJsonObject(value), 'producers', value, 'an object');
  let [windows, ranges] = [0, 0];
  for (const [producer, window] of Object.entries(value as JsonObject)) {
    const name = `producers.${producer}`;
    check(isProducer(producer), 'producers', producer, 'boot ids');
    if (window === null && addsToBase) continue;
    windows++;
    ranges += checkWindow(name, window);
  }
  check(windows <= MAX_PRODUCERS, 'producers', windows, `at most ${MAX_PRODUCERS}`);
  check(ranges <= MAX_CHAIN_MISSING, 'producers', ranges, `at most ${MAX_CHAIN_MISSING} ranges`);
}

/** @returns the number of its missing ranges */
function checkWindow(name: string, value: Json | undefined): number {
  const { last, missing, floor, seen } = only(value, name, ['last', 'missing', 'floor', 'seen']);
  check(isCount(last), `${name}.last`, last, 'an integer from 1');
  check(isCount(seen), `${name}.seen`, seen, 'an integer from 1');
  check(
    floor === 0 || (isCount(floor) && (floor as number) < (last as number)),
    `${name}.floor`,
    floor,
    'an integer below last',
  );
  check(
    Array.isArray(missing) && missing.length <= MAX_MISSING,
    `${name}.missing`,
    missing,
    `at most ${MAX_MISSING} ranges`,
  );
  let before = floor as number;
  for (const range of missing as unknown as readonly ProducerWindow['missing'][number][]) {
    const isRange =
      Array.isArray(range) && range.length === 2 && range.every(isCount) && range[0] > before && range[1] >= range[0];
    check(isRange && range[1] < (last as number), `${name}.missing`, range, 'ascending ranges between floor and last');
    [, before] = range;
  }
  return (missing as readonly unknown[]).length;
}

/** What in a trailer contradicts the block's first and last entry; null: nothing does. */
export function trailerMismatch(trailer: Trailer, first: Entry, last: Entry): string | null {
  if (trailer.orgid !== last.core.orgid) return `trailer.orgid is ${trailer.orgid}, the entries' is ${last.core.orgid}`;
  if (trailer.first !== first.core.seq)
    return `trailer.first is ${trailer.first}, the first entry is ${first.core.seq}`;
  if (trailer.last !== last.core.seq) return `trailer.last is ${trailer.last}, the last entry is ${last.core.seq}`;
  if (trailer.head !== last.hash) return `trailer.head is ${trailer.head}, the last entry's hash is ${last.hash}`;
  if (canonicalJson(trailer.totals as unknown as Json) !== canonicalJson(last.core.totals as unknown as Json)) {
    return 'trailer.totals are not those of the last entry';
  }
  return null;
}

/**
 * What in a trailer's publishers contradicts the windows after the block's last entry; null: nothing does. Call it for
 * each block of a chain, in order: after a trailer with all windows, the next ones may add to it.
 *
 * @param lastFull the `last` of the newest earlier block with all windows; null: there is none
 */
export function producersMismatch(trailer: Trailer, windows: ProducerWindows, lastFull: number | null): string | null {
  const { base, producers } = trailer;
  if (base !== null && base !== lastFull)
    return `trailer.base is ${base}, the last block with all publishers ends at ${lastFull}`;
  const derived = base === null ? windows.formatAll() : windows.formatChanged();
  if (base === null) windows.settle(trailer.last);
  return derived === canonicalJson(producers as unknown as Json) ? null : 'producers are not those of the entries';
}
