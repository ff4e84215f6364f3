/**
 * The bounded deep copy that `emit` makes, so that the caller may change its object afterwards.
 *
 * It reads foreign objects: a getter may throw, a proxy may lie, a cycle may not end. Two bounds limit its work: the
 * size of the largest event, to which each value counts at least the bytes of its JSON text, and the depth of nesting.
 * The bounds are checked before copying: of an object with a million members nothing is copied. It makes no Error
 * objects, which cost more than the copy. It refuses values that JSON does not have, such as a function. Lone surrogates
 * and NaN would take a closer look at each value: stamping refuses them later. Rules of the event type apply here only
 * where they matter for the size.
 */
import { Buffer } from 'node:buffer';
import { MAX_DEPTH, MAX_EVENT_BYTES, type TypeRules } from '@waybill/schema/internal';
import { digitsOf, jsonLike, NO_JSON, NO_ROOM } from './json-like.ts';

export type Copied =
  | {
      readonly ok: true;
      readonly fields: Record<string, unknown>;
      /** Bytes of its JSON text, or one more. */
      readonly bytes: number;
      /** Bytes that V8 needs in addition, for long strings with characters beyond Latin-1. */
      readonly wide: number;
    }
  | { readonly ok: false; readonly reason: 'invalid' | 'too_large'; readonly detail: string; readonly cause?: unknown };

/** The part of an event type's rules that a copy needs. */
export type CopyRules = Pick<TypeRules, 'fits' | 'isFreeForm'>;

interface Walk {
  readonly rules: CopyRules;
  /** Inside a member that the schema leaves open. */
  free: boolean;
  bytesLeft: number;
  wide: number;
  tooLarge: boolean;
  detail: string;
}

/** A string of more characters than this is checked for characters beyond Latin-1. */
const LONG = 1024;

const REFUSED = Symbol('refused');

const NO_RULES: CopyRules = { fits: new Map(), isFreeForm: () => false };

/** Whether an object has more members than an event has space for. Reads only their names. */
export function hasTooManyMembers(object: object): boolean {
  let bytesLeft = MAX_EVENT_BYTES;
  for (const name in object) {
    bytesLeft -= name.length + 3;
    if (bytesLeft < 0) return true;
  }
  return false;
}

/**
 * Never throws. A `time` that is a Date becomes its text. As in JSON, a member that is undefined counts as absent, and
 * an array item that is undefined as null.
 */
export function copyFields(fields: unknown, rules: CopyRules = NO_RULES): Copied {
  const walk: Walk = { rules, free: false, bytesLeft: MAX_EVENT_BYTES, wide: 0, tooLarge: false, detail: '' };
  try {
    if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) {
      return { ok: false, reason: 'invalid', detail: 'the fields are no object' };
    }
    const copy = isPlain(fields) ? copyMembers(fields, walk, 0) : refuse(walk, 'an object that is not plain');
    if (copy !== REFUSED) {
      const bytes = MAX_EVENT_BYTES - walk.bytesLeft;
      return { ok: true, fields: copy as Record<string, unknown>, bytes, wide: walk.wide };
    }
  } catch (cause) {
    return { ok: false, reason: 'invalid', detail: 'reading the fields threw', cause };
  }
  if (walk.tooLarge) return { ok: false, reason: 'too_large', detail: `more than ${MAX_EVENT_BYTES} bytes` };
  return { ok: false, reason: 'invalid', detail: walk.detail };
}

function copyValue(value: unknown, walk: Walk, depth: number): unknown {
  switch (typeof value) {
    case 'string':
      takeString(value, walk);
      return value;
    case 'number':
      walk.bytesLeft -= 2;
      return value;
    case 'boolean':
      walk.bytesLeft -= 5;
      return value;
    case 'object':
      if (value === null) {
        walk.bytesLeft -= 5;
        return value;
      }
      if (depth > MAX_DEPTH) return refuse(walk, `nested more than ${MAX_DEPTH} levels deep`);
      if (Array.isArray(value)) return copyArray(value, walk, depth);
      if (walk.free) return copyFree(value, walk, depth);
      return isPlain(value) ? copyMembers(value, walk, depth) : refuse(walk, 'an object that is not plain');
    case 'undefined':
      return undefined;
    default:
      if (!walk.free) return refuse(walk, `a ${typeof value} is no JSON value`);
      // A function or a symbol counts as absent, as in JSON.
      return typeof value === 'bigint' ? copyReplaced(digitsOf(value), walk, depth) : undefined;
  }
}

function takeString(value: string, walk: Walk): void {
  const { length } = value;
  walk.bytesLeft -= length + 3;
  // Short strings hardly matter, and a string that is too large is refused anyway.
  if (length > LONG && walk.bytesLeft >= 0 && Buffer.byteLength(value) !== length) walk.wide += length;
}

function copyArray(items: readonly unknown[], walk: Walk, depth: number): unknown {
  const { length } = items;
  // Each item takes at least one character and a comma. This also stops `new Array(2 ** 32 - 1)`.
  if (length * 2 > walk.bytesLeft) return refuseSize(walk);
  walk.bytesLeft -= 2;
  const copy: unknown[] = [];
  for (let i = 0; i < length; i++) {
    const item = copyValue(items[i] ?? null, walk, depth + 1) ?? null;
    if (item === REFUSED) return REFUSED;
    if (walk.bytesLeft < 0) return refuseSize(walk);
    copy.push(item);
  }
  return copy;
}

/** Copies a value inside a member that the schema leaves open. */
function copyFree(value: object, walk: Walk, depth: number): unknown {
  // Each item of the result takes at least two bytes.
  const made = jsonLike(value, walk.bytesLeft / 2);
  return made === value ? copyMembers(value, walk, depth) : copyReplaced(made, walk, depth);
}

function copyReplaced(made: unknown, walk: Walk, depth: number): unknown {
  if (made === NO_ROOM) return refuseSize(walk);
  if (made === NO_JSON) return refuse(walk, 'bytes are no JSON value');
  return copyValue(made, walk, depth + 1);
}

function isPlain(object: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(object);
  // An object of another realm has another Object.prototype, which is also the last of its chain.
  return prototype === Object.prototype || prototype === null || Object.getPrototypeOf(prototype) === null;
}

function copyMembers(object: object, walk: Walk, depth: number): unknown {
  walk.bytesLeft -= 2;
  for (const name in object) {
    walk.bytesLeft -= name.length + 3;
    if (walk.bytesLeft < 0) return refuseSize(walk);
  }
  // Spreading is several times faster than copying member by member, reads each getter once, and copies a member
  // `__proto__` like any other. From here on the object is ours.
  const copy: Record<string, unknown> = { ...object };
  for (const name in copy) {
    const value = copy[name];
    if (typeof value === 'string') {
      if (value.length > LONG && depth === 0) copyLong(copy, name, value, walk);
      else takeString(value, walk);
    } else {
      // Not what somebody added to Object.prototype. Checked last, because it costs more than the copy.
      if (!Object.hasOwn(copy, name)) continue;
      if (depth === 0) walk.free = mayNeedJsonForm(value) && walk.rules.isFreeForm(name);
      const time = depth === 0 && name === 'time' && value instanceof Date;
      const member = time ? isoTime(value) : copyValue(value, walk, depth + 1);
      if (member === REFUSED) {
        if (walk.detail !== '' && walk.detail.length < 120) walk.detail = `${walk.detail}, in ${name.slice(0, 64)}`;
        return REFUSED;
      }
      if (member === undefined) leaveOut(copy, name, walk, depth);
      else if (member !== value) define(copy, name, member);
    }
    if (walk.bytesLeft < 0) return refuseSize(walk);
  }
  return copy;
}

/** Whether a value may have to be made JSON. */
function mayNeedJsonForm(value: unknown): boolean {
  return typeof value !== 'number' && typeof value !== 'boolean' && value !== null;
}

/** Shortens a text to its limit, if the type's rules say so, before it takes the space of the whole event. */
function copyLong(copy: Record<string, unknown>, name: string, value: string, walk: Walk): void {
  const fit = walk.rules.fits.get(name);
  const fitting = fit ? fit(value) : value;
  if (fitting === undefined) return leaveOut(copy, name, walk, 0);
  takeString(fitting, walk);
  if (fitting !== value) define(copy, name, fitting);
}

/** Removes a member that is undefined, as JSON does. */
function leaveOut(copy: Record<string, unknown>, name: string, walk: Walk, depth: number): void {
  walk.bytesLeft += name.length + 3;
  // Stamping leaves out undefined fields. Deleting one would make the object slow.
  if (depth === 0) copy[name] = undefined;
  else delete copy[name];
}

/** Plain assignment to `__proto__` would set the prototype. */
function define(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== '__proto__') object[name] = value;
  else Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}

/** An invalid Date becomes a text that the schema refuses, naming the field. */
function isoTime(time: Date): unknown {
  const ms = Date.prototype.getTime.call(time);
  return Number.isFinite(ms) ? new Date(ms).toISOString() : 'Invalid Date';
}

function refuse(walk: Walk, detail: string): typeof REFUSED {
  walk.detail = detail;
  return REFUSED;
}

function refuseSize(walk: Walk): typeof REFUSED {
  walk.tooLarge = true;
  return REFUSED;
}
