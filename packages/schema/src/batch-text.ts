/**
 * The elements of a JSON array, as the texts that they were sent in: what is kept of a bad one are its own bytes. The
 * array is found to be JSON elsewhere; here only its commas are looked for. batch-text.test.ts holds it to `JSON.parse`.
 */

const SPACE: ReadonlySet<string> = new Set([' ', '\t', '\n', '\r']);

/** Whether a payload is an array if it is JSON: that decides by which limits and which rules it is read. */
export function beginsArray(payload: Uint8Array): boolean {
  for (const byte of payload) {
    if (byte === 0x5b) return true;
    if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d) return false;
  }
  return false;
}

/**
 * @param text begins with `[`, after white space at most; of a text that is no JSON, the answer means nothing
 * @returns the elements without the white space around them; null: there are more than `max`
 */
export function cutElements(text: string, max: number): string[] | null {
  const elements: string[] = [];
  let start = text.indexOf('[') + 1;
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const char = text[at];
    if (char === '"') at = endOfString(text, at);
    else if (char === '[' || char === '{') depth++;
    else if (depth > 0) {
      if (char === ']' || char === '}') depth--;
    } else if (char === ',' || char === ']') {
      const element = trimmed(text, start, at);
      // `[]` has none; any other place without one is no JSON.
      if (element !== '') elements.push(element);
      if (char === ']') return elements;
      if (elements.length === max) return null;
      start = at + 1;
    }
  }
  return elements;
}

/** @returns where its closing quote is */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end > 0 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end < 0 ? text.length : end;
}

/** Whether an odd number of backslashes stands before it. */
function isEscaped(text: string, at: number): boolean {
  let before = at - 1;
  while (text[before] === '\\') before--;
  return (at - before) % 2 === 0;
}

function trimmed(text: string, start: number, end: number): string {
  let [from, to] = [start, end];
  while (from < to && SPACE.has(text[from] as string)) from++;
  while (to > from && SPACE.has(text[to - 1] as string)) to--;
  return text.slice(from, to);
}
