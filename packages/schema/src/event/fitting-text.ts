/**
 * Makes texts fit that are too long for their field. No event, and so no part of a bill, is lost because of a name.
 *
 * A text for people (a name, an e-mail address, a file name, a route, a message) is cut, with a mark. An id is never
 * cut, because two ids may begin alike. An id that is too long is replaced by its SHA-256, which is as unique, and
 * which everybody who has the id can compute. Digests and sizes are neither: a wrong one is refused.
 */
import type * as z from 'zod';
import { sha256Hex } from '../hash.ts';
import { MAX_LENGTHS, TRACEPARENT_PATTERN } from './attribute.ts';
import { text as textOf } from './data-rule.ts';
import { isAttributeText, toAttributeText } from './text-rule.ts';

/** Makes a text fit. @returns undefined: the text is left out, as if it had not been given */
export type Fit = (text: string) => string | undefined;

/** The last character of a text that was cut. */
const MARK = '…';

/** The text, well-formed. If it has more than `max` UTF-16 units, it is cut between two characters and marked. */
export function cutText(text: string, max: number): string {
  if (text.length <= max) return text.toWellFormed();
  const end = max - MARK.length;
  const last = text.charCodeAt(end - 1);
  const isHalf = last >= 0xd8_00 && last <= 0xdb_ff;
  return text.slice(0, isHalf ? end - 1 : end).toWellFormed() + MARK;
}

/** A longer text is no id. Hashing the longest possible string would block the event loop of the service for 8 s. */
const MAX_HASHED = 1_048_576;

/**
 * The id. If it has more than `max` UTF-16 units, or a character that an attribute may not have: `sha256:` and its
 * SHA-256 in hexadecimal. A text that is too long to be an id is left out.
 */
function hashOdd(text: string, max: number): string | undefined {
  if (text.length > MAX_HASHED) return undefined;
  return isAttributeText(text, 1, max) ? text : `sha256:${sha256Hex(text.toWellFormed())}`;
}

/** The maximum length of each schema that `displayText` or `emptyOrText` made. */
const cuts = new WeakMap<z.core.$ZodType, number>();

/**
 * The schema of a text that only people read, for the data of `defineEvent`. The publisher cuts a longer text and
 * leaves out an empty one, so a reader of the event can rely on 1 to `max` UTF-16 units.
 *
 * The schema object itself is remembered. Wrap it (`displayText(256).optional()`), but do not refine it, which would
 * make another object.
 */
export function displayText(max: number): z.ZodString {
  return cutAt(textOf(1, max), max);
}

/** The same for a text that readers must also accept when it is empty. */
export function emptyOrText(max: number): z.ZodString {
  return cutAt(textOf(0, max), max);
}

function cutAt(schema: z.ZodString, max: number): z.ZodString {
  cuts.set(schema, max);
  return schema;
}

/** The function that makes the text of a data member fit; undefined: the text is published as it is, or refused. */
export function fitOf(schema: z.core.$ZodType): Fit | undefined {
  const max = cuts.get(unwrapped(schema));
  return max === undefined ? undefined : (text) => (text === '' ? undefined : cutText(text, max));
}

/** The schema within `optional()`, `nullable()`, `default()` and so on. */
export function unwrapped(schema: z.core.$ZodType): z.core.$ZodType {
  const { innerType } = schema._zod.def as { readonly innerType?: z.core.$ZodType };
  return innerType === undefined ? schema : unwrapped(innerType);
}

type Cuttable = 'actorname' | 'actoremail';
type Identifying = 'actorid' | 'subject' | 'runid' | 'decisionid';

const cut = (name: Cuttable): [string, Fit] => [
  name,
  (text) => (text === '' ? undefined : cutText(toAttributeText(text), MAX_LENGTHS[name])),
];
const hashed = (name: Identifying): [string, Fit] => [
  name,
  (text) => (text === '' ? undefined : hashOdd(text, MAX_LENGTHS[name])),
];

/**
 * The same for attributes. A client that says who it is must not be able to choose a name that costs the event, and so
 * the bill.
 */
export const ATTRIBUTE_FITS: ReadonlyMap<string, Fit> = new Map([
  cut('actorname'),
  cut('actoremail'),
  hashed('actorid'),
  hashed('subject'),
  hashed('runid'),
  hashed('decisionid'),
  // W3C Trace Context: a header that cannot be parsed counts as absent.
  ['traceparent', (text) => (TRACEPARENT_PATTERN.test(text) ? text : undefined)],
]);
