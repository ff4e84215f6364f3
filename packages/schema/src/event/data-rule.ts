/**
 * The rules that the data of built-in types is made of. Each says what it wants in fixed words, whatever it was given:
 * they stand in `_system` records, which are hashed, so no word of zod's or of the platform's may get in.
 */
import * as z from 'zod';
import { hasLength } from './text-rule.ts';

export function text(min: number, max: number) {
  const error = `a string of ${min} to ${max} UTF-16 units`;
  return z.string({ error }).refine((value) => hasLength(value, min, max), { error });
}

export function integer(min: number, max = Number.MAX_SAFE_INTEGER) {
  const error = `an integer from ${min} to ${max}`;
  return z.number({ error }).refine((value) => Number.isSafeInteger(value) && value >= min && value <= max, { error });
}

/** Milliseconds; the fraction may be given. */
export function durationMs() {
  const error = `a number from 0 to ${Number.MAX_SAFE_INTEGER}`;
  return z.number({ error }).refine((value) => value >= 0 && value <= Number.MAX_SAFE_INTEGER, { error });
}

export function flag() {
  return z.boolean({ error: 'a boolean' });
}

export function matching(pattern: RegExp, error: string) {
  return z.string({ error }).refine((value) => pattern.test(value), { error });
}

export function object() {
  return z.looseObject({}, { error: 'an object' });
}
