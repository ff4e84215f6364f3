import type { AnyEventDefinition } from './define-event.ts';
import { canonicalJson } from './canonical.ts';
import { refuse, SchemaError, show } from './error.ts';
import { ATTRIBUTE_NAMES, checkEvent, EventAttributes, type Event, MAX_EVENT_BYTES, notAnEvent } from './event.ts';
import { isJsonObject, type Json, type JsonObject } from './json.ts';
import { ARTIFACT_EVENTS, isPlainlyAnArtifact } from './artifact.ts';
import { BUILT_IN_EVENTS } from './built-in.ts';

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
}

/**
 * A definition of a built-in type adds to the built-in schema, and replaces nothing of it: what is a message of these
 * types is the format's to say.
 *
 * @returns a check for these types and the built-in ones. @throws SchemaError NOT_AN_EVENT, from the check
 */
export function createDataCheck(definitions: readonly AnyEventDefinition[] = []): DataCheck {
  const builtIn = new Map(BUILT_IN_EVENTS.map((d) => [d.type, d.data]));
  const own = new Map(definitions.filter((d) => builtIn.get(d.type) !== d.data).map((d) => [d.type, d.data]));
  const artifacts = new Set<string>(ARTIFACT_EVENTS.map(({ type }) => type).filter((type) => !own.has(type)));
  const check = (type: string, data: Json | undefined, outcome: Json | undefined): void => {
    if (artifacts.has(type) && isJsonObject(data) && isPlainlyAnArtifact(data)) return;
    const schema = builtIn.get(type);
    if (schema) {
      checkBuiltIn(schema, data);
      checkTransferred(type, data as JsonObject, outcome);
    }
    const more = own.get(type);
    if (!more) return;
    // What a schema of theirs says is in words of theirs, or of zod's.
    const rule = 'data: what the schema of its type says';
    if (!isJsonObject(data))
      throw new SchemaError('NOT_AN_EVENT', `data is ${show(data)}: expected an object`, { rule });
    const result = more.safeParse(data);
    if (!result.success) throw notAnEvent(result.error, data, { prefix: ['data'], rule });
  };
  return Object.assign(check, { artifacts });
}

function checkBuiltIn(schema: AnyEventDefinition['data'], data: Json | undefined): void {
  if (!isJsonObject(data)) refuse('data: an object');
  const result = schema.safeParse(data);
  if (result.success) return;
  const [issue] = result.error.issues;
  const rule = `data.${issue?.path.join('.')}: ${issue?.message}`;
  throw notAnEvent(result.error, data, { prefix: ['data'], rule });
}

/** What a failed transfer moved is for the bill; that of one that succeeded is its size. */
function checkTransferred(type: string, data: JsonObject, outcome: Json | undefined): void {
  if (outcome === 'failure' || data['transferred_bytes'] === undefined) return;
  if (ARTIFACT_EVENTS.some((definition) => definition.type === type)) {
    refuse('data.transferred_bytes: with the outcome failure only');
  }
}

/**
 * Makes the event of a draft's type and fields.
 *
 * @param fields a plain object that nobody else changes any more; `time` may be a Date
 * @throws SchemaError NOT_AN_EVENT, NOT_CANONICAL or TOO_LARGE, naming the field and the value
 */
export function stampEvent(type: string, fields: unknown, stamp: Stamp, checkData: DataCheck): StampedEvent {
  if (!isJsonObject(fields))
    throw new SchemaError('NOT_AN_EVENT', `${type}: fields is ${show(fields)}, expected an object`);
  const given: Record<string, Json> = {};
  const data: Record<string, Json> = {};
  // In the order of canonical JSON, which is then printed fast.
  for (const name of namesInOrder(fields)) {
    const value = fields[name];
    if (value === undefined) continue;
    if (name === 'time') given['time'] = isoTime(value);
    else if (Object.hasOwn(EventAttributes.shape, name)) given[name] = value;
    else if (ATTRIBUTE_NAMES.has(name)) {
      throw new SchemaError('NOT_AN_EVENT', `${name} is ${show(value)}: the publisher sets ${name}`);
    } else set(data, name, value);
  }
  const { sign } = stamp;
  const stamped = { ...stamp, specversion: '1.0', type, ...given, data };
  let event = inOrder(stamped);
  checkEvent(event);
  checkData(type, data, event.outcome);
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
  throw new SchemaError('NOT_AN_EVENT', `time is ${show(value)}: expected a valid Date`);
}

const encoder = new TextEncoder();

/** Bytes of a text in UTF-8. */
export function utf8Length(text: string): number {
  return encoder.encode(text).length;
}
