/**
 * Whether a text is canonical JSON, without parsing and printing it: one pass over its bytes, without an allocation.
 *
 * It knows ASCII without escapes and at most 32 levels, which is nearly every text. Of any other text it says nothing,
 * and parsing and printing (`json/canonical.ts`) decides. It never accepts a text that is not canonical:
 * `is-canonical.test.ts` tries to make it do so.
 */

const MAX_KNOWN_DEPTH = 32;
const scratch = new Uint8Array(65_536);
const encoder = new TextEncoder();

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** 1 for bytes that print as themselves in a string: ASCII but control characters, the quote and the backslash. */
const PLAIN = new Uint8Array(256);
for (let byte = 0x20; byte < 0x80; byte++) PLAIN[byte] = byte === QUOTE || byte === 0x5c ? 0 : 1;

/** 1 for bytes that numbers are made of. */
const NUMERIC = new Uint8Array(256);
for (const char of '0123456789+-.eE') NUMERIC[char.charCodeAt(0)] = 1;

/** For each open object, where the name before this one begins and ends. -1: there is none. */
const nameStart = new Int32Array(MAX_KNOWN_DEPTH + 1);
const nameEnd = new Int32Array(MAX_KNOWN_DEPTH + 1);
/** For each depth: 1 when the open value is an object, 0 when it is an array. */
const isObject = new Uint8Array(MAX_KNOWN_DEPTH + 1);

/** @returns true: the text is the RFC 8785 text of a JSON value; false: it is not, or it is not known here */
export function isCertainlyCanonical(text: string): boolean {
  // The text ends with a byte that fits nowhere, so no loop runs beyond it.
  if (text.length >= scratch.length) return false;
  if (encoder.encodeInto(text, scratch).written !== text.length) return false;
  const end = text.length;
  scratch[end] = 0;
  let at = 0;
  let depth = 0;
  for (;;) {
    // Here begins a value, or the end of an empty object or array.
    let byte = scratch[at] as number;
    if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      if (++depth > MAX_KNOWN_DEPTH) return false;
      at++;
      isObject[depth] = byte === OPEN_OBJECT ? 1 : 0;
      // In ASCII the closing bracket is the opening one plus 2.
      if (scratch[at] !== byte + 2) {
        if (byte === OPEN_ARRAY) continue;
        nameStart[depth] = -1;
        at = readName(at, depth);
        if (at < 0) return false;
        continue;
      }
    } else if (byte === QUOTE) {
      at++;
      while (PLAIN[scratch[at] as number] === 1) at++;
      if (scratch[at] !== QUOTE) return false;
      at++;
    } else {
      at = NUMERIC[byte] === 1 ? endOfNumber(text, at) : endOfLiteral(text, at);
      if (at < 0) return false;
    }
    // A value has ended here, or an empty one is about to. Close what closes with it; then the next one begins.
    for (;;) {
      if (depth === 0) return at === end;
      byte = scratch[at++] as number;
      if (byte === COMMA) {
        if (isObject[depth] === 1) {
          at = readName(at, depth);
          if (at < 0) return false;
        }
        break;
      }
      if (byte !== (isObject[depth] === 1 ? CLOSE_OBJECT : CLOSE_ARRAY)) return false;
      depth--;
    }
  }
}

/** @returns where the value begins; -1: the name is not known here, or does not sort after the one before it */
function readName(start: number, depth: number): number {
  if (scratch[start] !== QUOTE) return -1;
  let at = start + 1;
  while (PLAIN[scratch[at] as number] === 1) at++;
  if (scratch[at] !== QUOTE || scratch[at + 1] !== COLON) return -1;
  const before = nameStart[depth] as number;
  if (before >= 0 && !isAfter(before, nameEnd[depth] as number, start + 1, at)) return -1;
  nameStart[depth] = start + 1;
  nameEnd[depth] = at;
  return at + 2;
}

/** Whether the second name sorts after the first. Bytes of ASCII sort as UTF-16 code units do. */
function isAfter(first: number, firstEnd: number, second: number, secondEnd: number): boolean {
  for (let i = 0; ; i++) {
    if (second + i === secondEnd) return false;
    if (first + i === firstEnd) return true;
    const difference = (scratch[second + i] as number) - (scratch[first + i] as number);
    if (difference !== 0) return difference > 0;
  }
}

function endOfNumber(text: string, start: number): number {
  let at = start;
  let isCount = true;
  for (let byte = scratch[at] as number; NUMERIC[byte] === 1; byte = scratch[++at] as number) {
    if (byte < 0x30 || byte > 0x39) isCount = false;
  }
  if (isCount && at - start <= 15 && (scratch[start] !== 0x30 || at - start === 1)) return at;
  const source = text.slice(start, at);
  return String(Number(source)) === source ? at : -1;
}

function endOfLiteral(text: string, start: number): number {
  for (const literal of ['true', 'false', 'null']) if (text.startsWith(literal, start)) return start + literal.length;
  return -1;
}
