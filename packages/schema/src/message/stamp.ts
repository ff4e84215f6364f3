/**
 * The `message/` room: an event on its way, from a publisher's fields to the text that is published, and from a message
 * of the AUDIT stream back to events. It knows what events are (`event/`). It never knows what becomes of them in the
 * ledger.
 *
 * This file makes the event of a draft, and its text.
 */
import { kindOf, SchemaError } from '../error.ts';
import { ATTRIBUTE_NAMES, checkEvent, type Event, EventAttributes, MAX_EVENT_BYTES } from '../event/event.ts';
import { canonicalJson } from '../json/canonical.ts';
import { isJsonObject, type Json, type JsonObject, setMember } from '../json/json.ts';
import { isLongerThan, utf8Length } from '../json/utf8.ts';
import type { DataCheck } from './data-check.ts';

/** What the publisher adds to a draft. */
export interface Stamp {
  readonly id: string;
  readonly source: string;
  /** When it happened, unless the fields have their own `time`. */
  readonly time: string;
  readonly producer?: string;
  readonly producerseq?: string;
  /** The name of the key. With `sign` it makes the event a receipt (`verify/receipt.ts`); give both or neither. */
  readonly keyid?: string;
  /** @returns the base64 of the Ed25519 signature over the text's UTF-8 bytes */
  readonly sign?: (text: string) => string;
}

export interface StampedEvent {
  readonly event: Event;
  /** RFC 8785 text. It is published as it is, so the event hash in the ledger is the hash of the message. */
  readonly text: string;
}

/**
 * Makes an event of a draft's type and fields. Texts that are too long are made to fit. The data is what the schema of
 * the type returns for it.
 *
 * @param fields a plain object that nobody changes any more; `time` may be a Date
 * @throws SchemaError NOT_AN_EVENT, NOT_CANONICAL or TOO_LARGE, naming the field and the rule, never the value
 */
export function stampEvent(type: string, fields: unknown, stamp: Stamp, checkData: DataCheck): StampedEvent {
  if (!isJsonObject(fields))
    throw new SchemaError('NOT_AN_EVENT', `${type}: fields is ${kindOf(fields)}, expected an object`);
  const rules = checkData.rulesOf(type);
  const given: Record<string, Json> = {};
  const data: Record<string, Json> = {};
  // In the order of canonical JSON, in which `canonicalJson` prints fastest.
  for (const name of namesInOrder(fields)) {
    const value = fields[name];
    if (value === undefined) continue;
    if (name === 'time') given['time'] = isoTime(value);
    else if (ATTRIBUTE_NAMES.has(name) && !Object.hasOwn(EventAttributes.shape, name)) {
      throw new SchemaError('NOT_AN_EVENT', `${name} is given: the publisher sets ${name}`);
    } else {
      const fit = typeof value === 'string' ? rules.fits.get(name) : undefined;
      const fitting = fit ? fit(value as string) : value;
      if (fitting !== undefined) setMember(ATTRIBUTE_NAMES.has(name) ? given : data, name, fitting);
    }
  }
  const { sign } = stamp;
  const stamped = { ...stamp, specversion: '1.0', type, ...given, data };
  let event = inOrder(stamped);
  checkEvent(event);
  if (rules.actorRequired && !hasActor(event)) {
    const missing = event.actortype === undefined ? 'actortype' : 'actorid';
    throw new SchemaError('NOT_AN_EVENT', `${missing} is undefined: ${type} requires an actor`);
  }
  event = inOrder({ ...event, data: rules.publish(data, event.outcome) });
  let text = canonicalJson(event);
  if (sign) {
    event = inOrder({ ...event, signature: sign(text) });
    checkEvent(event);
    text = canonicalJson(event);
  }
  if (isLongerThan(text, MAX_EVENT_BYTES)) {
    throw new SchemaError('TOO_LARGE', `event has ${utf8Length(text)} bytes, at most ${MAX_EVENT_BYTES} are allowed`);
  }
  return { event, text };
}

/** Gives the text of an event. @throws SchemaError NOT_AN_EVENT, NOT_CANONICAL or TOO_LARGE, as `stampEvent` does */
export type TextStamp = (type: string, fields: object, stamp: Stamp) => string;

let createFast: ((checkData: DataCheck, plain: TextStamp) => TextStamp) | null = null;

/**
 * For `fast/install.ts`: what it creates gives the same texts as `plain`, and asks `plain` for those that it does not
 * know.
 */
export function installTextStamp(create: (checkData: DataCheck, plain: TextStamp) => TextStamp): void {
  createFast = create;
}

/** Makes a function that gives `stampEvent(…).text`, for publishers that need nothing but the text. */
export function createTextStamp(checkData: DataCheck): TextStamp {
  const plain: TextStamp = (type, fields, stamp) => stampEvent(type, fields, stamp, checkData).text;
  return createFast === null ? plain : createFast(checkData, plain);
}

/** Whether an event says who acted. `SYSTEM` needs no id. */
export function hasActor({
  actortype,
  actorid,
}: {
  readonly actortype?: unknown;
  readonly actorid?: unknown;
}): boolean {
  return actortype !== undefined && (actorid !== undefined || actortype === 'SYSTEM');
}

/** The attributes alone, sorted. Anything else, such as `sign`, is left out. */
function inOrder(attributes: Readonly<Record<string, unknown>>): Event & JsonObject {
  const event: Record<string, Json> = {};
  for (const name of ATTRIBUTES_IN_ORDER) {
    const value = attributes[name];
    if (value !== undefined) event[name] = value as Json;
  }
  return event as Event & JsonObject;
}

const ATTRIBUTES_IN_ORDER = [...ATTRIBUTE_NAMES].toSorted((a, b) => (a < b ? -1 : 1));

function namesInOrder(fields: JsonObject): string[] {
  const names = Object.keys(fields);
  for (let i = 1; i < names.length; i++) {
    // oxlint-disable-next-line unicorn/no-array-sort -- the array is nobody else's, and this is the hot path
    if ((names[i] as string) < (names[i - 1] as string)) return names.sort();
  }
  return names;
}

function isoTime(value: unknown): string {
  if (value instanceof Date && Number.isFinite(value.getTime())) return value.toISOString();
  if (typeof value === 'string') return value;
  throw new SchemaError('NOT_AN_EVENT', `time is ${kindOf(value)}: expected a valid Date`);
}
