/** Rules for text: how its length is counted, and which characters an attribute may have. */

/** Whether a length is within limits. In every rule of the format, lengths are in UTF-16 code units. */
export function hasLength(text: string, min: number, max: number): boolean {
  return text.length >= min && text.length <= max;
}

export function isNonEmptyText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

/**
 * What CloudEvents forbids in a string: control characters, lone surrogates, noncharacters.
 * https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#type-system
 */
const FORBIDDEN = /[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/u;
const EACH_FORBIDDEN = new RegExp(FORBIDDEN, 'gu');

/** Whether a text may stand in an attribute that our publisher writes. */
export function isAttributeText(text: string, min: number, max: number): boolean {
  return hasLength(text, min, max) && !FORBIDDEN.test(text);
}

/** The same text with U+FFFD in place of each character that an attribute may not have. */
export function toAttributeText(text: string): string {
  return FORBIDDEN.test(text) ? text.replaceAll(EACH_FORBIDDEN, '\u{fffd}') : text;
}
