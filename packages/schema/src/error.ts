/**
 * Why a value was refused. The union is closed: `docs/errors.md` lists exactly these.
 *
 * - `NOT_JSON`: bytes that are not UTF-8, or text that is not JSON
 * - `NOT_EXACT`: JSON whose meaning would change by parsing it (a number beyond a double, a doubled member)
 * - `NOT_CANONICAL`: a value that RFC 8785 cannot express (lone surrogate, NaN, undefined, too deep)
 * - `NOT_AN_EVENT`: JSON that is no event: an attribute is missing or wrong
 * - `TOO_LARGE`: an event whose JSON text has more than `MAX_EVENT_BYTES`
 * - `NOT_AN_ENTRY`: text that is no ledger entry
 * - `NOT_A_BLOCK`: a message that is no ledger block
 * - `NEWER_VERSION`: an entry or a block of a version that this code does not know
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
  'NEWER_VERSION',
  'BAD_DEFINITION',
  'BAD_SUBJECT',
] as const;

export type SchemaErrorCode = (typeof SCHEMA_ERROR_CODES)[number];

export interface SchemaErrorOptions extends ErrorOptions {
  readonly rule?: string;
}

/** The one error class of `@waybill/schema`; `code` says what kind, `message` names the field and the value. */
export class SchemaError extends Error {
  override readonly name = 'SchemaError';
  readonly code: SchemaErrorCode;
  /**
   * The rule that was broken, in fixed words of ours: nothing of the value and nothing of the platform's is in it, so it
   * may stand in what is hashed. Only errors about messages have one.
   */
  readonly rule: string | undefined;

  constructor(code: SchemaErrorCode, message: string, options?: SchemaErrorOptions) {
    super(message, options);
    this.code = code;
    this.rule = options?.rule;
  }
}

/** Refuses a message, in fixed words. @throws SchemaError NOT_AN_EVENT */
export function refuse(rule: string): never {
  throw new SchemaError('NOT_AN_EVENT', rule, { rule });
}

/** A value as an error message shows it: JSON, cut at 80 characters, well-formed, never throwing. */
export function show(value: unknown): string {
  let text: string;
  try {
    text = typeof value === 'bigint' ? `${value}n` : (JSON.stringify(value) ?? String(value));
  } catch {
    text = Object.prototype.toString.call(value);
  }
  // The cut may go through a surrogate pair, and a message may become part of an entry.
  return (text.length > 80 ? `${text.slice(0, 77)}...` : text).toWellFormed();
}
