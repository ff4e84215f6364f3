import type { AnyEventDefinition } from './define-event.ts';
import { canonicalJson } from './canonical.ts';
import { SchemaError, show } from './error.ts';
import { ATTRIBUTE_NAMES, checkEvent, EventAttributes, type Event, MAX_EVENT_BYTES, notAnEvent } from './event.ts';
import { isJsonObject, type Json, type JsonObject } from './json.ts';
import { ARTIFACT_EVENTS } from './artifact.ts';

/** What the publisher adds to a draft. */
export interface Stamp {
  readonly id: string;
  readonly source: string;
  /** When it happened, unless the fields say so themselves. */
  readonly time: string;
  readonly producer?: string;
  readonly sequence?: string;
}

export interface StampedEvent {
  readonly event: Event;
  /** RFC 8785 text: what is published, so that the ledger's event hash is the hash of the message. */
  readonly text: string;
}

/** Checks event types' data; types it does not know have any object. */
export type DataCheck = (type: string, data: JsonObject) => void;

/** @returns a check for these types and the built-in ones. @throws SchemaError NOT_AN_EVENT, from the check */
export function createDataCheck(definitions: readonly AnyEventDefinition[] = []): DataCheck {
  const schemas = new Map([...ARTIFACT_EVENTS, ...definitions].map((d: AnyEventDefinition) => [d.type, d.data]));
  return (type, data) => {
    const result = schemas.get(type)?.safeParse(data);
    if (result && !result.success) throw notAnEvent(result.error, data, ['data']);
  };
}

/**
 * Makes the event of a draft's type and fields.
 *
 * @param fields a plain object that nobody else changes any more; `time` may be a Date
 * @throws SchemaError NOT_AN_EVENT or NOT_CANONICAL, naming the field and the value
 */
export function stampEvent(type: string, fields: unknown, stamp: Stamp, checkData: DataCheck): StampedEvent {
  if (!isJsonObject(fields))
    throw new SchemaError('NOT_AN_EVENT', `${type}: fields is ${show(fields)}, expected an object`);
  const data: Record<string, Json> = {};
  const event: Record<string, Json> = {
    specversion: '1.0',
    type,
    id: stamp.id,
    source: stamp.source,
    time: stamp.time,
    data,
  };
  if (stamp.producer !== undefined && stamp.sequence !== undefined) {
    event['producer'] = stamp.producer;
    event['sequence'] = stamp.sequence;
  }
  for (const name of Object.keys(fields)) {
    const value = fields[name];
    if (value === undefined) continue;
    if (name === 'time') event['time'] = isoTime(value);
    else if (Object.hasOwn(EventAttributes.shape, name)) event[name] = value;
    else if (ATTRIBUTE_NAMES.has(name))
      throw new SchemaError('NOT_AN_EVENT', `${name} is ${show(value)}: the publisher sets ${name}`);
    // Not `data[name] =`, which would set the prototype for the name __proto__.
    else Object.defineProperty(data, name, { value, enumerable: true, configurable: true, writable: true });
  }
  checkEvent(event);
  checkData(type, data);
  const text = canonicalJson(event);
  const bytes = utf8Length(text);
  if (bytes > MAX_EVENT_BYTES)
    throw new SchemaError('NOT_AN_EVENT', `event has ${bytes} bytes, at most ${MAX_EVENT_BYTES} are allowed`);
  return { event, text };
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
