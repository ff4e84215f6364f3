/**
 * From a message of the AUDIT stream to the events of organizations that it holds, or to the reason why it holds none.
 * A message is one event, or several in an array. Each element is read as if it had come alone.
 */
import { refuse, refuseJson, SchemaError } from '../error.ts';
import { checkChainloop, isChainloop } from '../event/chainloop.ts';
import { checkCloudEvent } from '../event/cloud-event.ts';
import type { EventFacts } from '../event/event-facts.ts';
import { MAX_EVENT_BYTES } from '../event/event.ts';
import { type Origin, originOf } from '../event/origin.ts';
import { ownerOf } from '../event/owner.ts';
import {
  belongsOn,
  DEFAULT_CONTROL_PREFIX,
  DEFAULT_EVENT_PREFIX,
  type EventSubject,
  isBatchType,
  isControlSubject,
  parseEventSubject,
} from '../event/subject.ts';
import { type Transfer, transferOf } from '../event/transfer.ts';
import { parseExactJson } from '../json/exact-json.ts';
import { isJsonObject, type JsonObject } from '../json/json.ts';
import { decodeUtf8, isLongerThan } from '../json/utf8.ts';
import { beginsArray, cutElements } from './batch-text.ts';
import { type ControlReading, readControl } from './control-message.ts';
import { createDataCheck, type DataCheck } from './data-check.ts';
import { type RejectedReading, rejectionOf } from './rejection.ts';

/** The most events in one message. */
export const MAX_BATCH_EVENTS = 256;
/** The most bytes of a message that holds an array. */
export const MAX_BATCH_BYTES = 262_144;

export type Reading =
  | {
      readonly ok: true;
      /** The chain that it belongs to: an organization's, or `_unattributed`. */
      readonly orgid: string;
      readonly event: JsonObject;
      /** RFC 8785 text of `event`. */
      readonly canonical: string;
      /** null for events without `producer` and `producerseq` in our form. */
      readonly origin: Origin | null;
      /** null: it transferred nothing that counts. */
      readonly transfer: Transfer | null;
    }
  | RejectedReading;

export interface ElementReading {
  /** The element's place in the array, from 0. */
  readonly index: number;
  /** The bytes of the element, without white space around them. */
  readonly payload: Uint8Array;
  readonly reading: Reading;
}

export type Message =
  /** One event, or a payload that is neither an event nor an array of events. */
  | { readonly form: 'single'; readonly reading: Reading }
  /** 1 to `MAX_BATCH_EVENTS` elements. */
  | { readonly form: 'batch'; readonly elements: readonly ElementReading[] }
  /** What an operator says, or a payload on such a subject that says nothing. */
  | { readonly form: 'control'; readonly reading: ControlReading };

export interface ReadMessageOptions {
  readonly subjectPrefix?: string;
  /** Messages on `<controlPrefix>.>` are an operator's. Default: `waybill.control`. */
  readonly controlPrefix?: string;
  readonly checkData?: DataCheck;
}

/**
 * Reads an event in its text without parsing it. It returns null for a text that it does not know, whether that is an
 * event or not, and the plain way decides. What it returns is what the plain way finds.
 */
export type FactReader = (text: string) => EventFacts | null;

let readFacts: FactReader = () => null;

/** For `fast/install.ts`. */
export function installFactReader(reader: FactReader): void {
  readFacts = reader;
}

const builtIn = createDataCheck();
const encoder = new TextEncoder();

/** Total and pure: it returns for any bytes, and returns the same for the same bytes. */
export function readMessage(subject: string, payload: Uint8Array, options: ReadMessageOptions = {}): Message {
  const controlPrefix = options.controlPrefix ?? DEFAULT_CONTROL_PREFIX;
  if (isControlSubject(subject, controlPrefix))
    return { form: 'control', reading: readControl(subject, payload, controlPrefix) };
  const isArray = beginsArray(payload);
  const maxBytes = isArray ? MAX_BATCH_BYTES : MAX_EVENT_BYTES;
  if (payload.length > maxBytes) return single({ ok: false, reason: 'too_large', detail: tooLarge(maxBytes) });
  const named = parseEventSubject(subject, options.subjectPrefix ?? DEFAULT_EVENT_PREFIX);
  if (!named) return single(BAD_SUBJECT);
  const checkData = options.checkData ?? builtIn;
  try {
    const text = decodeUtf8(payload);
    if (isArray) return readBatch(text, named, checkData);
    return single(readEvent(text, { named, checkData, facts: readFacts(text), isAlone: true }));
  } catch (error) {
    return single(rejectionOf(error));
  }
}

function single(reading: Reading): Message {
  return { form: 'single', reading };
}

/** @throws SchemaError about the message as a whole */
function readBatch(text: string, named: EventSubject, checkData: DataCheck): Message {
  const texts = cutElements(text, MAX_BATCH_EVENTS);
  const facts = texts?.map((own) => readFacts(own)) ?? [null];
  // When all elements are known to be JSON and only commas are between them, the whole is JSON.
  if (!facts.every((one) => one !== null) || !isJoined(text, texts ?? [])) parseWhole(text);
  if (texts === null) throw new SchemaError('TOO_LARGE', TOO_MANY, { rule: TOO_MANY });
  if (texts.length === 0) refuse('an array of events has at least one');
  const elements = texts.map((own, index): ElementReading => {
    const reading = readElement(own, { named, checkData, facts: facts[index] ?? null, isAlone: false });
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
  /** null: nobody has read it yet. */
  readonly facts: EventFacts | null;
  /** The message is this event, and not an array. */
  readonly isAlone: boolean;
}

function readElement(text: string, context: EventContext): Reading {
  if (isLongerThan(text, MAX_EVENT_BYTES)) return { ok: false, reason: 'too_large', detail: tooLarge(MAX_EVENT_BYTES) };
  try {
    return readEvent(text, context);
  } catch (error) {
    return rejectionOf(error);
  }
}

/** @throws SchemaError */
function readEvent(text: string, context: EventContext): Reading {
  const { named, checkData, facts, isAlone } = context;
  // The plain way handles an event that does not fit its subject: it says what is wrong.
  if (facts !== null && fits(facts, context)) {
    if (facts.data) checkData(facts.type, facts.data, facts.outcome);
    else if (!checkData.artifacts?.has(facts.type)) checkData(facts.type, dataOf(text), facts.outcome);
    return new FactReading(named.orgid as string, text, facts);
  }
  const { value, canonical } = parseExactJson(text);
  // The ledger keeps canonical JSON, which can be longer than what was sent: 1e20 becomes 21 digits.
  if (isLongerThan(canonical, MAX_EVENT_BYTES)) {
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

/** @returns the chain that the event belongs to */
function checkedChainloop(event: JsonObject, named: EventSubject): string {
  checkChainloop(event, named.type);
  const orgid = ownerOf(event) as string;
  if (named.orgid !== undefined && named.orgid !== orgid) refuse('Data.OrgID: the organization of the subject');
  return orgid;
}

/** @returns the chain that the event belongs to */
function checkedCloudEvent(event: JsonObject, named: EventSubject, checkData: DataCheck): string {
  checkCloudEvent(event);
  const { orgid, type, data, outcome } = event;
  if (orgid !== named.orgid) refuse('orgid: the organization of the subject');
  if (!belongsOn(named.type, type)) refuse('type: ends with the target and the action of the subject');
  checkData(type, data, outcome);
  return orgid;
}

/** Whether an event belongs on the subject of its message. Only an array may be on the reserved action. */
function fits({ orgid, type }: EventFacts, { named, isAlone }: EventContext): boolean {
  if (orgid !== named.orgid) return false;
  return type === named.type || (!isAlone && isBatchType(named.type) && belongsOn(named.type, type));
}

const BAD_SUBJECT: RejectedReading = {
  ok: false,
  reason: 'bad_subject',
  detail: 'subject: <prefix>.<target>.<action>, perhaps with .<orgid>',
};
const TOO_MANY = `has more than ${MAX_BATCH_EVENTS} events`;
const TOO_LARGE_CANONICAL = `has more than ${MAX_EVENT_BYTES} bytes as canonical JSON`;

function tooLarge(maxBytes: number): string {
  return `has more than ${maxBytes} bytes`;
}

/** Encodes its text when somebody asks for the bytes. For most elements nobody does. */
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

/** Parses its event when somebody asks for it. The ledger's writer never does. */
class FactReading {
  readonly ok = true;
  readonly orgid: string;
  readonly canonical: string;
  readonly origin: Origin | null;
  readonly transfer: Transfer | null;

  /** @param orgid the string that many events share: maps find it sooner than an equal one */
  constructor(orgid: string, canonical: string, { origin, transfer }: EventFacts) {
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
