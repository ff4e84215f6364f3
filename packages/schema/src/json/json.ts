/**
 * The `json/` room: canonical and exact JSON, UTF-8, and strings that are kept or shown. Everything that Waybill hashes
 * goes through here. It knows nothing of events.
 *
 * A value that JSON text can hold.
 */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [member: string]: Json;
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Sets a member of an object that is being made. Assignment to `__proto__` would set the prototype. */
export function setMember(object: Record<string, Json>, name: string, value: Json): void {
  if (name !== '__proto__') object[name] = value;
  else Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}
