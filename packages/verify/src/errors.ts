/**
 * Why a file could not be judged. The union is closed; `docs/reference/errors.md` lists exactly these codes. What is
 * wrong within a file is no error: it is a verdict.
 *
 * - `BAD_ARGUMENT`: a function or the command was called with a value that cannot be used, or with files that do not go
 *   together
 * - `CANNOT_READ`: a file cannot be read, or is compressed
 * - `CANNOT_WRITE`: the standard output takes no more
 */
export const VERIFY_ERROR_CODES = ['BAD_ARGUMENT', 'CANNOT_READ', 'CANNOT_WRITE'] as const;

export type VerifyErrorCode = (typeof VERIFY_ERROR_CODES)[number];

/** The one error class of `@waybill/verify`; the message says what was attempted and with which value. */
export class VerifyError extends Error {
  override readonly name = 'VerifyError';
  readonly code: VerifyErrorCode;

  constructor(code: VerifyErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
