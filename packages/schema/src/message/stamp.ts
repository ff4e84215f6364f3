import type { AnyEventDefinition } from '../event/define-event.ts';
import { canonicalJson } from '../json/canonical.ts';
import { kindOf, SchemaError } from '../error.ts';
import {
  ATTRIBUTE_NAMES,
  checkEvent,
  EventAttributes,
  type Event,
  MAX_EVENT_BYTES,
  notAnEvent,
} from '../event/event.ts';
import { isJsonObject, type Json, type JsonObject } from '../json/json.ts';
import { ARTIFACT_EVENTS, isPlainlyAnArtifact } from '../event/types/artifact.ts';
import { BUILT_IN_EVENTS } from '../event/types/built-in.ts';
import { BUILT_IN_DATA, checkBuiltInData } from './built-in-data.ts';
import { NO_RULES, type TypeRules, typeRules } from './type-rules.ts';

/** What the publisher adds to a draft. */
export interface Stamp {
  readonly id: string;
  readonly source: string;
  /** When it happened, unless the fields say so themselves. */
  readonly time: string;
  readonly producer?: string;
  readonly producerseq?: string;
  /** Makes the event a receipt (`receipt.ts`). Both or none. */
  readonly keyid?: string;
  /** @returns the base64 of the Ed25519 signature over the text's UTF-8 bytes */
  readonly sign?: (text: string) => string;
}

export interface StampedEvent {
  readonly event: Event;
  /** RFC 8785 text: what is published, so that the ledger's event hash is the hash of the message. */
  readonly text: string;
}

/** Checks event types' data; types it does not know have any object. */
export interface DataCheck {
  /** @param data undefined, or anything else: events of others may have it so. @param outcome that of the event */
  (type: string, data: Json | undefined, outcome: Json | undefined): void;
  /** Artifact types whose data has the built-in schema alone: what has been checked by that is not checked again. */
  readonly artifacts?: ReadonlySet<string>;
  /** What the publisher does with an event of this type before it is published. */
  rulesOf(type: string): TypeRules;
}

/**
 * A definition of a built-in type adds to the built-in schema, and replaces nothing of it: what is a message of these
 * types is the format's to say.
 *
 * @returns a check for these types and the built-in ones. @throws SchemaError NOT_AN_EVENT, from the check
 */
export function createDataCheck(definitions: readonly AnyEventDefinition[] = []): DataCheck {
  const own = new Map(definitions.filter((d) => BUILT_IN_DATA.get(d.type) !== d.data).map((d) => [d.type, d.data]));
  const artifacts = new Set<string>(ARTIFACT_EVENTS.map(({ type }) => type).filter((type) => !own.has(type)));
  const check = (type: string, data: Json | undefined, outcome: Json | undefined): void => {
    if (artifacts.has(type) && isJsonObject(data) && isPlainlyAnArtifact(data)) return;
    checkBuiltInData(type, data, outcome);
    const more = own.get(type);
    if (!more) return;
    // What a schema of theirs says is in words of theirs, or of zod's.
    const rule = 'data: what the schema of its type says';
    if (!isJsonObject(data))
      throw new SchemaError('NOT_AN_EVENT', `data is ${kindOf(data)}: expected an object`, { rule });
    const result = more.safeParse(data);
    if (!result.success) throw notAnEvent(result.error, data, { prefix: ['data'], rule });
  };
  const rules = new Map(
    [...BUILT_IN_EVENTS, ...definitions].map((one) => [one.type, typeRules(one, artifacts.has(one.type))]),
  );
  return Object.assign(check, { artifacts, rulesOf: (type: string) => rules.get(type) ?? NO_RULES });
}

/**
 * Makes the event of a draft's type and fields: texts that are too long are made to fit, and the data is what the type's
 * schema returns for it.
 *
 * @param fields a plain object that nobody else changes any more; `time` may be a Date
 * @throws SchemaError NOT_AN_EVENT, NOT_CANONICAL or TOO_LARGE, naming the field and the rule, never the value
 */
export function stampEvent(type: string, fields: unknown, stamp: Stamp, checkData: DataCheck): StampedEvent {
  if (!isJsonObject(fields))
    throw new SchemaError('NOT_AN_EVENT', `${type}: fields is ${kindOf(fields)}, expected an object`);
  const rules = checkData.rulesOf(type);
  const given: Record<string, Json> = {};
  const data: Record<string, Json> = {};
  // In the order of canonical JSON, which is then printed fast.
  for (const name of namesInOrder(fields)) {
    const value = fields[name];
    if (value === undefined) continue;
    if (name === 'time') given['time'] = isoTime(value);
    else if (ATTRIBUTE_NAMES.has(name) && !Object.hasOwn(EventAttributes.shape, name)) {
      throw new SchemaError('NOT_AN_EVENT', `${name} is given: the publisher sets ${name}`);
    } else {
      const fit = typeof value === 'string' ? rules.fits.get(name) : undefined;
      const fitting = fit ? fit(value as string) : value;
      if (fitting !== undefined) set(ATTRIBUTE_NAMES.has(name) ? given : data, name, fitting);
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
  if (text.length * MAX_UTF8_PER_UNIT > MAX_EVENT_BYTES && utf8Length(text) > MAX_EVENT_BYTES) {
    throw new SchemaError('TOO_LARGE', `event has ${utf8Length(text)} bytes, at most ${MAX_EVENT_BYTES} are allowed`);
  }
  return { event, text };
}

/** Whether it says who acted. */
export function hasActor({
  actortype,
  actorid,
}: {
  readonly actortype?: unknown;
  readonly actorid?: unknown;
}): boolean {
  return actortype !== undefined && (actorid !== undefined || actortype === 'SYSTEM');
}

/** The attributes alone, sorted: what else is there (`sign`) is left. */
function inOrder(attributes: Readonly<Record<string, unknown>>): Event & JsonObject {
  const event: Record<string, Json> = {};
  for (const name of ATTRIBUTES_IN_ORDER) {
    const value = attributes[name];
    if (value !== undefined) event[name] = value as Json;
  }
  return event as Event & JsonObject;
}

const ATTRIBUTES_IN_ORDER = [...ATTRIBUTE_NAMES].toSorted((a, b) => (a < b ? -1 : 1));
/** Bytes of UTF-8 for one UTF-16 code unit, at most. */
export const MAX_UTF8_PER_UNIT = 3;

function namesInOrder(fields: JsonObject): string[] {
  const names = Object.keys(fields);
  for (let i = 1; i < names.length; i++) {
    // oxlint-disable-next-line unicorn/no-array-sort -- the array is nobody else's, and this is the hot path
    if ((names[i] as string) < (names[i - 1] as string)) return names.sort();
  }
  return names;
}

function set(object: Record<string, Json>, name: string, value: Json): void {
  if (name !== '__proto__') object[name] = value;
  // Plain assignment would set the prototype.
  else Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}

function isoTime(value: unknown): string {
  if (value instanceof Date && Number.isFinite(value.getTime())) return value.toISOString();
  if (typeof value === 'string') return value;
  throw new SchemaError('NOT_AN_EVENT', `time is ${kindOf(value)}: expected a valid Date`);
}

const encoder = new TextEncoder();

/** Bytes of a text in UTF-8. */
export function utf8Length(text: string): number {
  return encoder.encode(text).length;
}
