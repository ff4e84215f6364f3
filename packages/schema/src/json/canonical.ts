/**
 * RFC 8785 (JSON Canonicalization Scheme): the one text of a JSON value, which is hashed.
 *
 * The npm package `canonicalize` is the reference. This is the same function, several times faster, with a limit on
 * nesting and an error that names the place. The platform prints a value whose members are in order already, as in
 * every value that was parsed from a canonical text. `canonical.test.ts` holds this file to the reference and to the
 * RFC's vectors.
 */
import { SchemaError } from '../error.ts';
import type { Json } from './json.ts';

/** The most levels of arrays and objects. A limit makes all implementations agree, whatever the size of their stack. */
export const MAX_DEPTH = 64;

const TOO_DEEP = `has more than ${MAX_DEPTH} levels`;
const LONE_SURROGATE = 'has a lone surrogate';

/** A string of these characters prints as itself between quotes. */
export const UNESCAPED = /^[ !#-[\]-~]*$/;

/**
 * @throws SchemaError NOT_CANONICAL for a value that RFC 8785 cannot express; the message has its place as a JSON
 *   Pointer
 */
export function canonicalJson(value: Json): string {
  if (isInOrder(value, 0)) {
    const text = JSON.stringify(value);
    // One fault is left: JSON.stringify escapes a lone surrogate, which has no canonical form.
    if (!text.includes('\\ud')) return text;
  }
  try {
    return write(value, 0);
  } catch (error) {
    if (!(error instanceof Unprintable)) throw error;
    const place = error.path.length > 8 ? `${error.path.slice(0, 8).join('/')}/…` : error.path.join('/');
    throw new SchemaError('NOT_CANONICAL', `cannot be canonical JSON: /${place} is ${error.message}`, {
      ...(error.rule !== undefined && { rule: error.rule }),
    });
  }
}

/**
 * Whether `JSON.stringify` prints the canonical text of a value, apart from lone surrogates. It prints numbers and
 * strings as RFC 8785 does, and members in the order that they have. false for a value that it would change or leave
 * out.
 */
export function isInOrder(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true;
    case 'number':
      return Number.isFinite(value);
    case 'object':
      if (value === null) return true;
      if (depth === MAX_DEPTH) return false;
      if (Array.isArray(value)) return value.every((item) => isInOrder(item, depth + 1)) && isDense(value);
      return areMembersInOrder(value, depth + 1);
    default:
      return false;
  }
}

function areMembersInOrder(object: object, depth: number): boolean {
  if (Object.getPrototypeOf(object) !== Object.prototype) return false;
  let previous = '';
  for (const name in object) {
    if (name < previous || !isInOrder((object as Record<string, unknown>)[name], depth)) return false;
    previous = name;
  }
  return true;
}

/** Whether an array has no empty slots. `every` passes over them; JSON.stringify prints null for them. */
function isDense(items: readonly unknown[]): boolean {
  for (let i = 0; i < items.length; i++) if (items[i] === undefined) return false;
  return true;
}

function write(value: unknown, depth: number): string {
  switch (typeof value) {
    case 'string':
      return quote(value);
    case 'number':
      if (!Number.isFinite(value)) throw new Unprintable(String(value));
      // RFC 8785 §3.2.2.3 prescribes ECMAScript's Number-to-String, which prints -0 as "0".
      return String(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      if (value === null) return 'null';
      if (depth === MAX_DEPTH) throw new Unprintable(`nested more than ${MAX_DEPTH} levels deep`, TOO_DEEP);
      return Array.isArray(value) ? writeArray(value, depth + 1) : writeObject(value, depth + 1);
    default:
      throw new Unprintable(`a ${typeof value}`);
  }
}

function writeArray(items: readonly unknown[], depth: number): string {
  let out = '[';
  for (let i = 0; i < items.length; i++) {
    if (i > 0) out += ',';
    try {
      out += write(items[i], depth);
    } catch (error) {
      throw below(error, String(i));
    }
  }
  return `${out}]`;
}

function writeObject(object: object, depth: number): string {
  const prototype: unknown = Object.getPrototypeOf(object);
  // A plain object of another realm, such as an iframe, has the Object.prototype of that realm.
  if (prototype !== Object.prototype && prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    throw new Unprintable('an object that is not plain');
  }
  // sort() compares UTF-16 code units: the order of RFC 8785 §3.2.3.
  // oxlint-disable-next-line unicorn/no-array-sort -- nobody else has the array, and a copy costs time
  const names = Object.keys(object).sort();
  let out = '{';
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string;
    if (i > 0) out += ',';
    try {
      out += `${quote(name)}:${write((object as Record<string, unknown>)[name], depth)}`;
    } catch (error) {
      throw below(error, name);
    }
  }
  return `${out}}`;
}

/** RFC 8785 text of a string. @throws Unprintable for a lone surrogate */
function quote(text: string): string {
  if (UNESCAPED.test(text)) return `"${text}"`;
  if (!text.isWellFormed()) throw new Unprintable('a string with a lone surrogate', LONE_SURROGATE);
  return JSON.stringify(text);
}

/** Travels up from a value without a canonical form, and collects its place on the way. */
class Unprintable extends Error {
  readonly path: string[] = [];
  readonly rule: string | undefined;

  /** @param rule given for faults that a value parsed from JSON can have */
  constructor(message: string, rule?: string) {
    super(message);
    this.rule = rule;
  }
}

function below(error: unknown, member: string): unknown {
  if (error instanceof Unprintable) error.path.unshift(member.replaceAll('~', '~0').replaceAll('/', '~1'));
  return error;
}
