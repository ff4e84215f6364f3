/**
 * Cuts a JSON array into the texts of its elements, as they were sent. The bytes of a bad element are kept in the
 * ledger, so they must be the sender's own. Whether the array is JSON is checked elsewhere; this file only finds the
 * commas. `batch-text.test.ts` holds it to `JSON.parse`.
 */

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

function isSpace(unit: number | undefined): boolean {
  return unit === 0x20 || unit === 0x09 || unit === 0x0a || unit === 0x0d;
}

/** Whether a payload is an array, if it is JSON at all. That decides which limits and rules hold for it. */
export function beginsArray(payload: Uint8Array): boolean {
  let at = 0;
  while (isSpace(payload[at])) at++;
  return payload[at] === OPEN_ARRAY;
}

/**
 * @param text begins with `[`, or white space and `[`. If it is no JSON, the result has no meaning
 * @returns the elements without white space around them; null: there are more than `max`
 */
export function cutElements(text: string, max: number): string[] | null {
  const elements: string[] = [];
  let start = text.indexOf('[') + 1;
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === QUOTE) at = endOfString(text, at);
    else if (unit === OPEN_ARRAY || unit === OPEN_OBJECT) depth++;
    else if (depth > 0) {
      if (unit === CLOSE_ARRAY || unit === CLOSE_OBJECT) depth--;
    } else if (unit === COMMA || unit === CLOSE_ARRAY) {
      const element = trimmed(text, start, at);
      // `[]` has no element. Any other empty place means that the text is no JSON.
      if (element !== '') elements.push(element);
      if (unit === CLOSE_ARRAY) return elements;
      if (elements.length === max) return null;
      start = at + 1;
    }
  }
  return elements;
}

/** @returns the place of the closing quote */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end > 0 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end < 0 ? text.length : end;
}

/** Whether an odd number of backslashes stands before a place. */
function isEscaped(text: string, at: number): boolean {
  let before = at - 1;
  while (text.charCodeAt(before) === BACKSLASH) before--;
  return (at - before) % 2 === 0;
}

function trimmed(text: string, start: number, end: number): string {
  let [from, to] = [start, end];
  while (from < to && isSpace(text.charCodeAt(from))) from++;
  while (to > from && isSpace(text.charCodeAt(to - 1))) to--;
  return text.slice(from, to);
}
