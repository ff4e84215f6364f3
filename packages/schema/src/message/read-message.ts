/**
 * From a message of the AUDIT stream to the events of organizations that are in it, or to the reason why there are none.
 * A message is one event, or several in an array: each of those is read as if it had come alone.
 */
import { beginsArray, cutElements } from './batch-text.ts';
import { checkChainloop, isChainloop } from '../event/chainloop.ts';
import { checkCloudEvent } from '../event/cloud-event.ts';
import { refuse, refuseJson, SchemaError } from '../error.ts';
import { MAX_EVENT_BYTES } from '../event/event.ts';
import { decodeUtf8, parseExactJson } from '../json/exact-json.ts';
import { isJsonObject, type JsonObject } from '../json/json.ts';
import { type Origin, originOf } from '../event/origin.ts';
import { ownerOf } from '../event/owner.ts';
import { type PlainEvent, readPlainEvent } from '../fast/read-event.ts';
import { createDataCheck, type DataCheck, utf8Length } from './stamp.ts';
import {
  belongsOn,
  DEFAULT_EVENT_PREFIX,
  type EventSubject,
  isBatchType,
  parseEventSubject,
} from '../event/subject.ts';
import { type Transfer, transferOf } from '../event/transfer.ts';

/** Events in one message. */
export const MAX_BATCH_EVENTS = 256;
/** Bytes of a message that holds an array. */
export const MAX_BATCH_BYTES = 262_144;

/** Why a message, or an element of one, is no event; stands in the `_system` chain. */
export const REJECTIONS = [
  'too_large',
  'bad_subject',
  'not_json',
  'not_exact',
  'not_canonical',
  'not_an_event',
  /** Reading it failed for a reason that nobody foresaw: a bug here, but the message is kept and the chain goes on. */
  'unexpected',
] as const;
export type Rejection = (typeof REJECTIONS)[number];

export interface Refusal {
  readonly ok: false;
  readonly reason: Rejection;
  /** The rule, in fixed words: nothing of the message is in it. */
  readonly detail: string;
}

export type Reading =
  | {
      readonly ok: true;
      /** The chain that it goes to: an organization's, or `_unattributed`. */
      readonly orgid: string;
      readonly event: JsonObject;
      /** RFC 8785 text of `event`. */
      readonly canonical: string;
      /** null for events without `producer` and `producerseq` in our form. */
      readonly origin: Origin | null;
      /** null: it moved nothing that counts. */
      readonly transfer: Transfer | null;
    }
  | Refusal;

export interface ElementReading {
  /** Its place in the array, from 0. */
  readonly index: number;
  /** The element's own bytes, without the white space around it. */
  readonly payload: Uint8Array;
  readonly reading: Reading;
}

export type Message =
  /** One event, or what is neither an event nor an array of them. */
  | { readonly form: 'single'; readonly reading: Reading }
  /** 1 to `MAX_BATCH_EVENTS` elements. */
  | { readonly form: 'batch'; readonly elements: readonly ElementReading[] };

export interface ReadMessageOptions {
  readonly subjectPrefix?: string;
  readonly checkData?: DataCheck;
}

const builtIn = createDataCheck();
const encoder = new TextEncoder();

/** Total: whatever bytes it is given, it returns, and the same for the same bytes. */
export function readMessage(subject: string, payload: Uint8Array, options: ReadMessageOptions = {}): Message {
  const isArray = beginsArray(payload);
  const maxBytes = isArray ? MAX_BATCH_BYTES : MAX_EVENT_BYTES;
  if (payload.length > maxBytes) return single({ ok: false, reason: 'too_large', detail: tooLarge(maxBytes) });
  const named = parseEventSubject(subject, options.subjectPrefix ?? DEFAULT_EVENT_PREFIX);
  if (!named) return single(BAD_SUBJECT);
  const checkData = options.checkData ?? builtIn;
  try {
    const text = decodeUtf8(payload);
    if (isArray) return readBatch(text, named, checkData);
    return single(readEvent(text, { named, checkData, plain: readPlainEvent(text), isAlone: true }));
  } catch (error) {
    return single(refusalOf(error));
  }
}

function single(reading: Reading): Message {
  return { form: 'single', reading };
}

/** @throws SchemaError about the message as a whole */
function readBatch(text: string, named: EventSubject, checkData: DataCheck): Message {
  const texts = cutElements(text, MAX_BATCH_EVENTS);
  const plains = texts?.map(readPlainEvent) ?? [null];
  // Where all elements are canonical JSON, what is between them is left: exactly one comma each, as the lengths say.
  if (!plains.every((plain) => plain !== null) || !isJoined(text, texts ?? [])) parseWhole(text);
  if (texts === null) throw new SchemaError('TOO_LARGE', TOO_MANY, { rule: TOO_MANY });
  if (texts.length === 0) refuse('an array of events has at least one');
  const elements = texts.map((own, index): ElementReading => {
    const reading = readElement(own, { named, checkData, plain: plains[index] ?? null, isAlone: false });
    return new Element(index, own, reading);
  });
  return { form: 'batch', elements };
}

/** Whether a text is the elements, with a comma between each two, in brackets. */
function isJoined(text: string, elements: readonly string[]): boolean {
  return text === `[${elements.join(',')}]`;
}

/** @throws SchemaError NOT_JSON */
function parseWhole(text: string): void {
  try {
    JSON.parse(text);
  } catch (cause) {
    refuseJson(cause);
  }
}

interface EventContext {
  readonly named: EventSubject;
  readonly checkData: DataCheck;
  /** null: it is not plain. */
  readonly plain: PlainEvent | null;
  /** It is not in an array. */
  readonly isAlone: boolean;
}

function readElement(text: string, context: EventContext): Reading {
  if (isLonger(text, MAX_EVENT_BYTES)) return { ok: false, reason: 'too_large', detail: tooLarge(MAX_EVENT_BYTES) };
  try {
    return readEvent(text, context);
  } catch (error) {
    return refusalOf(error);
  }
}

/** @throws SchemaError */
function readEvent(text: string, { named, checkData, plain, isAlone }: EventContext): Reading {
  // One that is not what the subject says is left to the general way, which has the words.
  if (plain && plain.orgid === named.orgid && (plain.type === named.type || (!isAlone && isFor(named, plain)))) {
    if (plain.data) checkData(plain.type, plain.data, plain.outcome);
    else if (!checkData.artifacts?.has(plain.type)) checkData(plain.type, dataOf(text), plain.outcome);
    return new PlainReading(named.orgid, text, plain);
  }
  const { value, canonical } = parseExactJson(text);
  // Canonical JSON can be longer than what was sent (1e20 becomes 21 digits), and it is what the ledger keeps.
  if (isLonger(canonical, MAX_EVENT_BYTES)) {
    throw new SchemaError('TOO_LARGE', TOO_LARGE_CANONICAL, { rule: TOO_LARGE_CANONICAL });
  }
  if (!isJsonObject(value)) return refuse('an event is an object');
  if (isAlone && named.orgid !== undefined && isBatchType(named.type)) {
    refuse('subject: an array, where the action is batch');
  }
  const event: JsonObject = value;
  const orgid = isChainloop(value) ? checkedChainloop(event, named) : checkedCloudEvent(event, named, checkData);
  return { ok: true, orgid, event, canonical, origin: originOf(event), transfer: transferOf(event) };
}

/** @returns the chain that it goes to */
function checkedChainloop(event: JsonObject, named: EventSubject): string {
  checkChainloop(event, named.type);
  const orgid = ownerOf(event) as string;
  if (named.orgid !== undefined && named.orgid !== orgid) refuse('Data.OrgID: the organization of the subject');
  return orgid;
}

/** @returns the chain that it goes to */
function checkedCloudEvent(event: JsonObject, named: EventSubject, checkData: DataCheck): string {
  checkCloudEvent(event);
  const { orgid, type, data, outcome } = event;
  if (orgid !== named.orgid) refuse('orgid: the organization of the subject');
  if (!belongsOn(named.type, type)) refuse('type: ends with the target and the action of the subject');
  checkData(type, data, outcome);
  return orgid;
}

/** On the reserved action: an event of the target. */
function isFor({ type }: EventSubject, plain: PlainEvent): boolean {
  return isBatchType(type) && belongsOn(type, plain.type);
}

const BAD_SUBJECT: Refusal = {
  ok: false,
  reason: 'bad_subject',
  detail: 'subject: <prefix>.<target>.<action>, perhaps with .<orgid>',
};
const TOO_MANY = `has more than ${MAX_BATCH_EVENTS} events`;
const TOO_LARGE_CANONICAL = `has more than ${MAX_EVENT_BYTES} bytes as canonical JSON`;

function tooLarge(maxBytes: number): string {
  return `has more than ${maxBytes} bytes`;
}

/** In bytes of UTF-8. */
function isLonger(text: string, maxBytes: number): boolean {
  return text.length * 3 > maxBytes && utf8Length(text) > maxBytes;
}

const REJECTION_OF: Partial<Record<SchemaError['code'], Rejection>> = {
  NOT_JSON: 'not_json',
  NOT_EXACT: 'not_exact',
  NOT_CANONICAL: 'not_canonical',
  NOT_AN_EVENT: 'not_an_event',
  TOO_LARGE: 'too_large',
};

/** What is no error of ours says nothing here: its words are the platform's, and the same bytes have to give the same record. */
function refusalOf(error: unknown): Refusal {
  const reason = error instanceof SchemaError && error.rule !== undefined ? REJECTION_OF[error.code] : undefined;
  if (reason === undefined) return { ok: false, reason: 'unexpected', detail: 'reading it failed' };
  return { ok: false, reason, detail: (error as SchemaError).rule as string };
}

/** Makes the bytes of its text when somebody asks for them: of most elements nobody does. */
class Element implements ElementReading {
  readonly index: number;
  readonly reading: Reading;
  readonly #text: string;

  constructor(index: number, text: string, reading: Reading) {
    this.index = index;
    this.reading = reading;
    this.#text = text;
  }

  get payload(): Uint8Array {
    return encoder.encode(this.#text);
  }
}

/** Makes the event of its text when somebody asks for it: the ledger's writer does not. */
class PlainReading {
  readonly ok = true;
  readonly orgid: string;
  readonly canonical: string;
  readonly origin: Origin | null;
  readonly transfer: Transfer | null;

  /** @param orgid that of the event: one string for many events, so that maps find it sooner */
  constructor(orgid: string, canonical: string, { origin, transfer }: PlainEvent) {
    this.orgid = orgid;
    this.canonical = canonical;
    this.origin = origin;
    this.transfer = transfer;
  }

  get event(): JsonObject {
    return JSON.parse(this.canonical) as JsonObject;
  }
}

function dataOf(text: string): JsonObject {
  return (JSON.parse(text) as { data: JsonObject }).data;
}
