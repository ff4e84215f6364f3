/**
 * Verification: re-derives everything in a chain that can be derived and compares. Pure, total (bad data gives a
 * verdict, never an exception), and the only judge: the CLI, the service, tests and web pages all call this.
 */
import { canonicalJson } from './canonical.ts';
import { type Core, type Entry, formatCore, formatEntry, parseEntry } from './entry.ts';
import { show } from './error.ts';
import { decodeUtf8 } from './exact-json.ts';
import { type Sha256, sha256Hex, ZERO_HASH } from './hash.ts';
import { createHoleFinder } from './hole.ts';
import type { JsonObject } from './json.ts';
import { MAX_LINE_BYTES } from './line.ts';
import { type Origin, originOf } from './origin.ts';
import { ownerOf } from './owner.ts';
import type { PlainEvent } from './plain-event.ts';
import { createReceiptCheck, type VerifySignature } from './receipt.ts';
import { utf8Length } from './stamp.ts';
import { SYSTEM_CHAIN } from './subject.ts';
import { createSuccessorReader } from './successor.ts';
import { standsForNoMessage } from './system-record.ts';
import type { ChainReport, Expectation, Problem, Verdict } from './verdict.ts';
import { addVolume, NO_TOTALS, type Totals } from './volume.ts';
import { createVolumeCheck } from './volume-check.ts';

export interface VerifyOptions {
  /** The chain that this has to be; without it, the first entry's. */
  readonly orgid?: string;
  /** The `seq` to start at, for a chain whose beginning is not at hand: what is before it is taken on trust. Default 1. */
  readonly fromSeq?: number;
  /** Heads that the chain must contain. Only they can show a cut tail or a chain that was recomputed as a whole. */
  readonly expect?: readonly Expectation[];
  readonly sha256?: Sha256;
  /** Checks the signatures of receipts, and adds `receipts` to the report. */
  readonly verifySignature?: VerifySignature;
}

export interface VerifiedEntry {
  /** Its event is parsed each time that it is asked for. */
  readonly entry: Entry;
  /** It has no event any more. */
  readonly isErased: boolean;
  /** null for events without `producer` and `producerseq`, and in `_system`. */
  readonly origin: Origin | null;
}

export interface ChainVerifier {
  /** The next line, without its line feed. @returns the entry when it is good */
  push(line: string): VerifiedEntry | null;
  /**
   * The next line as bytes, without its line feed (`createLineSplitter`): for everything that comes from a file.
   * Text that somebody decoded leniently may have lost the very byte that was changed.
   */
  pushBytes(line: Uint8Array): VerifiedEntry | null;
  /** What is known so far is bad: there is no need to push more. */
  readonly failed: boolean;
  /** Reports a problem that the caller found at the next entry. */
  fail(detail: string): void;
  finish(): ChainReport;
}

/** Verifies a chain that is at hand as a whole. Blank lines at the end are nothing. */
export function verify(lines: Iterable<string | Uint8Array>, options: VerifyOptions = {}): ChainReport {
  const verifier = createChainVerifier(options);
  for (const line of lines) {
    if (typeof line === 'string') verifier.push(line);
    else verifier.pushBytes(line);
  }
  return verifier.finish();
}

/**
 * Verifies a chain line by line. Memory is bounded by `SIZE_WINDOW`, not by the chain's length, but for publishers'
 * windows (one per boot id, one range per gap) and the volumes of erased uploads.
 */
export function createChainVerifier(options: VerifyOptions = {}): ChainVerifier {
  return createVerifier(options, createSuccessorReader);
}

/** @param createShortcut for tests, which compare verdicts with and without it */
export function createVerifier(options: VerifyOptions, createShortcut: typeof createSuccessorReader): ChainVerifier {
  const sha256 = options.sha256 ?? sha256Hex;
  const fromSeq = options.fromSeq ?? 1;
  const expected = Map.groupBy(options.expect ?? [], ({ seq }) => seq);
  const volumes = createVolumeCheck(fromSeq);
  const readSuccessor = createShortcut(sha256, volumes.derive);
  const holes = createHoleFinder(fromSeq === 1);
  const receipts = options.verifySignature ? createReceiptCheck(options.verifySignature) : null;

  let orgid = options.orgid ?? null;
  let first: Expectation | null = null;
  let last: Entry | null = null;
  let next = fromSeq;
  let problem: Problem | null = null;
  /** What is wrong with the first line, while nothing looked like an entry: whether this is a ledger at all is still open. */
  let unread: string | null = null;
  let blank = false;
  let erased = 0;

  /** @param bad what is wrong with the line before it is read */
  function take(line: string, bad: string | null): VerifiedEntry | null {
    if (problem) return null;
    if (line === '') {
      blank = true;
      return null;
    }
    if (unread !== null) {
      if (looksLikeEntry(line)) problem = { seq: next, detail: unread };
      return null;
    }
    if (blank) return reject('there is a blank line before it', looksLikeEntry(line));
    if (bad !== null) return reject(bad, looksLikeEntry(line));
    const successor = last && readSuccessor(line, last);
    let entry = successor?.entry;
    if (!entry) {
      try {
        entry = parseEntry(line);
      } catch (error) {
        return reject(`the line is no entry: ${(error as Error).message}`, looksLikeEntry(line));
      }
      const wrong = examineLine(entry, line);
      if (wrong !== null) return reject(wrong, true);
    }
    const plain = successor?.plain ?? null;
    const wrong = examineEntry(entry, plain);
    if (wrong !== null) return reject(wrong, true);
    orgid = entry.core.orgid;
    first ??= { seq: entry.core.seq, hash: entry.hash };
    last = entry;
    next++;
    const isErased = plain === null && entry.event === null;
    if (isErased) erased++;
    return { entry, isErased, origin: plain ? plain.origin : entryOrigin(entry) };
  }

  /** A bad line is tampering if it is in a ledger: after an entry, or an entry by its looks. */
  function reject(detail: string, isEntry: boolean): null {
    if (isEntry || last) problem = { seq: next, detail };
    else unread = detail;
    return null;
  }

  /** What holds for every successor (`successor.ts`). @returns what is wrong with an entry that ought to be the next, or null */
  function examineLine(entry: Entry, line: string): string | null {
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
      if (core.prev_hash !== expectedPrevious)
        return `prev_hash is ${core.prev_hash}, the previous hash is ${expectedPrevious}`;
      const totals = addVolume(previous?.totals ?? NO_TOTALS, core.volume);
      if (!areSameTotals(totals, core.totals)) return 'totals are not the previous totals plus volume';
    }
    return null;
  }

  /** What an entry's own line and the one before it cannot show. @returns what is wrong, or null */
  function examineEntry(entry: Entry, plain: PlainEvent | null): string | null {
    const { core, hash } = entry;
    const previous = last?.core;
    if (!previous) {
      const trusted = unlike(expected.get(core.seq - 1), core.prev_hash);
      if (trusted) return `prev_hash is ${core.prev_hash}, expected ${trusted.hash}`;
    }
    if (previous && core.received < previous.received)
      return `received goes back from ${previous.received} to ${core.received}`;
    const standsForNone = core.orgid === SYSTEM_CHAIN && standsForNoMessage(entry.event);
    const least = (previous?.source.seq ?? 0) + (standsForNone ? 0 : 1);
    if (core.source.seq < least) {
      return `source.seq goes from ${previous?.source.seq} to ${core.source.seq}`;
    }
    const wrong = plain ? examinePlain(core, plain) : examineEvent(core, entry.event);
    if (wrong !== null) return wrong;
    const wanted = unlike(expected.get(core.seq), hash);
    if (wanted) return `hash is ${hash}, expected ${wanted.hash}`;
    if (!receipts || core.orgid === SYSTEM_CHAIN) return null;
    return entry.event && receipts.take(entry.event);
  }

  /** Its volume is right already. */
  function examinePlain(
    { orgid: owner, seq, volume }: Core,
    { orgid: named, origin, transfer }: PlainEvent,
  ): string | null {
    if (named !== owner) return `the event belongs to ${show(named)}`;
    volumes.note(seq, transfer, volume);
    return holes.takeOrigin(origin);
  }

  function examineEvent(core: Core, event: JsonObject | null): string | null {
    const volume = volumes.check(core.seq, core.volume, event);
    if (volume !== null) return volume;
    if (core.orgid === SYSTEM_CHAIN) return null;
    if (event === null) return holes.take(null);
    const owner = ownerOf(event);
    if (owner !== core.orgid) return `the event belongs to ${show(owner)}`;
    return holes.take(event);
  }

  /** The verdict when no entry was bad, and why. */
  function judge(missing: string): [Verdict, Problem | null] {
    if (unread !== null)
      return ['unreadable', { seq: fromSeq, detail: `no line is a ledger entry; of the first, ${unread}` }];
    const unmet = [...expected.keys()].find((seq) => !(Number.isInteger(seq) && seq >= fromSeq - 1 && seq < next));
    if (unmet !== undefined) {
      return ['truncated', { seq: next, detail: `this is ${fromSeq} to ${next - 1}, a head at ${unmet} is expected` }];
    }
    if (!last) return ['unreadable', { seq: fromSeq, detail: 'there is no entry' }];
    // An erased event took its publisher's count with it: only more holes than that are certain.
    return [BigInt(missing) > BigInt(erased) ? 'incomplete' : 'ok', null];
  }

  return {
    push(line) {
      return take(line, isTooLong(line) ? TOO_LONG : null);
    },
    pushBytes(bytes) {
      if (bytes.length > MAX_LINE_BYTES) return take(lenient.decode(bytes), TOO_LONG);
      let line: string;
      try {
        line = decodeUtf8(bytes);
      } catch {
        return take(lenient.decode(bytes), 'the line is not UTF-8');
      }
      return take(line, null);
    },
    get failed() {
      return problem !== null;
    },
    fail(detail) {
      problem ??= { seq: next, detail };
    },
    finish() {
      const found = holes.finish();
      const [verdict, why]: [Verdict, Problem | null] = problem ? ['tampered', problem] : judge(found.missing);
      return {
        verdict,
        orgid,
        entries: next - fromSeq,
        first,
        last: last && { seq: last.core.seq, hash: last.hash },
        totals: last?.core.totals ?? NO_TOTALS,
        problem: why,
        erased,
        ...found,
        ...(receipts && { receipts: receipts.read() }),
      };
    },
  };
}

const TOO_LONG = `the line has more than ${MAX_LINE_BYTES} bytes`;
const lenient = new TextDecoder('utf-8', { ignoreBOM: true });

function isTooLong(line: string): boolean {
  // A UTF-16 unit takes at most three bytes.
  return line.length > MAX_LINE_BYTES / 3 && utf8Length(line) > MAX_LINE_BYTES;
}

/** Whether a line was an entry before it was damaged. A damaged byte spoils at most one of the two marks. */
function looksLikeEntry(line: string): boolean {
  return line.startsWith('{"core":{"event_hash":"') || line.includes(',"v":1,"volume":{"bytes":');
}

/** The expectation that a hash does not fulfil. */
function unlike(expectations: readonly Expectation[] | undefined, hash: string): Expectation | undefined {
  return expectations?.find((expectation) => expectation.hash !== hash);
}

function entryOrigin({ core, event }: Entry): Origin | null {
  return event === null || core.orgid === SYSTEM_CHAIN ? null : originOf(event);
}

function areSameTotals(a: Totals, b: Totals): boolean {
  return printTotals(a) === printTotals(b);
}

function printTotals({ events, uploads, downloads, deduplicated }: Totals): string {
  return [uploads, downloads, deduplicated].reduce((text, t) => `${text} ${t.count} ${t.bytes} ${t.unknown}`, events);
}
