/**
 * Texts that are too long for their place in an event, and what is published instead: an event, and with it a bill, is
 * not lost for a name.
 *
 * A text for people (a name, an e-mail address, a file name, a route, a message) is cut, with a mark. An id is never cut:
 * the beginnings of two ids may be equal. One that is too long is replaced by its SHA-256, which is as unique, and which
 * whoever has the id can compute. Digests and sizes are neither: a wrong one is refused.
 */
import type * as z from 'zod';
import { sha256Hex } from '../hash.ts';
import { MAX_LENGTHS, TRACEPARENT_PATTERN } from './attribute.ts';
import { text as textOf } from './data-rule.ts';
import { isAttributeText, toAttributeText } from './text-rule.ts';

/** @returns undefined: the text is left out, as if it had not been given */
export type Fit = (text: string) => string | undefined;

/** The last character of a text that was cut. */
const MARK = '…';

/** The text, well-formed; one with more than `max` UTF-16 units is cut, never in the middle of a character, and marked. */
export function cutText(text: string, max: number): string {
  if (text.length <= max) return text.toWellFormed();
  const end = max - MARK.length;
  const last = text.charCodeAt(end - 1);
  const isHalf = last >= 0xd8_00 && last <= 0xdb_ff;
  return text.slice(0, isHalf ? end - 1 : end).toWellFormed() + MARK;
}

/** Longer ones are no ids, and hashing them would keep the event loop of who emits: 8 s for the longest string. */
const MAX_HASHED = 1_048_576;

/**
 * The id; one with more than `max` UTF-16 units, or with a character that an attribute may not have, as `sha256:` and its
 * SHA-256 in hexadecimal. One that no system has for an id is left out.
 */
function hashOdd(text: string, max: number): string | undefined {
  if (text.length > MAX_HASHED) return undefined;
  return isAttributeText(text, 1, max) ? text : `sha256:${sha256Hex(text.toWellFormed())}`;
}

/** Longest texts that are cut, by the schema that `displayText` made. */
const cuts = new WeakMap<z.core.$ZodType, number>();

/**
 * The schema of a text that only people read, for the data of `defineEvent`. The publisher cuts a longer one, and leaves
 * out an empty one; whoever reads the event may rely on 1 to `max` characters. It is marked itself, so refine it no further:
 * `displayText(256).optional()` is all there is to add.
 */
export function displayText(max: number): z.ZodString {
  return cutAt(textOf(1, max), max);
}

/** The same for a text that readers have to take when it is empty, too. */
export function emptyOrText(max: number): z.ZodString {
  return cutAt(textOf(0, max), max);
}

function cutAt(schema: z.ZodString, max: number): z.ZodString {
  cuts.set(schema, max);
  return schema;
}

/** What makes a data member's text fit; undefined: it is published as it is, or refused. */
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
