/**
 * What the publisher does with the fields of each event type: which it cuts, which it makes JSON of, and what it
 * publishes.
 */
import type * as z from 'zod';
import { closest } from '../config/closest.ts';
import { SchemaError } from '../error.ts';
import type { AnyEventDefinition } from '../event/define-event.ts';
import { EventAttributes, notAnEvent } from '../event/event.ts';
import { ATTRIBUTE_FITS, type Fit, fitOf, unwrapped } from '../event/fitting-text.ts';
import { MAX_DEPTH } from '../json/canonical.ts';
import { type Json, type JsonObject, setMember } from '../json/json.ts';
import { BUILT_IN_DATA, checkBuiltInData, checkTransferred, isKnownArtifactData } from './built-in-data.ts';

export interface TypeRules {
  /** Refuse events without `actortype` and `actorid`. `SYSTEM` needs no `actorid`. */
  readonly actorRequired: boolean;
  /** Functions that make the text of a field fit, by the field's name: attributes and data members. */
  readonly fits: ReadonlyMap<string, Fit>;
  /**
   * The field that somebody probably meant by a name that the type does not have; null: the type has it, or it is like
   * none.
   */
  meant(name: string): string | null;
  /**
   * Whether the schema names a data member and accepts any value for it. The publisher then makes JSON of any value.
   */
  isFreeForm(name: string): boolean;
  /**
   * The data that is published: what the schema returns for it. The format's rules for a built-in type hold too,
   * whatever schema a service has defined for the type.
   *
   * @returns `data` itself when nothing changes
   * @throws SchemaError NOT_AN_EVENT
   */
  publish(data: JsonObject, outcome: Json | undefined): JsonObject;
}

/**
 * Members that `timed` and `dispatcher` add to events of any type. A schema that does not name them neither strips nor
 * refuses them.
 */
const ADDED: readonly string[] = ['claimed_org', 'degraded', 'duration_ms'];

/** The rules of a type that nobody has defined: any data. */
export const NO_RULES: TypeRules = {
  actorRequired: false,
  fits: ATTRIBUTE_FITS,
  meant: () => null,
  isFreeForm: () => false,
  publish: (data) => data,
};

/** @param isArtifact the schema is that of the built-in artifact events */
export function typeRules(definition: AnyEventDefinition, isArtifact: boolean): TypeRules {
  const { type, data: schema, actorRequired = false } = definition;
  const builtIn = BUILT_IN_DATA.get(type);
  const shape = { ...builtIn?.shape, ...schema.shape };
  const names = [...Object.keys(EventAttributes.shape), 'time', ...ADDED, ...Object.keys(shape)];
  const fits = new Map(ATTRIBUTE_FITS);
  const freeForm = new Set<string>();
  for (const [name, member] of Object.entries(shape)) {
    const fit = fitOf(member);
    if (fit) fits.set(name, fit);
    if (isFree(member)) freeForm.add(name);
  }
  const publishOwn = publisherOf(schema, [...ADDED, ...Object.keys(builtIn?.shape ?? {})]);
  const check = builtIn === schema ? checkTransferred : checkBuiltInData;
  return {
    actorRequired,
    fits,
    meant: (name) => nearField(name, names),
    isFreeForm: (name) => freeForm.has(name),
    publish(data, outcome) {
      if (isArtifact && isKnownArtifactData(data)) return data;
      const published = publishOwn(fitted(data, fits));
      check(type, published, outcome);
      return isArtifact ? withProto(published, data) : published;
    },
  };
}

/** So many letters may differ between two names in lower case without underscores; fewer in short names. */
const MAX_CHANGES = 2;
/** Longer names are not looked up. */
const MAX_NAME_LENGTH = 64;

function nearField(name: string, fields: readonly string[]): string | null {
  if (fields.includes(name) || name.length > MAX_NAME_LENGTH) return null;
  const plain = (text: string): string => text.toLowerCase().replaceAll(/[_-]/g, '');
  const near = closest(plain(name), fields.map(plain), Math.min(MAX_CHANGES, Math.floor(name.length / 4)));
  return near === null ? null : (fields.find((field) => plain(field) === near) ?? null);
}

/** @param kept members that the schema neither strips nor refuses when it does not name them */
function publisherOf(schema: z.ZodObject, kept: readonly string[]): (data: JsonObject) => JsonObject {
  const { catchall } = schema.def;
  if (catchall !== undefined && isAnything(catchall)) return (data) => parsed(schema, data);
  const others = kept.filter((name) => !Object.hasOwn(schema.shape, name));
  return (data) => {
    const apart = others.filter((name) => data[name] !== undefined);
    if (apart.length === 0) return parsed(schema, data);
    const own: Record<string, Json> = { ...data };
    for (const name of apart) delete own[name];
    return { ...parsed(schema, own), ...Object.fromEntries(apart.map((name) => [name, data[name] as Json])) };
  };
}

/** zod leaves a member `__proto__` out, but artifact events publish members that they do not name as they are. */
function withProto(published: JsonObject, data: JsonObject): JsonObject {
  if (!Object.hasOwn(data, '__proto__')) return published;
  const copy: Record<string, Json> = { ...published };
  setMember(copy, '__proto__', data['__proto__'] as Json);
  return copy;
}

function fitted(data: JsonObject, fits: ReadonlyMap<string, Fit>): JsonObject {
  let copy: Record<string, Json> | null = null;
  for (const [name, value] of Object.entries(data)) {
    if (typeof value !== 'string') continue;
    const fit = fits.get(name);
    const fitting = fit ? fit(value) : value;
    if (fitting === value) continue;
    copy ??= { ...data };
    if (fitting === undefined) delete copy[name];
    else copy[name] = fitting;
  }
  return copy ?? data;
}

function parsed(schema: z.ZodObject, data: JsonObject): JsonObject {
  let result: ReturnType<typeof schema.safeParse>;
  try {
    result = schema.safeParse(data);
  } catch (cause) {
    // A transform or a refinement of the service threw. Its message may quote the value, so it is only the cause.
    const what = cause instanceof Error ? cause.name : typeof cause;
    throw new SchemaError('NOT_AN_EVENT', `data: its schema threw ${what}`, { cause });
  }
  if (!result.success) throw notAnEvent(result.error, data, { prefix: ['data'] });
  return withoutUndefined(result.data) as JsonObject;
}

/** Leaves out members that are undefined, which a schema may return. They count as absent, as in JSON. */
function withoutUndefined(value: unknown, depth = 0): unknown {
  // A value that is no plain object, or has too many levels, is refused when it is printed.
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return value;
  if (Array.isArray(value)) {
    const items = value.map((item: unknown) => (item === undefined ? null : withoutUndefined(item, depth + 1)));
    return items.some((item, i) => item !== value[i]) ? items : value;
  }
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  const members = Object.entries(value).map(([name, member]) => [name, withoutUndefined(member, depth + 1)] as const);
  const isSame = members.every(([name, member]) => member !== undefined && member === (value as JsonObject)[name]);
  return isSame ? value : Object.fromEntries(members.filter(([, member]) => member !== undefined));
}

/** Whether a schema accepts any value, or any values in an object or an array. */
function isFree(schema: z.core.$ZodType): boolean {
  const inner = unwrapped(schema);
  if (isAnything(inner)) return true;
  const def = inner._zod.def as {
    readonly type: string;
    readonly valueType?: z.core.$ZodType;
    readonly element?: z.core.$ZodType;
    readonly catchall?: z.core.$ZodType;
    readonly shape?: Readonly<Record<string, z.core.$ZodType>>;
    readonly getter?: () => z.core.$ZodType;
  };
  if (def.valueType && def.type === 'record') return isFree(def.valueType);
  if (def.element) return isFree(def.element);
  if (def.shape) {
    return def.catchall !== undefined && isAnything(def.catchall) && Object.values(def.shape).every(isFree);
  }
  // z.json(): texts, numbers, booleans, null, arrays and objects of these.
  const options = def.getter?.()._zod.def as { readonly options?: readonly z.core.$ZodType[] } | undefined;
  const types = options?.options?.map((option) => option._zod.def.type) ?? [];
  return ['string', 'array', 'record'].every((type) => types.includes(type as never));
}

function isAnything(schema: z.core.$ZodType): boolean {
  const { type } = schema._zod.def;
  return type === 'unknown' || type === 'any';
}
