/**
 * The parts that the schemas of built-in types consist of. Each states its rule in fixed words, whatever value it gets.
 * The words stand in records of the `_system` chain, which are hashed, so none of them may come from zod or the
 * platform.
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

/** Milliseconds, with or without a fraction. */
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
