/**
 * Judges the lines of one chain by the rules of `docs/reference/format.md` §11, in the order that is given there. The
 * signature comes last. The caller (`verify.ts`) checks it, because it may have to wait for the answer.
 */
import { SchemaError, show } from '../error.ts';
import type { EventFacts } from '../event/event-facts.ts';
import { type Origin, originOf } from '../event/origin.ts';
import { ownerOf } from '../event/owner.ts';
import { isReservedChain, SYSTEM_CHAIN } from '../event/subject.ts';
import { type Sha256, sha256Hex } from '../hash.ts';
import type { JsonObject } from '../json/json.ts';
import { comparePlaces, type Core, type Entry } from '../ledger/entry.ts';
import { parseEntry } from '../ledger/parse-entry.ts';
import type { ProducerWindows } from '../ledger/producer-window.ts';
import { isKnownKind, standsForNoMessage } from '../ledger/system-record.ts';
import { NO_TOTALS } from '../ledger/volume.ts';
import type { LossAcknowledgement } from './acknowledgements.ts';
import { ExpectedHeads } from './expected-heads.ts';
import { type ChainEnd, findLineFault, isNextOfAnyVersion, looksLikeEntry } from './line-check.ts';
import { createMissingEventFinder, MAX_LISTED, type MissingEventFinder } from './missing-events.ts';
import { createOpenProducers, isEndEntry } from './open-producers.ts';
import { type Receipt, type ReceiptReader, wrongSignature } from './receipt.ts';
import type { CreateShortcut, KnownEntry, Shortcut } from './shortcut.ts';
import {
  type ChainReport,
  CHECKED,
  type Checked,
  type Expectation,
  listChecked,
  NOT_CHECKED,
  type Problem,
  type Verdict,
} from './verdict.ts';
import { createVolumeCheck, type VolumeCheck } from './volume-check.ts';

export interface ChainOptions {
  /** The chain that the lines have to be. Default: the chain of the first entry. */
  readonly orgid?: string;
  /** The `seq` of the first line, for a chain without its beginning. What is before it is taken on trust. Default 1. */
  readonly fromSeq?: number;
  /**
   * Heads that the chain must contain. Only they can show a tail that was cut, or a chain that was recomputed as a
   * whole.
   */
  readonly expect?: readonly Expectation[];
  readonly sha256?: Sha256;
}

/** A line, and what is wrong with it before it is read. */
export interface ReadLine {
  readonly text: string;
  readonly bad: string | null;
}

export interface VerifiedEntry {
  /** Its event is parsed each time that somebody asks for it. */
  readonly entry: Entry;
  /** Its event was erased. */
  readonly isErased: boolean;
  /** null for entries without one. */
  readonly origin: Origin | null;
}

/** An entry that is good but for its signature. */
interface Candidate extends KnownEntry {
  readonly origin: Origin | null;
  /** The receipt that has to fit; null: none has to. */
  readonly receipt: Receipt | null;
  /** Its event says that its publisher has closed. */
  readonly isEnd: boolean;
}

export class ChainJudge {
  readonly #sha256: Sha256;
  readonly #fromSeq: number;
  readonly #expected: ExpectedHeads;
  readonly #volumes: VolumeCheck;
  readonly #takeShortcut: Shortcut;
  readonly #missing: MissingEventFinder;
  readonly #open = createOpenProducers();
  readonly #receipts: ReceiptReader | null;

  #orgid: string | null;
  #first: Expectation | null = null;
  #last: Entry | null = null;
  /** The `seq` of the next entry. */
  #next: number;
  #problem: Problem | null;
  /** What is wrong with the first line, as long as no line looked like an entry. The input may be no ledger at all. */
  #unread: string | null = null;
  /** The first entry of a version that is not known here. The lines from there on are only counted. */
  #newer: Problem | null = null;
  #hasBlankLine = false;
  readonly #counts = { erased: 0, numbered: 0, unknownKinds: 0, newer: 0, derived: 0 };

  constructor(options: ChainOptions, createShortcut: CreateShortcut, receipts: ReceiptReader | undefined) {
    this.#sha256 = options.sha256 ?? sha256Hex;
    this.#fromSeq = options.fromSeq ?? 1;
    this.#next = this.#fromSeq;
    this.#orgid = options.orgid ?? null;
    this.#expected = new ExpectedHeads(options.expect ?? []);
    this.#problem = this.#expected.findContradiction();
    this.#volumes = createVolumeCheck(this.#fromSeq);
    this.#takeShortcut = createShortcut(this.#sha256, this.#volumes.derive);
    this.#missing = createMissingEventFinder(this.#isWhole);
    this.#receipts = receipts ?? null;
  }

  /** The next line. @returns null: the line is bad, or blank, or comes after a bad one */
  examine({ text: line, bad }: ReadLine): Candidate | null {
    if (this.#problem) return null;
    if (line === '') {
      this.#hasBlankLine = true;
      return null;
    }
    if (this.#newer) {
      this.#counts.newer++;
      return null;
    }
    if (this.#unread !== null) {
      if (looksLikeEntry(line)) this.fail(this.#unread);
      return null;
    }
    if (this.#hasBlankLine) return this.#reject('there is a blank line before it', looksLikeEntry(line));
    if (bad !== null) return this.#reject(bad, looksLikeEntry(line));
    const known = this.#last && this.#takeShortcut(line, this.#last);
    if (known) return this.#examineEntry(line, known.entry, known.facts);
    const entry = this.#readEntry(line);
    return entry && this.#examineEntry(line, entry, null);
  }

  /** @param fits whether the candidate's signature is right; null: there is no signature to check */
  accept({ entry, facts, origin, receipt, isEnd }: Candidate, fits: boolean | null): VerifiedEntry | null {
    if (receipt && fits !== null) {
      if (!fits) return this.#reject(wrongSignature(receipt.keyid), true);
      this.#receipts?.countVerified();
    }
    const { core } = entry;
    this.#orgid = core.orgid;
    this.#first ??= { seq: core.seq, hash: entry.hash };
    this.#last = entry;
    this.#next++;
    if (origin) {
      this.#counts.numbered++;
      this.#open.add(origin, core, isEnd);
    }
    // With facts there is an event. Asking the entry for it would parse it.
    const isErased = facts === null && entry.event === null;
    if (isErased) this.#counts.erased++;
    else if (core.orgid === SYSTEM_CHAIN) this.#counts.unknownKinds += isKnownKind(entry.event as JsonObject) ? 0 : 1;
    else if (!isReservedChain(core.orgid)) this.#counts.derived++;
    return { entry, isErased, origin };
  }

  /** Reports a problem at the next entry, unless there is one already. */
  fail(detail: string): void {
    this.#problem ??= { seq: this.#next, detail };
  }

  get failed(): boolean {
    return this.#problem !== null;
  }

  /** null when the beginning of the chain is not at hand. */
  get windows(): ProducerWindows | null {
    return this.#isWhole ? this.#missing.windows : null;
  }

  finish(acknowledgements: readonly LossAcknowledgement[] = []): ChainReport {
    const { holes, missing, known, repeated } = this.#missing.report(acknowledgements);
    const { ends, ...open } = this.#open.report(acknowledgements);
    const [verdict, problem]: [Verdict, Problem | null] = this.#problem
      ? ['tampered', this.#problem]
      : this.#judgeWithoutProblem(BigInt(missing) > known);
    const acknowledged = known + BigInt(ends.length);
    const receipts = this.#receipts?.counts();
    return {
      verdict,
      orgid: this.#orgid,
      entries: this.#next - this.#fromSeq,
      first: this.#first,
      last: this.#last && { seq: this.#last.core.seq, hash: this.#last.hash },
      totals: this.#last?.core.totals ?? NO_TOTALS,
      problem,
      erased: this.#counts.erased,
      holes: holes.slice(0, MAX_LISTED),
      missing,
      repeated,
      ...open,
      ...(acknowledged > 0n && {
        acknowledged: String(acknowledged),
        acknowledged_ends: ends.slice(0, MAX_LISTED),
      }),
      ...(receipts && { receipts }),
      checked: this.#listChecked(receipts?.verified ?? 0),
      not_checked: this.#listNotChecked(receipts?.unknown ?? 0, acknowledged),
    };
  }

  get #isWhole(): boolean {
    return this.#fromSeq === 1;
  }

  /** Rules 1 to 6: the line and the entry before it. */
  #readEntry(line: string): Entry | null {
    let entry: Entry;
    try {
      entry = parseEntry(line);
    } catch (error) {
      // Any other error is not the line's fault.
      if (!(error instanceof SchemaError)) throw error;
      return this.#rejectUnparsed(line, error);
    }
    const fault = findLineFault(entry, line, this.#chainEnd());
    return fault === null ? entry : this.#reject(fault, true);
  }

  #chainEnd(): ChainEnd {
    const last = this.#last;
    // Two different expected heads of one entry are a problem that the constructor has found.
    const held = last === null ? this.#expected.hashAt(this.#next - 1) : null;
    const isFirst = this.#isWhole && last === null;
    return { orgid: this.#orgid, seq: this.#next, last, isFirst, held, sha256: this.#sha256 };
  }

  /** A bad line means tampering when it stands in a ledger: after an entry, or when it looks like an entry itself. */
  #reject(detail: string, isEntry: boolean): null {
    if (isEntry || this.#last) this.fail(detail);
    else this.#unread = detail;
    return null;
  }

  #rejectUnparsed(line: string, error: SchemaError): null {
    if (error.code !== 'NEWER_VERSION' || !isNextOfAnyVersion(line, this.#chainEnd())) {
      return this.#reject(`the line is no entry: ${error.message}`, looksLikeEntry(line));
    }
    this.#newer = { seq: this.#next, detail: error.message };
    this.#counts.newer++;
    return null;
  }

  /** The rules that look beyond the line and the entry before it. */
  #examineEntry(line: string, entry: Entry, facts: EventFacts | null): Candidate | null {
    const { core, hash } = entry;
    const fault =
      (this.#last && findOrderFault(this.#last, entry)) ??
      (facts ? this.#findOwnerFault(core, facts) : this.#findEventFault(entry));
    if (fault !== null) return this.#reject(fault, true);
    const origin = facts ? facts.origin : numberedOrigin(core);
    const repeated = origin && this.#missing.add(core.seq, origin, core.source);
    if (repeated !== null) return this.#reject(repeated, true);
    const wanted = this.#expected.mismatch(core.seq, hash);
    if (wanted !== null) return this.#reject(`hash is ${hash}, expected ${wanted}`, true);
    const event = this.#receipts && core.orgid !== SYSTEM_CHAIN ? entry.event : null;
    const receipt = event && this.#receipts ? this.#receipts.read(event) : null;
    if (typeof receipt === 'string') return this.#reject(receipt, true);
    return { entry, facts, origin, receipt, isEnd: origin !== null && isEndEntry(entry, line) };
  }

  /** Of an entry whose volume and origin the shortcut has derived. */
  #findOwnerFault({ orgid, seq, volume }: Core, { orgid: owner, transfer }: EventFacts): string | null {
    if (owner !== orgid) return `the event belongs to ${show(owner)}`;
    this.#volumes.add(seq, transfer, volume);
    return null;
  }

  #findEventFault({ core, event }: Entry): string | null {
    if (core.orgid === SYSTEM_CHAIN) return null;
    const fault = isReservedChain(core.orgid) ? null : this.#volumes.check(core.seq, core.volume, event);
    if (fault !== null || event === null) return fault;
    const owner = ownerOf(event);
    return owner === core.orgid ? findOriginFault(core, event) : `the event belongs to ${show(owner)}`;
  }

  #judgeWithoutProblem(isIncomplete: boolean): [Verdict, Problem | null] {
    const fromSeq = this.#fromSeq;
    if (this.#unread !== null) {
      return ['unreadable', { seq: fromSeq, detail: `no line is a ledger entry; of the first, ${this.#unread}` }];
    }
    if (this.#newer) return ['unreadable', this.#newer];
    const unmet = this.#expected.seqs().find((seq) => !this.#isMet(seq));
    if (unmet !== undefined) {
      const detail = `this is ${fromSeq} to ${this.#next - 1}, a head at ${unmet} is expected`;
      return ['truncated', { seq: this.#next, detail }];
    }
    if (!this.#last) return ['unreadable', { seq: fromSeq, detail: 'there is no entry' }];
    return [isIncomplete ? 'incomplete' : 'ok', null];
  }

  /** Whether the entry of an expected head is at hand, or is the one before the first. */
  #isMet(seq: number): boolean {
    return Number.isInteger(seq) && seq >= this.#fromSeq - 1 && seq < this.#next;
  }

  #listChecked(signatures: number): Checked[] {
    const heads = this.#last ? this.#expected.seqs().filter((seq) => this.#isMet(seq)).length : 0;
    return listChecked([
      [CHECKED.entries, this.#next - this.#fromSeq],
      [CHECKED.volumes, this.#counts.derived],
      [CHECKED.numbers, this.#counts.numbered],
      [CHECKED.signatures, signatures],
      [CHECKED.heads, heads],
    ]);
  }

  #listNotChecked(unknownKeys: number, acknowledged: bigint): Checked[] {
    return listChecked([
      [NOT_CHECKED.audit, this.#next - this.#fromSeq],
      [NOT_CHECKED.acknowledgements, Number(acknowledged)],
      [NOT_CHECKED.before, this.#fromSeq - 1],
      [NOT_CHECKED.windows, this.#isWhole ? 0 : this.#counts.numbered],
      [NOT_CHECKED.events, this.#counts.erased],
      [NOT_CHECKED.volumes, this.#volumes.trusted],
      [NOT_CHECKED.kinds, this.#counts.unknownKinds],
      [NOT_CHECKED.keys, unknownKeys],
      [NOT_CHECKED.version, this.#counts.newer],
    ]);
  }
}

/** @returns what is wrong with the times and sources of two entries in a row, or null */
function findOrderFault({ core: { received, source } }: Entry, entry: Entry): string | null {
  const { core } = entry;
  if (core.received < received) return `received goes back from ${received} to ${core.received}`;
  const order = comparePlaces(core.source, source);
  if (order > 0) return null;
  if (order === 0 && core.orgid === SYSTEM_CHAIN && standsForNoMessage(entry.event)) return null;
  return `source.seq goes from ${showPlace(source)} to ${showPlace(core.source)}`;
}

function findOriginFault({ origin }: Core, event: JsonObject): string | null {
  const stated = originOf(event);
  const isSame = origin
    ? origin.producer === stated?.producer && origin.producerseq === String(stated.producerseq)
    : stated === null;
  return isSame ? null : `origin is ${show(origin)}, the event says ${show(stated)}`;
}

/** The origin of an entry whose form is right. */
function numberedOrigin({ origin }: Core): Origin | null {
  return origin && { producer: origin.producer, producerseq: Number(origin.producerseq) };
}

function showPlace({ seq, index }: Core['source']): string {
  return index === undefined ? String(seq) : `${seq}, index ${index}`;
}
