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

/**
 * A name or a part of a definition as an error message shows it: JSON, cut at 80 characters, well-formed, never throwing.
 * Never for a value of an event, which may be a secret that came to the wrong place: that is `kindOf`.
 */
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

/**
 * A text that is not JSON. @param cause what `JSON.parse` threw: only the position is kept of it, because it quotes the
 * text, which may have secrets in it. @throws SchemaError NOT_JSON
 */
export function refuseJson(cause: unknown): never {
  const at = /at position \d+/.exec((cause as Error).message)?.[0];
  throw new SchemaError('NOT_JSON', at === undefined ? 'is not JSON' : `is not JSON ${at}`, { rule: 'is not JSON' });
}

/** A value of an event as an error message names it: what kind of value, how long, and nothing of what it is. */
export function kindOf(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  if (typeof value === 'string') return `a string of ${value.length} characters`;
  if (Array.isArray(value)) return `an array of ${value.length} items`;
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
