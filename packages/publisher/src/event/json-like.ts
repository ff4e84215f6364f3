/**
 * What stands in an event for a value that JSON does not have, in members about which the event's schema says nothing: a
 * decision's input is whatever a service has at hand, and must not cost the event. As `JSON.stringify` has it, and beyond
 * that what it throws at or makes nothing of: big integers, maps, sets and errors.
 */
import { types } from 'node:util';

/** More than this has no room in an event. */
export const NO_ROOM = Symbol('no room');
/** Bytes: what JSON makes of them is of no use. */
export const NO_JSON = Symbol('no JSON');

/** About as many bits as an event has room for digits. */
const MAX_BIGINT = 1n << 217_706n;

/** Decimal digits. */
export function digitsOf(value: bigint): string | typeof NO_ROOM {
  // Asked first: printing takes quadratic time.
  return value < MAX_BIGINT && value > -MAX_BIGINT ? String(value) : NO_ROOM;
}

/**
 * One level of it; what is within is the caller's to look at.
 *
 * @param room no more items than this are made
 * @returns the object itself: its own members count
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
    // Without the stack, which names files of the service.
    return { name, message, code, cause };
  }
  // Their `toJSON` has no bound.
  if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) return NO_JSON;
  const { toJSON } = value as { readonly toJSON?: unknown };
  return typeof toJSON === 'function' ? toJSON.call(value, '') : value;
}
