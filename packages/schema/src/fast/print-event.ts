/**
 * The text of an event, made the quick way: what `stampEvent` makes, for the events that have nothing unusual. It knows
 * the layout of the last event of each type (which of its fields are attributes, which are data, and the order of those),
 * and has the platform print one literal that is in canonical order. plain-stamp.test.ts holds it to `stampEvent`.
 */
import { isInOrder, MAX_DEPTH } from '../json/canonical.ts';
import { ATTRIBUTE_NAMES, EventAttributes, isPlainAttribute, MAX_EVENT_BYTES } from '../event/event.ts';
import type { Json, JsonObject } from '../json/json.ts';
import { type DataCheck, hasActor, MAX_UTF8_PER_UNIT, type Stamp, stampEvent } from '../message/stamp.ts';
import type { TypeRules } from '../message/type-rules.ts';

/** Where the fields of an event belong, for events with the same names in the same order. */
interface Layout {
  readonly names: readonly string[];
  readonly attributes: readonly string[];
  /** Sorted as RFC 8785 has it. */
  readonly members: readonly string[];
  readonly rules: TypeRules;
}

/**
 * Makes a function that gives the text of an event, as `stampEvent(…).text` does.
 *
 * @returns throws SchemaError NOT_AN_EVENT, NOT_CANONICAL or TOO_LARGE, as `stampEvent` does
 */
export function createTextStamp(checkData: DataCheck): (type: string, fields: object, stamp: Stamp) => string {
  const layouts = new Map<string, Layout | null>();
  /** Texts that passed already: the same again for every event, or for every event of a millisecond. */
  let source = '';
  let producer = '';
  let time = '';

  const isPlainStamp = (stamp: Stamp): boolean => {
    if (stamp.source !== source) {
      if (!isPlainAttribute('source', stamp.source)) return false;
      source = stamp.source;
    }
    if (stamp.producer !== producer) {
      if (!isPlainAttribute('producer', stamp.producer)) return false;
      producer = stamp.producer as string;
    }
    if (stamp.time !== time) {
      if (!isPlainAttribute('time', stamp.time)) return false;
      time = stamp.time;
    }
    return isPlainAttribute('id', stamp.id) && isPlainAttribute('producerseq', stamp.producerseq);
  };

  const layoutOf = (type: string, fields: object): Layout | null => {
    const known = layouts.get(type);
    if (known !== undefined && known !== null && hasNames(fields, known.names)) return known;
    const layout = makeLayout(fields, checkData.rulesOf(type));
    // A type that is not plain itself stays out.
    if (layout !== null && isPlainAttribute('type', type)) layouts.set(type, layout);
    return isPlainAttribute('type', type) ? layout : null;
  };

  /** null: `stampEvent` has to look. */
  const plainText = (type: string, fields: object, stamp: Stamp): string | null => {
    if (stamp.sign !== undefined || stamp.keyid !== undefined || !isPlainStamp(stamp)) return null;
    const layout = layoutOf(type, fields);
    if (layout === null) return null;
    const given = fields as Readonly<Record<string, Json | undefined>>;
    for (const name of layout.attributes) {
      const value = given[name];
      if (value !== undefined && !isPlainAttribute(name, value)) return null;
    }
    const { rules } = layout;
    if (given['orgid'] === undefined || (rules.actorRequired && !hasActor(given))) return null;
    const data: Record<string, Json> = {};
    for (const name of layout.members) {
      const value = given[name];
      if (value !== undefined) data[name] = value;
    }
    if (!isInOrder(data, 1)) return null;
    let published = rules.publish(data, given['outcome']);
    if (published !== data && !isInOrder(published, 1)) {
      // A schema returns members in its own order.
      published = sorted(published, 1) as JsonObject;
      if (!isInOrder(published, 1)) return null;
    }
    const text = printed(type, given, stamp, published);
    // The platform escapes lone surrogates, which have no canonical form.
    return text.length * MAX_UTF8_PER_UNIT > MAX_EVENT_BYTES || text.includes('\\ud') ? null : text;
  };

  return (type, fields, stamp) => plainText(type, fields, stamp) ?? stampEvent(type, fields, stamp, checkData).text;
}

/** In the order of RFC 8785; members that are undefined are not printed. */
function printed(
  type: string,
  given: Readonly<Record<string, Json | undefined>>,
  { id, producer, producerseq, source, time }: Stamp,
  data: JsonObject,
): string {
  return JSON.stringify({
    actoremail: given['actoremail'],
    actorid: given['actorid'],
    actorname: given['actorname'],
    actortype: given['actortype'],
    data,
    decisionid: given['decisionid'],
    id,
    orgid: given['orgid'],
    outcome: given['outcome'],
    producer,
    producerseq,
    runid: given['runid'],
    source,
    specversion: '1.0',
    subject: given['subject'],
    time,
    traceparent: given['traceparent'],
    type,
  });
}

/** Those and no others, in that order; the last ones may be absent. */
function hasNames(fields: object, names: readonly string[]): boolean {
  let at = 0;
  for (const name in fields) if (name !== names[at++]) return false;
  return true;
}

/** null: with a time of its own, with what the publisher sets, or with what a literal cannot hold. */
function makeLayout(fields: object, rules: TypeRules): Layout | null {
  const names = Object.keys(fields);
  const attributes: string[] = [];
  const members: string[] = [];
  for (const name of names) {
    if (Object.hasOwn(EventAttributes.shape, name)) attributes.push(name);
    else if (ATTRIBUTE_NAMES.has(name) || name === '__proto__') return null;
    else members.push(name);
  }
  return { names, attributes, members: members.toSorted((a, b) => (a < b ? -1 : 1)), rules };
}

/** The same value with its members in order, as far as it is JSON. */
function sorted(value: Json, depth: number): Json {
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return value;
  if (Array.isArray(value)) return value.map((item: Json) => sorted(item, depth + 1));
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(members.map(([name, member]) => [name, sorted(member, depth + 1)]));
}
