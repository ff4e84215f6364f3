/**
 * Why a value is refused. The union is closed: `docs/reference/errors.md` lists exactly these codes.
 *
 * - `NOT_JSON`: bytes that are not UTF-8, or text that is not JSON
 * - `NOT_EXACT`: JSON whose meaning parsing would change (a number that a double cannot hold, a member twice)
 * - `NOT_CANONICAL`: a value that RFC 8785 cannot express (a lone surrogate, NaN, undefined, too many levels)
 * - `NOT_AN_EVENT`: JSON that is no event, because an attribute is missing or wrong
 * - `TOO_LARGE`: an event whose JSON text has more than `MAX_EVENT_BYTES`
 * - `NOT_AN_ENTRY`: text that is no ledger entry
 * - `NOT_A_BLOCK`: a message that is no ledger block
 * - `NOT_A_BILL`: text that is no bill, or parts that make none
 * - `NEWER_VERSION`: an entry, a block or a bill of a version that this code does not know
 * - `BAD_DEFINITION`: `defineEvent()` was called with a type or a data shape that cannot work
 * - `BAD_SUBJECT`: a subject or a subject prefix that breaks the subject rules
 */
export const SCHEMA_ERROR_CODES = [
  'NOT_JSON',
  'NOT_EXACT',
  'NOT_CANONICAL',
  'NOT_AN_EVENT',
  'TOO_LARGE',
  'NOT_AN_ENTRY',
  'NOT_A_BLOCK',
  'NOT_A_BILL',
  'NEWER_VERSION',
  'BAD_DEFINITION',
  'BAD_SUBJECT',
] as const;

export type SchemaErrorCode = (typeof SCHEMA_ERROR_CODES)[number];

export interface SchemaErrorOptions extends ErrorOptions {
  readonly rule?: string;
}

/** The only error class of `@waybill/schema`. `code` says the kind of fault; `message` names the field. */
export class SchemaError extends Error {
  override readonly name = 'SchemaError';
  readonly code: SchemaErrorCode;
  /**
   * The broken rule in fixed words. They contain nothing of the value and nothing of the platform's error, so they can
   * be part of a hashed record. Only errors about messages have a rule.
   */
  readonly rule: string | undefined;

  constructor(code: SchemaErrorCode, message: string, options?: SchemaErrorOptions) {
    super(message, options);
    this.code = code;
    this.rule = options?.rule;
  }
}

/** Refuses a message in fixed words. @throws SchemaError NOT_AN_EVENT */
export function refuse(rule: string): never {
  throw new SchemaError('NOT_AN_EVENT', rule, { rule });
}

/**
 * A name or a part of a definition, as an error message shows it: JSON of at most 80 characters, well-formed. Never
 * throws. Do not use it for a value of an event, which may be a secret in the wrong field; use `kindOf`.
 */
export function show(value: unknown): string {
  let text: string;
  try {
    text = typeof value === 'bigint' ? `${value}n` : (JSON.stringify(value) ?? String(value));
  } catch {
    text = Object.prototype.toString.call(value);
  }
  // The cut may divide a surrogate pair, and an error message may become part of an entry.
  return (text.length > 80 ? `${text.slice(0, 77)}...` : text).toWellFormed();
}

/**
 * Refuses a text that is not JSON.
 *
 * @param cause the error of `JSON.parse`. Only its position is kept, because its message quotes the text, which may
 *   contain secrets
 * @throws SchemaError NOT_JSON
 */
export function refuseJson(cause: unknown): never {
  const at = /at position \d+/.exec((cause as Error).message)?.[0];
  throw new SchemaError('NOT_JSON', at === undefined ? 'is not JSON' : `is not JSON ${at}`, { rule: 'is not JSON' });
}

/** A value of an event, as an error message names it: its kind and its length, and nothing of its content. */
export function kindOf(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  if (typeof value === 'string') return `a string of ${value.length} characters`;
  if (Array.isArray(value)) return `an array of ${value.length} items`;
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
