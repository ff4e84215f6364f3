/**
 * The shortcut of verification. Most lines of a ledger are good. Such a line need not be taken to pieces and judged
 * piece by piece. The shortcut makes the entry again, as the ledger's writer did, from the entry before it and from what
 * only the line can say: when and where the message was received, and the event. The event gives the origin and, with
 * the entries before it, the volume. Then the shortcut compares the two texts.
 *
 * A line that is equal byte for byte follows from the entry before it. Its form, canonical text, hashes, link, number,
 * volume and totals are right, because they were made here. Of any other line nothing is said: the plain way
 * (`verify/chain-judge.ts`) judges it, and says what is wrong. So a mistake in finding the pieces costs time and never
 * changes a verdict. What must hold is that no value gets in here that the plain way refuses. `verify-entry.test.ts`
 * holds the two together.
 */
import { type Origin, originOf } from '../event/origin.ts';
import { isReservedChain } from '../event/subject.ts';
import { type Transfer, transferOf } from '../event/transfer.ts';
import type { Sha256 } from '../hash.ts';
import { UNESCAPED } from '../json/canonical.ts';
import type { JsonObject } from '../json/json.ts';
import { type Core, type CoreOrigin, emptyHead, type Entry, headOf, type Source } from '../ledger/entry.ts';
import { MAX_INDEX, RECEIVED_PATTERN } from '../ledger/parse-entry.ts';
import { RunningHead } from '../ledger/running-head.ts';
import type { Totals, Volume } from '../ledger/volume.ts';
import type { DeriveVolume, Shortcut } from '../verify/shortcut.ts';
import { isCertainlyCanonical } from './is-canonical.ts';
import { readEventFacts } from './read-event.ts';

const BEFORE_CORE = '{"core":';
const BEFORE_EVENT = ',"event":';
const AROUND_CORE_END = `}}${BEFORE_EVENT}`;
const BEFORE_HASH = ',"hash":"';
const AFTER_HASH = '"}';
const HASH_LENGTH = 64;
/** The length of what follows the event: `,"hash":"…"}`. */
const TAIL_LENGTH = BEFORE_HASH.length + HASH_LENGTH + AFTER_HASH.length;
const TIME_LENGTH = '2026-01-05T09:00:00.000Z'.length;
const BEFORE_RECEIVED = '","received":"';
/** Where the search for `received` starts, without the length of `orgid`. */
const RECEIVED_FROM =
  `${BEFORE_CORE}{"event_hash":"","orgid":"","origin":null,"prev_hash":""`.length + 2 * HASH_LENGTH - 1;
const BEFORE_SOURCE = ',"source":{';
const BEFORE_INDEX = '"index":';
const BEFORE_SOURCE_SEQ = '"seq":';
const BEFORE_SUBJECT = '"subject":"';

export function createEntryReader(sha256: Sha256, deriveVolume: DeriveVolume): Shortcut {
  const found = new LineParts();
  let stream = '';
  /** The entry that was made last, and the head that made it. */
  let lastEntry: Entry | null = null;
  let head = new RunningHead(emptyHead(''));

  return (line, last) => {
    const { core: before } = last;
    const { orgid } = before;
    const seq = before.seq + 1;
    // Reserved chains have other rules.
    if (isReservedChain(orgid) || !Number.isSafeInteger(seq)) return null;
    if (!found.find(line, orgid)) return null;
    if (before.source.stream !== stream) {
      if (!UNESCAPED.test(before.source.stream)) return null;
      ({ stream } = before.source);
    }

    const eventText = line.slice(found.coreEnd + BEFORE_EVENT.length, found.eventEnd);
    const facts = readEventFacts(eventText);
    let event: JsonObject | null = null;
    if (facts === null) {
      if (!eventText.startsWith('{') || !isCertainlyCanonical(eventText)) return null;
      event = JSON.parse(eventText) as JsonObject;
    }
    const transfer = facts ? facts.transfer : transferOf(event);
    if (!hasSize(transfer)) return null;

    const { received, index, sourceSeq, subject } = found;
    const volume = deriveVolume(seq, transfer);
    const origin = facts ? facts.origin : originOf(event as JsonObject);
    const source =
      index === undefined ? { stream, seq: sourceSeq, subject } : { stream, seq: sourceSeq, index, subject };
    const eventHash = sha256(eventText);
    if (last !== lastEntry) head = new RunningHead(headOf(last));
    lastEntry = null;
    const core = head.append({ received, source, origin, eventHash, volume }, sha256);
    if (!head.hasDigits || !found.areAround(line, core, head.hash)) return null;
    const made = new EntryCore({ orgid, seq, received, source, origin, volume }, last.hash, eventHash, core);
    lastEntry = event ? { core: made, event, hash: head.hash } : new TextEntry(made, eventText, head.hash);
    return { entry: lastEntry, facts };
  };
}

/**
 * What only a line can say, and where its core and its event end. How a part is found does not matter, because it is
 * compared as a part of the whole line.
 */
class LineParts {
  received = '';
  sourceSeq = 0;
  index: number | undefined = undefined;
  subject = '';
  coreEnd = 0;
  eventEnd = 0;

  /** Fills the fields. @returns false: a value is not what the plain way would accept, or is not known here */
  find(line: string, orgid: string): boolean {
    const receivedAt = line.indexOf(BEFORE_RECEIVED, RECEIVED_FROM + orgid.length) + BEFORE_RECEIVED.length;
    const received = line.slice(receivedAt, receivedAt + TIME_LENGTH);
    if (received !== this.received) {
      if (!RECEIVED_PATTERN.test(received)) return false;
      this.received = received;
    }
    const sourceAt = line.indexOf(BEFORE_SOURCE, receivedAt + TIME_LENGTH) + BEFORE_SOURCE.length;
    let sourceSeqAt = sourceAt + BEFORE_SOURCE_SEQ.length;
    this.index = undefined;
    if (line[sourceAt + 1] === 'i') {
      const indexEnd = line.indexOf(',', sourceAt);
      const index = Number(line.slice(sourceAt + BEFORE_INDEX.length, indexEnd));
      if (!Number.isInteger(index) || index < 0 || index > MAX_INDEX) return false;
      this.index = index;
      sourceSeqAt = indexEnd + 1 + BEFORE_SOURCE_SEQ.length;
    }
    const sourceSeqEnd = line.indexOf(',', sourceSeqAt);
    const sourceSeq = Number(line.slice(sourceSeqAt, sourceSeqEnd));
    if (!Number.isSafeInteger(sourceSeq) || sourceSeq < 1) return false;
    this.sourceSeq = sourceSeq;
    const subjectAt = line.indexOf(BEFORE_SUBJECT, sourceSeqEnd) + BEFORE_SUBJECT.length;
    const subjectEnd = line.indexOf('"', subjectAt);
    const subject = line.slice(subjectAt, subjectEnd);
    // Keeps one string for equal texts: maps find it sooner.
    if (subject !== this.subject) {
      if (!UNESCAPED.test(subject)) return false;
      this.subject = subject;
    }
    this.coreEnd = line.indexOf(AROUND_CORE_END, subjectEnd) + 2;
    this.eventEnd = line.length - TAIL_LENGTH;
    return true;
  }

  /**
   * Whether the whole line is this core, the event's text and this hash. Compares piece by piece: V8 compares whole
   * strings several times faster than `startsWith` does.
   */
  areAround(line: string, core: string, hash: string): boolean {
    const { coreEnd, eventEnd } = this;
    return (
      line.slice(0, BEFORE_CORE.length) === BEFORE_CORE &&
      line.slice(BEFORE_CORE.length, coreEnd) === core &&
      line.slice(coreEnd, coreEnd + BEFORE_EVENT.length) === BEFORE_EVENT &&
      line.slice(eventEnd, eventEnd + BEFORE_HASH.length) === BEFORE_HASH &&
      line.slice(-2) === AFTER_HASH &&
      line.slice(eventEnd + BEFORE_HASH.length, -2) === hash
    );
  }
}

/** Makes totals and origin when somebody asks for them. */
class EntryCore implements Core {
  readonly v = 1;
  readonly orgid: string;
  readonly seq: number;
  readonly prev_hash: string;
  readonly received: string;
  readonly source: Source;
  readonly event_hash: string;
  readonly volume: Volume;
  readonly #origin: Origin | null;
  readonly #text: string;

  constructor(
    {
      orgid,
      seq,
      received,
      source,
      origin,
      volume,
    }: Omit<Core, 'v' | 'prev_hash' | 'origin' | 'event_hash' | 'totals'> & {
      readonly origin: Origin | null;
    },
    prevHash: string,
    eventHash: string,
    text: string,
  ) {
    this.orgid = orgid;
    this.seq = seq;
    this.prev_hash = prevHash;
    this.received = received;
    this.source = source;
    this.event_hash = eventHash;
    this.volume = volume;
    this.#origin = origin;
    this.#text = text;
  }

  get origin(): CoreOrigin | null {
    return this.#origin && { producer: this.#origin.producer, producerseq: String(this.#origin.producerseq) };
  }

  get totals(): Totals {
    return (JSON.parse(this.#text) as Core).totals;
  }
}

/** Parses its event when somebody asks for it. */
class TextEntry implements Entry {
  readonly core: Core;
  readonly hash: string;
  readonly #event: string;

  constructor(core: Core, event: string, hash: string) {
    this.core = core;
    this.hash = hash;
    this.#event = event;
  }

  get event(): JsonObject {
    return JSON.parse(this.#event) as JsonObject;
  }
}

/** Whether a size can be added. A forged event may state any value. */
function hasSize(transfer: Transfer | null): boolean {
  const bytes = transfer?.bytes ?? 0;
  return Number.isSafeInteger(bytes) && bytes >= 0;
}
