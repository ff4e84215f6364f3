/**
 * The shortcut of verification. Most lines of a ledger are good, and with those there is less to do than to take the
 * line to pieces and to judge each: make the entry again, as the ledger's writer did, from the entry before it and the
 * few things that only the line can say (when and where the message was received, and the event), and compare the texts.
 * The event says the origin and, with the entries before it, the volume.
 *
 * A line that is equal byte for byte follows from the entry before it: form, canonical text, hashes, link, number,
 * volume and totals are right, because they were made here. Of any other line nothing is said, and the general way
 * (`verify.ts`) judges it and has the words. So a mistake in looking for the pieces costs time and never a verdict;
 * what must hold is that no value gets in here that the general way refuses. `successor.test.ts` holds the two together.
 */
import { isPlainCanonical } from './is-canonical.ts';
import {
  type Core,
  type CoreOrigin,
  emptyHead,
  type Entry,
  headOf,
  RunningHead,
  type Source,
} from '../ledger/entry.ts';
import type { Sha256 } from '../hash.ts';
import type { JsonObject } from '../json/json.ts';
import { type Origin, originOf } from '../event/origin.ts';
import { MAX_INDEX, RECEIVED_PATTERN } from '../ledger/parse-entry.ts';
import { type PlainEvent, readPlainEvent } from './read-event.ts';
import { isReservedChain } from '../event/subject.ts';
import { type Transfer, transferOf } from '../event/transfer.ts';
import type { Totals, Volume } from '../ledger/volume.ts';

interface Successor {
  readonly entry: Entry;
  /** What its event says; null: the event is not plain, and has to be looked at. */
  readonly plain: PlainEvent | null;
}

/** @returns the entry in the line if it is the very line that a writer puts after `last`, which is verified; null: no word on it */
export type SuccessorReader = (line: string, last: Entry) => Successor | null;

/** The volume that the entry `seq` of a chain has by what its event moved and the entries before it; changes nothing. */
export type DeriveVolume = (seq: number, transfer: Transfer | null) => Volume;

const BEFORE_CORE = '{"core":';
const BEFORE_EVENT = ',"event":';
const AROUND_CORE_END = `}}${BEFORE_EVENT}`;
const BEFORE_HASH = ',"hash":"';
const AFTER_HASH = '"}';
const HASH_LENGTH = 64;
/** Behind the event: `,"hash":"…"}`. */
const TAIL_LENGTH = BEFORE_HASH.length + HASH_LENGTH + AFTER_HASH.length;
const TIME_LENGTH = '2026-01-05T09:00:00.000Z'.length;
const BEFORE_RECEIVED = '","received":"';
/** From where on `received` is looked for, but for the length of `orgid`. */
const RECEIVED_FROM =
  `${BEFORE_CORE}{"event_hash":"","orgid":"","origin":null,"prev_hash":""`.length + 2 * HASH_LENGTH - 1;
const BEFORE_SOURCE = ',"source":{';
const BEFORE_INDEX = '"index":';
const BEFORE_SOURCE_SEQ = '"seq":';
const BEFORE_SUBJECT = '"subject":"';
/** Strings of these characters print as themselves between quotes. */
const PLAIN = /^[ !#-[\]-~]*$/;

export function createSuccessorReader(sha256: Sha256, deriveVolume: DeriveVolume): SuccessorReader {
  let received = '';
  let subject = '';
  let stream = '';
  /** What was made last, and the head that made it. */
  let lastEntry: Entry | null = null;
  let head = new RunningHead(emptyHead(''));

  return (line, last) => {
    const { core: before } = last;
    const { orgid } = before;
    const seq = before.seq + 1;
    // In reserved chains other rules hold.
    if (isReservedChain(orgid) || !Number.isSafeInteger(seq)) return null;

    // What only the line can say. Where it is looked for does not matter: it is compared as a part of the whole.
    const receivedAt = line.indexOf(BEFORE_RECEIVED, RECEIVED_FROM + orgid.length) + BEFORE_RECEIVED.length;
    const foundTime = line.slice(receivedAt, receivedAt + TIME_LENGTH);
    if (foundTime !== received) {
      if (!RECEIVED_PATTERN.test(foundTime)) return null;
      received = foundTime;
    }
    const sourceAt = line.indexOf(BEFORE_SOURCE, receivedAt + TIME_LENGTH) + BEFORE_SOURCE.length;
    let sourceSeqAt = sourceAt + BEFORE_SOURCE_SEQ.length;
    let index: number | undefined;
    if (line[sourceAt + 1] === 'i') {
      const indexEnd = line.indexOf(',', sourceAt);
      index = Number(line.slice(sourceAt + BEFORE_INDEX.length, indexEnd));
      if (!Number.isInteger(index) || index < 0 || index > MAX_INDEX) return null;
      sourceSeqAt = indexEnd + 1 + BEFORE_SOURCE_SEQ.length;
    }
    const sourceSeqEnd = line.indexOf(',', sourceSeqAt);
    const sourceSeq = Number(line.slice(sourceSeqAt, sourceSeqEnd));
    if (!Number.isSafeInteger(sourceSeq) || sourceSeq < 1) return null;
    const subjectAt = line.indexOf(BEFORE_SUBJECT, sourceSeqEnd) + BEFORE_SUBJECT.length;
    const subjectEnd = line.indexOf('"', subjectAt);
    const foundSubject = line.slice(subjectAt, subjectEnd);
    // The same string, where it is the same text: it is found sooner by it.
    if (foundSubject !== subject) {
      if (!PLAIN.test(foundSubject)) return null;
      subject = foundSubject;
    }
    if (before.source.stream !== stream) {
      if (!PLAIN.test(before.source.stream)) return null;
      ({ stream } = before.source);
    }

    const coreEnd = line.indexOf(AROUND_CORE_END, subjectEnd) + 2;
    const eventEnd = line.length - TAIL_LENGTH;
    const eventText = line.slice(coreEnd + BEFORE_EVENT.length, eventEnd);
    const plain = readPlainEvent(eventText);
    let event: JsonObject | null = null;
    if (plain === null) {
      if (!eventText.startsWith('{') || !isPlainCanonical(eventText)) return null;
      event = JSON.parse(eventText) as JsonObject;
    }

    const transfer = plain ? plain.transfer : transferOf(event);
    if (!hasSize(transfer)) return null;
    const volume = deriveVolume(seq, transfer);
    const origin = plain ? plain.origin : originOf(event as JsonObject);
    const source =
      index === undefined ? { stream, seq: sourceSeq, subject } : { stream, seq: sourceSeq, index, subject };
    const eventHash = sha256(eventText);
    if (last !== lastEntry) head = new RunningHead(headOf(last));
    lastEntry = null;
    const core = head.append({ received, source, origin, eventHash, volume }, sha256);
    if (!head.hasDigits) return null;
    // The whole line, piece by piece: V8 compares whole strings several times faster than startsWith() does.
    if (line.slice(0, BEFORE_CORE.length) !== BEFORE_CORE || line.slice(BEFORE_CORE.length, coreEnd) !== core)
      return null;
    if (line.slice(coreEnd, coreEnd + BEFORE_EVENT.length) !== BEFORE_EVENT) return null;
    if (line.slice(eventEnd, eventEnd + BEFORE_HASH.length) !== BEFORE_HASH || line.slice(-2) !== AFTER_HASH)
      return null;
    if (line.slice(eventEnd + BEFORE_HASH.length, -2) !== head.hash) return null;
    const readCore = new SuccessorCore({ orgid, seq, received, source, origin, volume }, last.hash, eventHash, core);
    lastEntry = event ? { core: readCore, event, hash: head.hash } : new PlainEntry(readCore, eventText, head.hash);
    return { entry: lastEntry, plain };
  };
}

/** Makes the totals of its text, and the origin, when somebody asks for them. */
class SuccessorCore implements Core {
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

/** Makes the event of its text when somebody asks for it. */
class PlainEntry implements Entry {
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

/** A forged event may say any size, also one that cannot be added. */
function hasSize(transfer: Transfer | null): boolean {
  const bytes = transfer?.bytes ?? 0;
  return Number.isSafeInteger(bytes) && bytes >= 0;
}
