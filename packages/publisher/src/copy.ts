/**
 * The bounded deep copy that `emit` takes, so that what the caller does to its object afterwards is not seen.
 *
 * It reads foreign objects: a getter may throw, a proxy may lie, a cycle may not end. Its work is bounded by the
 * largest event (each value counts at least the bytes that JSON text needs for it) and by nesting, and it makes no
 * Error objects, which cost more than the copy. What JSON cannot express is refused here or, where that needs a look
 * at every character (lone surrogates, NaN), by `stampEvent` later.
 */
import { Buffer } from 'node:buffer';
import { MAX_DEPTH, MAX_EVENT_BYTES } from '@waybill/schema';

export type Copied =
  | {
      readonly ok: true;
      readonly fields: Record<string, unknown>;
      /** About the bytes of its JSON text: at most one more. */
      readonly bytes: number;
      /** What V8 needs beyond that for long strings with characters beyond Latin-1. */
      readonly wide: number;
    }
  | { readonly ok: false; readonly reason: 'invalid' | 'too_large'; readonly detail: string; readonly cause?: unknown };

interface Walk {
  bytesLeft: number;
  wide: number;
  tooLarge: boolean;
  detail: string;
}

/** Characters of a string whose width is looked at. */
const LONG = 1024;

const REFUSED = Symbol('refused');

/** Never throws. A `time` that is a Date becomes its text; a top-level member that is undefined counts as absent. */
export function copyFields(fields: unknown): Copied {
  const walk: Walk = { bytesLeft: MAX_EVENT_BYTES, wide: 0, tooLarge: false, detail: '' };
  try {
    if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) {
      return { ok: false, reason: 'invalid', detail: 'the fields are no object' };
    }
    const copy = copyObject(fields, walk, 0);
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
      return Array.isArray(value) ? copyArray(value, walk, depth) : copyObject(value, walk, depth);
    default:
      return refuse(walk, `a ${typeof value} is no JSON value`);
  }
}

function takeString(value: string, walk: Walk): void {
  const { length } = value;
  walk.bytesLeft -= length + 3;
  // Short ones are not worth a look; what is too large is not looked at.
  if (length > LONG && walk.bytesLeft >= 0 && Buffer.byteLength(value) !== length) walk.wide += length;
}

function copyArray(items: readonly unknown[], walk: Walk, depth: number): unknown {
  const { length } = items;
  // Each item has at least one character and a comma; this also stops `new Array(2 ** 32 - 1)`.
  if (length * 2 > walk.bytesLeft) return refuseSize(walk);
  walk.bytesLeft -= 2;
  const copy: unknown[] = [];
  for (let i = 0; i < length; i++) {
    const item = copyValue(items[i], walk, depth + 1);
    if (item === REFUSED) return REFUSED;
    if (walk.bytesLeft < 0) return refuseSize(walk);
    copy.push(item);
  }
  return copy;
}

function copyObject(object: object, walk: Walk, depth: number): unknown {
  const prototype: unknown = Object.getPrototypeOf(object);
  // An object of another realm has another Object.prototype, which is also the last of its chain.
  const plain = prototype === Object.prototype || prototype === null || Object.getPrototypeOf(prototype) === null;
  if (!plain) return refuse(walk, 'an object that is not plain');
  walk.bytesLeft -= 2;
  // Spreading is several times faster than copying member by member, reads each getter once, and takes a member
  // `__proto__` as any other. From here on the object is ours.
  const copy: Record<string, unknown> = { ...object };
  for (const name in copy) {
    const value = copy[name];
    if (depth === 0 && value === undefined) continue;
    walk.bytesLeft -= name.length + 3;
    if (typeof value === 'string') takeString(value, walk);
    else {
      // What somebody added to Object.prototype is none of ours; asked late, because it costs more than the copy.
      if (!Object.hasOwn(copy, name)) continue;
      const time = depth === 0 && name === 'time' && value instanceof Date;
      const member = time ? isoTime(value) : copyValue(value, walk, depth + 1);
      if (member === REFUSED) {
        if (walk.detail !== '' && walk.detail.length < 120) walk.detail = `${walk.detail}, in ${name.slice(0, 64)}`;
        return REFUSED;
      }
      if (member !== value) define(copy, name, member);
    }
    if (walk.bytesLeft < 0) return refuseSize(walk);
  }
  return copy;
}

/** Plain assignment to `__proto__` would set the prototype. */
function define(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== '__proto__') object[name] = value;
  else Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}

/** An invalid Date stays what it is, for the schema to refuse it with its name. */
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
