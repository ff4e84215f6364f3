/**
 * Prints the text of a new event. It makes what `stampEvent` (`message/stamp.ts`) makes, for events that have nothing
 * unusual. It remembers the layout of the last event of each type: which fields are attributes, which are data, and the
 * order of the data. The platform then prints one object literal that is in canonical order. `print-event.test.ts`
 * holds it to `stampEvent`.
 */
import { ATTRIBUTE_NAMES, EventAttributes, MAX_EVENT_BYTES } from '../event/event.ts';
import { isInOrder, MAX_DEPTH } from '../json/canonical.ts';
import type { Json, JsonObject } from '../json/json.ts';
import { MAX_UTF8_PER_UNIT } from '../json/utf8.ts';
import type { DataCheck } from '../message/data-check.ts';
import { hasActor, type Stamp, type TextStamp } from '../message/stamp.ts';
import type { TypeRules } from '../message/type-rules.ts';
import { isCertainlyRight } from './check-event.ts';

/** Where the fields of an event belong. It holds for events with the same names in the same order. */
interface Layout {
  readonly names: readonly string[];
  readonly attributes: readonly string[];
  /** Names of data members, sorted as RFC 8785 says. */
  readonly members: readonly string[];
  readonly rules: TypeRules;
}

/** @param plain gives the text of every event that is not known here */
export function createFastTextStamp(checkData: DataCheck, plain: TextStamp): TextStamp {
  const layouts = new Map<string, Layout>();
  /** Texts that passed already. They are the same for every event, or for every event of a millisecond. */
  let source = '';
  let producer = '';
  let time = '';

  const isKnownStamp = (stamp: Stamp): boolean => {
    if (stamp.source !== source) {
      if (!isCertainlyRight('source', stamp.source)) return false;
      source = stamp.source;
    }
    if (stamp.producer !== producer) {
      if (!isCertainlyRight('producer', stamp.producer)) return false;
      producer = stamp.producer as string;
    }
    if (stamp.time !== time) {
      if (!isCertainlyRight('time', stamp.time)) return false;
      time = stamp.time;
    }
    return isCertainlyRight('id', stamp.id) && isCertainlyRight('producerseq', stamp.producerseq);
  };

  const layoutOf = (type: string, fields: object): Layout | null => {
    const known = layouts.get(type);
    if (known !== undefined && hasNames(fields, known.names)) return known;
    const layout = makeLayout(fields, checkData.rulesOf(type));
    if (layout === null || !isCertainlyRight('type', type)) return null;
    layouts.set(type, layout);
    return layout;
  };

  /** null: the event is not known here. */
  const fastText = (type: string, fields: object, stamp: Stamp): string | null => {
    if (stamp.sign !== undefined || stamp.keyid !== undefined || !isKnownStamp(stamp)) return null;
    const layout = layoutOf(type, fields);
    if (layout === null) return null;
    const given = fields as Readonly<Record<string, Json | undefined>>;
    for (const name of layout.attributes) {
      const value = given[name];
      if (value !== undefined && !isCertainlyRight(name, value)) return null;
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
      // A schema returns members in its own order, which may be another one.
      published = sorted(published, 1) as JsonObject;
      if (!isInOrder(published, 1)) return null;
    }
    const text = printed(type, given, stamp, published);
    // The platform escapes a lone surrogate, which has no canonical form.
    return text.length * MAX_UTF8_PER_UNIT > MAX_EVENT_BYTES || text.includes('\\ud') ? null : text;
  };

  return (type, fields, stamp) => fastText(type, fields, stamp) ?? plain(type, fields, stamp);
}

/** Members stand in the order of RFC 8785. Those that are undefined are not printed. */
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

/** Whether an object has these names and no others, in this order. The last ones may be absent. */
function hasNames(fields: object, names: readonly string[]): boolean {
  let at = 0;
  for (const name in fields) if (name !== names[at++]) return false;
  return true;
}

/**
 * null: the fields have a time of their own, an attribute that the publisher sets, or a name that a literal cannot
 * hold.
 */
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

/** The same value with members in order. What is no JSON stays as it is. */
function sorted(value: Json, depth: number): Json {
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return value;
  if (Array.isArray(value)) return value.map((item: Json) => sorted(item, depth + 1));
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(members.map(([name, member]) => [name, sorted(member, depth + 1)]));
}
