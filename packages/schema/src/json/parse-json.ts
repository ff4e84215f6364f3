/**
 * `JSON.parse` without a bug of V8. After some text had a member named `\`, V8 may read the name of another member as
 * `\` when that name is written with an escape (`"\n"`, `"\u0015"`). Node 24 and 26 and browsers of their time have the
 * bug (https://github.com/nodejs/node/issues/63785). A ledger would hash what nobody sent, and any producer could cause
 * that.
 *
 * Only names of members are affected. So for a text with a backslash this file builds the objects itself, from strings
 * that it has parsed one by one.
 */
import { MAX_DEPTH } from './canonical.ts';
import { type Json, setMember } from './json.ts';

/** @throws SyntaxError as `JSON.parse` does */
export function parseJson(text: string): Json {
  // This decides whether the text is JSON. Nothing below has to check it.
  const value = JSON.parse(text) as Json;
  if (!text.includes('\\')) return value;
  const walk = { text, at: 0, tooDeep: false };
  const rebuilt = readValue(walk, 0);
  // A value with so many levels has no canonical form, so nobody hashes it.
  return walk.tooDeep ? value : rebuilt;
}

interface Walk {
  readonly text: string;
  at: number;
  tooDeep: boolean;
}

function readValue(walk: Walk, depth: number): Json {
  const start = skipSpace(walk);
  const char = walk.text[start];
  if (char === '{' || char === '[') {
    // Reads one level more than is allowed, so that printing the value refuses it.
    if (depth > MAX_DEPTH) walk.tooDeep = true;
    if (walk.tooDeep) return null;
    return char === '{' ? readObject(walk, depth + 1) : readArray(walk, depth + 1);
  }
  if (char === '"') return readString(walk);
  walk.at = start + 1;
  while (walk.at < walk.text.length && !ENDS.has(walk.text[walk.at] as string)) walk.at++;
  return JSON.parse(walk.text.slice(start, walk.at)) as Json;
}

/** The characters that can follow a number or a literal. */
const ENDS: ReadonlySet<string> = new Set([',', ']', '}', ' ', '\t', '\n', '\r']);

function readString(walk: Walk): string {
  const start = walk.at;
  walk.at++;
  while (walk.text[walk.at] !== '"') walk.at += walk.text[walk.at] === '\\' ? 2 : 1;
  walk.at++;
  return JSON.parse(walk.text.slice(start, walk.at)) as string;
}

function readArray(walk: Walk, depth: number): Json {
  const items: Json[] = [];
  walk.at++;
  while (!walk.tooDeep && walk.text[skipSpace(walk)] !== ']') {
    items.push(readValue(walk, depth));
    if (walk.text[skipSpace(walk)] === ',') walk.at++;
  }
  walk.at++;
  return items;
}

function readObject(walk: Walk, depth: number): Json {
  const object: Record<string, Json> = {};
  walk.at++;
  while (!walk.tooDeep && walk.text[skipSpace(walk)] !== '}') {
    const name = readString(walk);
    skipSpace(walk);
    walk.at++;
    const value = readValue(walk, depth);
    // Of members with one name the last counts, as in `JSON.parse`.
    setMember(object, name, value);
    if (walk.text[skipSpace(walk)] === ',') walk.at++;
  }
  walk.at++;
  return object;
}

/** @returns where the next token begins */
function skipSpace(walk: Walk): number {
  for (let char = walk.text[walk.at]; char === ' ' || char === '\n' || char === '\t' || char === '\r';)
    char = walk.text[++walk.at];
  return walk.at;
}
