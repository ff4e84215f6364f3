/**
 * The rules of `docs/format.md` §11, in the order in which they are given there. The signature comes last and is asked for
 * by the caller (`verify.ts`), who may have to wait for it.
 */
import { SchemaError, show } from '../error.ts';
import type { EventFacts } from '../event/event-facts.ts';
import { type Origin, originOf } from '../event/origin.ts';
import { ownerOf } from '../event/owner.ts';
import { isReservedChain, SYSTEM_CHAIN } from '../event/subject.ts';
import type { Transfer } from '../event/transfer.ts';
import { type Sha256, sha256Hex } from '../hash.ts';
import type { JsonObject } from '../json/json.ts';
import { comparePlaces, type Core, type Entry } from '../ledger/entry.ts';
import { parseEntry } from '../ledger/parse-entry.ts';
import type { ProducerWindows } from '../ledger/producer-window.ts';
import { isKnownKind, standsForNoMessage } from '../ledger/system-record.ts';
import { NO_TOTALS, type Volume } from '../ledger/volume.ts';
import { type ChainPlace, findLineFault, isNextOfAnyVersion, looksLikeEntry } from './line-check.ts';
import { createHoleFinder } from './missing-events.ts';
import { createReceiptReader, type Receipt, type ReceiptKeys, wrongSignature } from './receipt.ts';
import {
  type ChainReport,
  CHECKED,
  type Expectation,
  listChecked,
  NOT_CHECKED,
  type Problem,
  type Verdict,
} from './verdict.ts';
import { createVolumeCheck } from './volume-check.ts';

export interface ChainOptions {
  /** The chain that this has to be; without it, the first entry's. */
  readonly orgid?: string;
  /** The `seq` to start at, for a chain whose beginning is not at hand: what is before it is taken on trust. Default 1. */
  readonly fromSeq?: number;
  /** Heads that the chain must contain. Only they can show a cut tail or a chain that was recomputed as a whole. */
  readonly expect?: readonly Expectation[];
  readonly sha256?: Sha256;
}

/** A line, and what is wrong with it before it is read. */
export interface ReadLine {
  readonly text: string;
  readonly bad: string | null;
}

/** An entry that a shortcut has read in its line. */
interface KnownEntry {
  readonly entry: Entry;
  /** null: the event's text was not read, so the event has to be looked at. */
  readonly facts: EventFacts | null;
}

/**
 * Reads a line that it recognizes as the very line that a writer puts after the verified entry `last`. null: it says nothing
 * about the line, and the rules below judge it.
 */
export type Shortcut = (line: string, last: Entry) => KnownEntry | null;

/** The volume that the entry `seq` has by what its event transferred and by the entries before it. Changes nothing. */
export type DeriveVolume = (seq: number, transfer: Transfer | null) => Volume;

export type CreateShortcut = (sha256: Sha256, deriveVolume: DeriveVolume) => Shortcut;

export interface VerifiedEntry {
  /** Its event is parsed each time that it is asked for. */
  readonly entry: Entry;
  /** It has no event any more. */
  readonly isErased: boolean;
  /** null for entries without one. */
  readonly origin: Origin | null;
}

/** An entry that is good but for its signature. */
interface Candidate {
  readonly entry: Entry;
  readonly facts: EventFacts | null;
  readonly origin: Origin | null;
  /** What has to fit; null: nothing. */
  readonly receipt: Receipt | null;
}

export interface Judge {
  /** null: the line is bad, or none, or after a bad one. */
  examine(line: ReadLine): Candidate | null;
  /** @param fits whether the candidate's signature does; null: there is nothing to fit */
  accept(candidate: Candidate, fits: boolean | null): VerifiedEntry | null;
  readonly failed: boolean;
  fail(detail: string): void;
  readonly windows: ProducerWindows | null;
  finish(): ChainReport;
}

export function createJudge(
  options: ChainOptions,
  createShortcut: CreateShortcut,
  findKey: ReceiptKeys['find'] | undefined,
): Judge {
  const sha256 = options.sha256 ?? sha256Hex;
  const fromSeq = options.fromSeq ?? 1;
  const expected = Map.groupBy(options.expect ?? [], ({ seq }) => seq);
  const volumes = createVolumeCheck(fromSeq);
  const takeShortcut = createShortcut(sha256, volumes.derive);
  const holes = createHoleFinder(fromSeq === 1);
  const receipts = findKey ? createReceiptReader(findKey) : null;

  let orgid = options.orgid ?? null;
  let first: Expectation | null = null;
  let last: Entry | null = null;
  let next = fromSeq;
  let problem: Problem | null = findContradiction(expected);
  /** What is wrong with the first line, while nothing looked like an entry: whether this is a ledger at all is still open. */
  let unread: string | null = null;
  /** The first entry of a version that is not known here: the lines from there on are counted. */
  let newer: Problem | null = null;
  let blank = false;
  const counts = { erased: 0, numbered: 0, unknownKinds: 0, newer: 0, derived: 0 };

  /** Where the next entry has to fit. */
  function expectedPlace(): ChainPlace {
    // Two heads of one entry that differ are a problem before the first line.
    const held = last === null ? (expected.get(next - 1)?.[0]?.hash ?? null) : null;
    return { orgid, seq: next, last, isFirst: fromSeq === 1 && last === null, held, sha256 };
  }

  function examine({ text: line, bad }: ReadLine): Candidate | null {
    if (problem) return null;
    if (line === '') {
      blank = true;
      return null;
    }
    if (newer) {
      counts.newer++;
      return null;
    }
    if (unread !== null) {
      if (looksLikeEntry(line)) problem = { seq: next, detail: unread };
      return null;
    }
    if (blank) return reject('there is a blank line before it', looksLikeEntry(line));
    if (bad !== null) return reject(bad, looksLikeEntry(line));
    const known = last && takeShortcut(line, last);
    let entry = known?.entry;
    if (!entry) {
      try {
        entry = parseEntry(line);
      } catch (error) {
        // Anything else is not the line's fault.
        if (!(error instanceof SchemaError)) throw error;
        return rejectUnparsed(line, error);
      }
      const wrong = findLineFault(entry, line, expectedPlace());
      if (wrong !== null) return reject(wrong, true);
    }
    return examineEntry(entry, known?.facts ?? null);
  }

  function accept({ entry, facts, origin, receipt }: Candidate, fits: boolean | null): VerifiedEntry | null {
    if (receipt && fits !== null) {
      if (!fits) return reject(wrongSignature(receipt.keyid), true);
      receipts?.noteVerified();
    }
    const { core } = entry;
    ({ orgid } = core);
    first ??= { seq: core.seq, hash: entry.hash };
    last = entry;
    next++;
    if (origin) counts.numbered++;
    // Asking the entry for an event that has been read would parse it.
    const isErased = facts === null && entry.event === null;
    if (isErased) counts.erased++;
    else if (core.orgid === SYSTEM_CHAIN) counts.unknownKinds += isKnownKind(entry.event as JsonObject) ? 0 : 1;
    else if (!isReservedChain(core.orgid)) counts.derived++;
    return { entry, isErased, origin };
  }

  /** A bad line is tampering if it is in a ledger: after an entry, or an entry by its looks. */
  function reject(detail: string, isEntry: boolean): null {
    if (isEntry || last) problem = { seq: next, detail };
    else unread = detail;
    return null;
  }

  function rejectUnparsed(line: string, error: SchemaError): null {
    if (error.code !== 'NEWER_VERSION' || !isNextOfAnyVersion(line, expectedPlace()))
      return reject(`the line is no entry: ${error.message}`, looksLikeEntry(line));
    newer = { seq: next, detail: error.message };
    counts.newer++;
    return null;
  }

  /** What an entry's own line and the one before it cannot show. */
  function examineEntry(entry: Entry, facts: EventFacts | null): Candidate | null {
    const { core, hash } = entry;
    const wrong = (last && examineOrder(last, entry)) ?? (facts ? examineFacts(core, facts) : examineEvent(entry));
    if (wrong !== null) return reject(wrong, true);
    const origin = facts ? facts.origin : numbered(core);
    const repeated = origin && holes.take(core.seq, origin);
    if (repeated !== null) return reject(repeated, true);
    const wanted = unlike(expected.get(core.seq), hash);
    if (wanted) return reject(`hash is ${hash}, expected ${wanted.hash}`, true);
    const event = receipts && core.orgid !== SYSTEM_CHAIN ? entry.event : null;
    const receipt = event && receipts ? receipts.take(event) : null;
    if (typeof receipt === 'string') return reject(receipt, true);
    return { entry, facts, origin, receipt };
  }

  /** @returns what is wrong with an entry after another, or null */
  function examineOrder({ core: { received, source } }: Entry, entry: Entry): string | null {
    const { core } = entry;
    if (core.received < received) return `received goes back from ${received} to ${core.received}`;
    const order = comparePlaces(core.source, source);
    if (order > 0) return null;
    if (order === 0 && core.orgid === SYSTEM_CHAIN && standsForNoMessage(entry.event)) return null;
    return `source.seq goes from ${place(source)} to ${place(core.source)}`;
  }

  /** The shortcut has checked volume and origin. */
  function examineFacts({ orgid: owner, seq, volume }: Core, { orgid: named, transfer }: EventFacts): string | null {
    if (named !== owner) return `the event belongs to ${show(named)}`;
    volumes.note(seq, transfer, volume);
    return null;
  }

  function examineEvent({ core, event }: Entry): string | null {
    if (core.orgid === SYSTEM_CHAIN) return null;
    const volume = isReservedChain(core.orgid) ? null : volumes.check(core.seq, core.volume, event);
    if (volume !== null || event === null) return volume;
    const owner = ownerOf(event);
    if (owner !== core.orgid) return `the event belongs to ${show(owner)}`;
    const said = originOf(event);
    const isSaid = core.origin
      ? core.origin.producer === said?.producer && core.origin.producerseq === String(said.producerseq)
      : said === null;
    return isSaid ? null : `origin is ${show(core.origin)}, the event says ${show(said)}`;
  }

  /** The verdict when no entry was bad, and why. */
  function judge(missing: string): [Verdict, Problem | null] {
    if (unread !== null)
      return ['unreadable', { seq: fromSeq, detail: `no line is a ledger entry; of the first, ${unread}` }];
    if (newer) return ['unreadable', newer];
    const unmet = [...expected.keys()].find((seq) => !isMet(seq));
    if (unmet !== undefined) {
      return ['truncated', { seq: next, detail: `this is ${fromSeq} to ${next - 1}, a head at ${unmet} is expected` }];
    }
    if (!last) return ['unreadable', { seq: fromSeq, detail: 'there is no entry' }];
    return [missing === '0' ? 'ok' : 'incomplete', null];
  }

  function isMet(seq: number): boolean {
    return Number.isInteger(seq) && seq >= fromSeq - 1 && seq < next;
  }

  return {
    examine,
    accept,
    get failed() {
      return problem !== null;
    },
    fail(detail) {
      problem ??= { seq: next, detail };
    },
    windows: fromSeq === 1 ? holes.windows : null,
    finish() {
      const found = holes.finish();
      const [verdict, why]: [Verdict, Problem | null] = problem ? ['tampered', problem] : judge(found.missing);
      const entries = next - fromSeq;
      const receiptCounts = receipts?.read();
      return {
        verdict,
        orgid,
        entries,
        first,
        last: last && { seq: last.core.seq, hash: last.hash },
        totals: last?.core.totals ?? NO_TOTALS,
        problem: why,
        erased: counts.erased,
        ...found,
        ...(receiptCounts && { receipts: receiptCounts }),
        checked: listChecked([
          [CHECKED.entries, entries],
          [CHECKED.volumes, counts.derived],
          [CHECKED.numbers, counts.numbered],
          [CHECKED.signatures, receiptCounts?.verified ?? 0],
          [CHECKED.heads, last ? [...expected.keys()].filter(isMet).length : 0],
        ]),
        not_checked: listChecked([
          [NOT_CHECKED.audit, entries],
          [NOT_CHECKED.before, fromSeq - 1],
          [NOT_CHECKED.windows, fromSeq === 1 ? 0 : counts.numbered],
          [NOT_CHECKED.events, counts.erased],
          [NOT_CHECKED.volumes, volumes.trusted],
          [NOT_CHECKED.kinds, counts.unknownKinds],
          [NOT_CHECKED.keys, receiptCounts?.unknown ?? 0],
          [NOT_CHECKED.version, counts.newer],
        ]),
      };
    },
  };
}

/** Two heads of one entry that cannot both be true: nothing has to be read to say so. */
function findContradiction(expected: ReadonlyMap<number, readonly Expectation[]>): Problem | null {
  for (const [seq, expectations] of expected) {
    const [one] = expectations;
    const other = one && unlike(expectations, one.hash);
    if (one && other) return { seq, detail: `both ${one.hash} and ${other.hash} are expected` };
  }
  return null;
}

/** The expectation that a hash does not fulfil. */
function unlike(expectations: readonly Expectation[] | undefined, hash: string): Expectation | undefined {
  return expectations?.find((expectation) => expectation.hash !== hash);
}

/** Of an entry that has its form. */
function numbered({ origin }: Core): Origin | null {
  return origin && { producer: origin.producer, producerseq: Number(origin.producerseq) };
}

function place({ seq, index }: Core['source']): string {
  return index === undefined ? String(seq) : `${seq}, index ${index}`;
}
