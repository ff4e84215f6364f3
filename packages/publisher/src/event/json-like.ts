/**
 * What replaces a value that JSON does not have, in members that the event's schema leaves open. A decision's input is
 * whatever the service has at hand, and must not make the event invalid. Values are replaced as `JSON.stringify` does
 * it; big integers, maps, sets and errors, at which it throws or of which it keeps nothing, are replaced as well.
 */
import { types } from 'node:util';

/** The value is larger than an event. */
export const NO_ROOM = Symbol('no room');
/** Bytes. JSON's text of them is useless. */
export const NO_JSON = Symbol('no JSON');

/** A number with about as many digits as an event has bytes. */
const MAX_BIGINT = 1n << 217_706n;

/** Decimal digits. */
export function digitsOf(value: bigint): string | typeof NO_ROOM {
  // Checked first, because printing takes quadratic time.
  return value < MAX_BIGINT && value > -MAX_BIGINT ? String(value) : NO_ROOM;
}

/**
 * Replaces one level. The caller looks at what is inside.
 *
 * @param room the most items that are made
 * @returns the object itself, if its own members count
 */
export function jsonLike(value: object, room: number): unknown {
  if (types.isDate(value)) {
    const ms = Date.prototype.getTime.call(value);
    return Number.isFinite(ms) ? new Date(ms).toISOString() : null;
  }
  if (types.isMap(value)) {
    if (value.size > room) return NO_ROOM;
    const entries = [...Map.prototype.entries.call(value)] as [unknown, unknown][];
    return entries.every(([key]) => typeof key === 'string')
      ? Object.fromEntries(entries as [string, unknown][])
      : entries;
  }
  if (types.isSet(value)) return value.size > room ? NO_ROOM : [...Set.prototype.values.call(value)];
  if (types.isNativeError(value)) {
    const { name, message, code, cause } = value as Error & { readonly code?: unknown };
    // Without the stack, which names the service's files.
    return { name, message, code, cause };
  }
  // The `toJSON` of a Buffer has no bound.
  if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) return NO_JSON;
  const { toJSON } = value as { readonly toJSON?: unknown };
  return typeof toJSON === 'function' ? toJSON.call(value, '') : value;
}
