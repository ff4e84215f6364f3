/**
 * Verification: re-derives everything in a chain that can be derived and compares. Pure, total (bad data gives a
 * verdict, never an exception), and the only judge: the CLI, the service, tests and web pages all call this.
 */
import { canonicalJson } from './canonical.ts';
import { type Core, type Entry, formatCore, formatEntry, parseEntry } from './entry.ts';
import { type Sha256, sha256Hex, ZERO_HASH } from './hash.ts';
import { createHoleFinder, type Hole } from './hole.ts';
import { isJsonObject, type JsonObject } from './json.ts';
import { createVolumeCheck } from './volume-check.ts';
import { SYSTEM_CHAIN } from './subject.ts';
import { addVolume, NO_TOTALS, type Totals, type Volume } from './volume.ts';

/** From best to worst; a report over several chains has the worst of theirs. */
export const VERDICTS = ['ok', 'incomplete', 'truncated', 'tampered', 'unreadable'] as const;
export type Verdict = (typeof VERDICTS)[number];

/** Exit codes of `waybill verify`. */
export const VERDICT_EXIT_CODES = { ok: 0, tampered: 1, truncated: 2, incomplete: 3, unreadable: 4 } as const satisfies Record<Verdict, number>;

/** A head that the caller knows from elsewhere. */
export interface Expectation {
  readonly seq: number;
  readonly hash: string;
}

export interface VerifyOptions {
  /** The chain that this has to be; without it, the first entry's. */
  readonly orgid?: string;
  /** The `seq` to start at, for a chain whose beginning is not at hand: what is before it is taken on trust. Default 1. */
  readonly fromSeq?: number;
  /** Heads that the chain must contain. Only they can show a cut tail or a chain that was recomputed as a whole. */
  readonly expect?: readonly Expectation[];
  readonly sha256?: Sha256;
}

export interface Problem {
  /** The first `seq` at which the chain is not what it has to be. */
  readonly seq: number;
  /** What is wrong there, for people. */
  readonly detail: string;
}

export interface ChainReport {
  readonly verdict: Verdict;
  /** null when nothing could be read. */
  readonly orgid: string | null;
  /** Entries that were verified. */
  readonly entries: number;
  /** The first and the last verified entry; null when there is none. */
  readonly first: Expectation | null;
  readonly last: Expectation | null;
  /** Sums up to the last verified entry. */
  readonly totals: Totals;
  readonly problem: Problem | null;
  /** Events that their publisher counted and that never arrived: not tampering. At most 100 are listed. */
  readonly holes: readonly Hole[];
  /** All events in holes, a decimal number. */
  readonly missing: string;
}

export interface ChainVerifier {
  /** The next line, without its line feed. @returns the entry when it is good */
  push(line: string): Entry | null;
  /** What is known so far is bad: there is no need to push more. */
  readonly failed: boolean;
  /** Reports a problem that the caller found at the next entry. */
  fail(detail: string): void;
  finish(): ChainReport;
}

/** Verifies a chain that is at hand as a whole. Blank lines at the end are nothing. */
export function verify(lines: Iterable<string>, options: VerifyOptions = {}): ChainReport {
  const verifier = createChainVerifier(options);
  for (const line of lines) verifier.push(line);
  return verifier.finish();
}

/** Verifies a chain line by line, in memory that does not grow with its length. */
export function createChainVerifier(options: VerifyOptions = {}): ChainVerifier {
  const sha256 = options.sha256 ?? sha256Hex;
  const fromSeq = options.fromSeq ?? 1;
  const expected = new Map((options.expect ?? []).map((e) => [e.seq, e.hash]));
  const checkVolume = createVolumeCheck(fromSeq);
  const holes = createHoleFinder(fromSeq === 1);

  let orgid = options.orgid ?? null;
  let first: Expectation | null = null;
  let last: Entry | null = null;
  let next = fromSeq;
  let problem: Problem | null = null;
  /** Lines since the bad first one, while none was an entry: whether this is a ledger at all is still open. */
  let unread = 0;
  let blank = false;

  function push(line: string): Entry | null {
    if (problem) return null;
    if (line === '') {
      blank = true;
      return null;
    }
    if (blank) return reject('there is a blank line before it', last !== null);
    if (unread > 0) return settleStart(line);
    let entry: Entry;
    try {
      entry = parseEntry(line);
    } catch (error) {
      return reject(`the line is no entry: ${(error as Error).message}`, last !== null);
    }
    const wrong = examine(entry, line);
    if (wrong !== null) return reject(wrong, true);
    orgid = entry.core.orgid;
    first ??= { seq: entry.core.seq, hash: entry.hash };
    last = entry;
    next++;
    return entry;
  }

  function reject(detail: string, isLedger: boolean): null {
    if (isLedger) problem = { seq: next, detail };
    else unread = 1;
    return null;
  }

  /** The first line is no entry: a damaged ledger if an entry comes, something else entirely if none does. */
  function settleStart(line: string): null {
    try {
      parseEntry(line);
      problem = { seq: next, detail: 'the line is no entry' };
    } catch {
      unread++;
    }
    return null;
  }

  /** @returns what is wrong with an entry that ought to be the next, or null */
  function examine(entry: Entry, line: string): string | null {
    const { core, event, hash } = entry;
    const previous = last?.core;
    if (orgid !== null && core.orgid !== orgid) return `it belongs to the chain of ${core.orgid}, not of ${orgid}`;
    if (core.seq !== next) return `expected seq ${next}, found ${core.seq}`;

    const coreText = formatCore(core);
    let eventText: string;
    try {
      eventText = canonicalJson(event);
    } catch (error) {
      return (error as Error).message;
    }
    if (formatEntry(coreText, eventText, hash) !== line) return 'the line is not the canonical JSON of its entry';
    if (sha256(coreText) !== hash) return 'hash is not the SHA-256 of core';
    if (event !== null && sha256(eventText) !== core.event_hash) return 'event_hash is not the SHA-256 of event';

    if (previous || fromSeq === 1) {
      const expectedPrevious = last?.hash ?? ZERO_HASH;
      if (core.prev_hash !== expectedPrevious) return `prev_hash is ${core.prev_hash}, the previous hash is ${expectedPrevious}`;
      const totals = addVolume(previous?.totals ?? NO_TOTALS, core.volume);
      if (canonicalTotals(totals) !== canonicalTotals(core.totals)) return 'totals are not the previous totals plus volume';
    }
    const trusted = expected.get(core.seq - 1);
    if (!previous && trusted !== undefined && trusted !== core.prev_hash) return `prev_hash is not the expected ${trusted}`;
    if (previous && core.received < previous.received) return `received goes back from ${previous.received} to ${core.received}`;
    if (previous && core.source.seq <= previous.source.seq) {
      return `source.seq goes from ${previous.source.seq} to ${core.source.seq}`;
    }
    const wrong = examineEvent(core, event);
    if (wrong !== null) return wrong;
    const wanted = expected.get(core.seq);
    if (wanted !== undefined && wanted !== hash) return `hash is ${hash}, expected ${wanted}`;
    return null;
  }

  function examineEvent(core: Core, event: JsonObject | null): string | null {
    const volume = checkVolume(core.seq, core.volume, event);
    if (volume !== null) return volume;
    if (event === null || core.orgid === SYSTEM_CHAIN) return null;
    const owner = ownerOf(event);
    if (owner !== core.orgid) return `the event belongs to ${String(owner)}`;
    return holes.take(event);
  }

  return {
    push,
    get failed() {
      return problem !== null;
    },
    fail(detail) {
      problem ??= { seq: next, detail };
    },
    finish() {
      const wanted = Math.max(0, ...expected.keys());
      const found = holes.finish();
      let verdict: Verdict = 'ok';
      if (problem) verdict = 'tampered';
      else if (unread > 0) {
        verdict = 'unreadable';
        problem = { seq: fromSeq, detail: 'no line is a ledger entry' };
      } else if (wanted >= next) {
        verdict = 'truncated';
        problem = { seq: next, detail: `the chain ends at ${next - 1}, a head at ${wanted} is expected` };
      } else if (!last) {
        verdict = 'unreadable';
        problem = { seq: fromSeq, detail: 'there is no entry' };
      } else if (found.holes.length > 0) verdict = 'incomplete';
      return {
        verdict,
        orgid,
        entries: next - fromSeq,
        first,
        last: last && { seq: last.core.seq, hash: last.hash },
        totals: last?.core.totals ?? NO_TOTALS,
        problem,
        ...found,
      };
    },
  };
}

/** The organization that an event names, in either dialect. */
function ownerOf(event: JsonObject): unknown {
  const data = event['Data'];
  return event['EventType'] === 'AUDIT_EVENT' && isJsonObject(data) ? data['OrgID'] : event['orgid'];
}

function canonicalTotals({ events, uploads, downloads, deduplicated }: Totals): string {
  return [uploads, downloads, deduplicated].reduce((text, t) => `${text} ${t.count} ${t.bytes} ${t.unknown}`, events);
}

export type { Hole, Volume };
