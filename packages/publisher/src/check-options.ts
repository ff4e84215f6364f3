import { faultOfOptions } from '@waybill/schema/internal';
import { PublisherError } from './error.ts';

/** Every factory calls it first. @throws PublisherError INVALID_OPTIONS naming a member that is no option */
export function checkOptions(factory: string, options: unknown, known: Readonly<Record<string, true>>): void {
  const fault = faultOfOptions(options, known);
  if (fault !== null) throw new PublisherError('INVALID_OPTIONS', `${factory}: ${fault}`);
}

type Kind = 'string' | 'boolean' | 'number' | 'function' | 'object';

/**
 * Checks options that take one kind of value. A configuration or JavaScript may pass anything, and a hook that is no
 * function would never be called.
 *
 * @throws PublisherError INVALID_OPTIONS naming the option and the kind that it got, never its value
 */
export function checkKinds<Options extends object>(
  factory: string,
  options: Options,
  kinds: Readonly<Partial<Record<keyof Options, Kind>>>,
): void {
  for (const name of Object.keys(kinds) as (keyof Options & string)[]) {
    const value: unknown = options[name];
    if (value === undefined || (typeof value === kinds[name] && value !== null)) continue;
    throw badKind(factory, name, value, `${kinds[name] === 'object' ? 'an' : 'a'} ${kinds[name]}`);
  }
}

/** @throws PublisherError INVALID_OPTIONS */
export function checkLogger(factory: string, logger: unknown): void {
  if (logger === undefined) return;
  const { info, warn } = (logger ?? {}) as Record<string, unknown>;
  if (typeof info !== 'function' || typeof warn !== 'function') {
    throw badKind(factory, 'logger', logger, 'an object with info and warn');
  }
}

export function badKind(factory: string, name: string, value: unknown, expected: string): PublisherError {
  return new PublisherError('INVALID_OPTIONS', `${factory}: ${name} is ${kindOf(value)}, expected ${expected}`);
}

/** Describes a value without showing it: a value in the wrong place may be a secret. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return 'another array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
