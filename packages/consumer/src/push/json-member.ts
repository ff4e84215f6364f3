import { isJsonObject, type Json } from '@waybill/schema/internal';

/** A member of what an engine answered; undefined when it is not there, or the answer is no object. */
export function jsonMember(json: Json | undefined, name: string): Json | undefined {
  return isJsonObject(json) ? json[name] : undefined;
}

/** The same, when it is a text. */
export function textMember(json: Json | undefined, name: string): string | null {
  const value = jsonMember(json, name);
  return typeof value === 'string' ? value : null;
}
