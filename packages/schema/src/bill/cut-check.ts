/** The rules that a bill's cuts, lines and anchors follow by themselves, whatever the chain is. */
import { SchemaError } from '../error.ts';
import { type Sha256, ZERO_HASH } from '../hash.ts';
import { canonicalJson } from '../json/canonical.ts';
import type { JsonObject } from '../json/json.ts';
import { comparePlaces, type Core, formatCore } from '../ledger/entry.ts';
import { addVolume, NO_TOTALS, subtractTotals, TALLIES, type Totals } from '../ledger/volume.ts';
import type { Bill, BillCut, BillStatement } from './bill.ts';
import { linesBetween, unknownIn, usageBetween } from './statement.ts';

/** A core of the bill, and what it is compared with. */
export interface HashedCore {
  readonly core: Core;
  /** SHA-256 of its canonical JSON: the hash of its entry. */
  readonly hash: string;
}

/** Each cut's `before`, then each cut's `after`; null where the bill has none. */
export interface HashedCores {
  readonly before: readonly (HashedCore | null)[];
  readonly after: readonly (HashedCore | null)[];
}

export function hashCores({ statement, anchors }: Bill, sha256: Sha256): HashedCores {
  const hashed = (core: Core | null): HashedCore | null => core && { core, hash: sha256(formatCore(core)) };
  const { after = statement.cuts.map(() => null) } = anchors;
  return { before: statement.cuts.map(({ before }) => hashed(before)), after: after.map(hashed) };
}

/** @returns what is wrong with the cuts, or null */
export function findCutFault({ orgid, from, to, cuts }: BillStatement, { before }: HashedCores): string | null {
  if (cuts[0]?.at !== from) return `the first cut is at ${cuts[0]?.at}, from is ${from}`;
  if (cuts.at(-1)?.at !== to) return `the last cut is at ${cuts.at(-1)?.at}, to is ${to}`;
  for (const [i, { at }] of cuts.entries()) {
    const previous = cuts[i - 1];
    if (previous && at <= previous.at) return `cut ${i} is at ${at}, the one before it at ${previous.at}`;
    const one = before[i];
    const fault = one && (findCoreFault(one.core, orgid) ?? findLateness(one.core, at));
    if (fault) return `the entry before cut ${i} (${at}): ${fault}`;
    const step = previous && findStepFault(before[i - 1] ?? null, one ?? null, previous);
    if (step) return `between cut ${i - 1} and cut ${i}: ${step}`;
  }
  return null;
}

function findLateness({ received }: Core, at: string): string | null {
  return received < at ? null : `it was received at ${received}, which is not before the cut`;
}

/** What the core of any entry fulfils, of a chain that is whole. */
function findCoreFault({ orgid, seq, prev_hash, totals }: Core, expected: string): string | null {
  if (orgid !== expected) return `it belongs to the chain of ${orgid}`;
  if (totals.events !== String(seq)) return `its seq is ${seq}, its totals count ${totals.events} events`;
  if (seq === 1 && prev_hash !== ZERO_HASH) return `prev_hash is ${prev_hash}, and it is the first entry`;
  return findTallyFault(totals);
}

function findTallyFault(totals: Totals): string | null {
  let count = 0n;
  for (const name of TALLIES) {
    const tally = totals[name];
    if (BigInt(tally.unknown) > BigInt(tally.count)) return `${name}.unknown is ${tally.unknown} of ${tally.count}`;
    if (tally.unknown === tally.count && tally.bytes !== '0')
      return `${name}.bytes is ${tally.bytes}, and none is known`;
    count += BigInt(tally.count);
  }
  return count > BigInt(totals.events) ? `its totals count ${count} transfers in ${totals.events} events` : null;
}

/** From the entry before one cut to the entry before the next. */
function findStepFault(from: HashedCore | null, to: HashedCore | null, { at }: BillCut): string | null {
  if (to === null) return from === null ? null : 'there is no entry any more';
  const later = to.core;
  if (from?.hash === to.hash) return null;
  // What comes after the entry before a cut was not received before the cut.
  if (later.received < at) return `entry ${later.seq} was received at ${later.received}, before ${at}`;
  if (from === null) return null;
  const earlier = from.core;
  if (later.seq <= earlier.seq) return `seq goes from ${earlier.seq} to ${later.seq}`;
  if (comparePlaces(later.source, earlier.source) <= 0) return 'the place in the AUDIT stream does not grow';
  if (later.seq === earlier.seq + 1) return findLinkFault(from, later);
  return findGrowthFault(later.totals, earlier.totals);
}

/** Of two entries, one directly after the other. */
function findLinkFault(from: HashedCore | null, next: Core): string | null {
  const [hash, seq, totals] = from ? [from.hash, from.core.seq, from.core.totals] : [ZERO_HASH, 0, NO_TOTALS];
  if (next.seq !== seq + 1) return `seq is ${next.seq}, expected ${seq + 1}`;
  if (next.prev_hash !== hash) return `prev_hash is ${next.prev_hash}, the hash of the entry before is ${hash}`;
  return same(addVolume(totals, next.volume), next.totals) ? null : 'totals are not those before and its volume';
}

function findGrowthFault(later: Totals, earlier: Totals): string | null {
  try {
    return findTallyFault(subtractTotals(later, earlier));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return error.message;
  }
}

/** @returns which line or sum is not what the cuts say, or null */
export function findLineFault({ cuts, lines, usage, completeness }: BillStatement): string | null {
  const [first, last] = [cuts[0], cuts.at(-1)] as [BillCut, BillCut];
  try {
    for (const [i, line] of linesBetween(cuts).entries()) {
      if (!same(line, lines[i])) return `line ${i} is not the difference of the cuts from ${line.from} to ${line.to}`;
    }
    if (!same(usageBetween(first, last), usage)) return 'usage is not the difference of the first and the last cut';
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error;
    return error.message;
  }
  const unknown = unknownIn(usage);
  return completeness.unknown === unknown
    ? null
    : `completeness.unknown is ${completeness.unknown}, usage has ${unknown}`;
}

/** @returns what is wrong with the entries that follow the cuts, or null */
export function findAnchorFault({ statement: { orgid, cuts }, anchors }: Bill, cores: HashedCores): string | null {
  if (anchors.after === undefined) return null;
  for (const [i, { at }] of cuts.entries()) {
    const [before, after] = [cores.before[i] ?? null, cores.after[i] ?? null];
    const later = cores.before.slice(i + 1).find((one) => one && one.hash !== before?.hash) ?? null;
    const fault = after
      ? findAfterFault({ at, orgid, before, after, later })
      : later && 'it is absent, and the chain goes on';
    if (fault) return `the entry after cut ${i} (${at}): ${fault}`;
    const next = cores.after[i + 1];
    const isSame = i + 1 < cuts.length && cores.before[i + 1]?.hash === before?.hash;
    if (isSame && next?.hash !== after?.hash) return `the entries after cut ${i} and cut ${i + 1} differ`;
  }
  return null;
}

interface After {
  readonly at: string;
  readonly orgid: string;
  readonly before: HashedCore | null;
  readonly after: HashedCore;
  /** The entry before the next cut with another one. */
  readonly later: HashedCore | null;
}

function findAfterFault({ at, orgid, before, after, later }: After): string | null {
  const { core, hash } = after;
  const fault = findCoreFault(core, orgid) ?? findLinkFault(before, core);
  if (fault) return fault;
  if (core.received < at) return `it was received at ${core.received}, which is before the cut`;
  if (before && comparePlaces(core.source, before.core.source) <= 0)
    return 'its place in the AUDIT stream does not grow';
  if (later === null || later.hash === hash) return null;
  if (later.core.seq <= core.seq) return `it is entry ${core.seq}, and so is the one before a later cut`;
  if (later.core.received < core.received) return `it was received at ${core.received}, after entry ${later.core.seq}`;
  if (comparePlaces(later.core.source, core.source) <= 0)
    return `its place is not before that of entry ${later.core.seq}`;
  return later.core.seq === core.seq + 1
    ? findLinkFault(after, later.core)
    : findGrowthFault(later.core.totals, core.totals);
}

function same(a: object, b: object | undefined): boolean {
  return b !== undefined && canonicalJson(a as JsonObject) === canonicalJson(b as JsonObject);
}
