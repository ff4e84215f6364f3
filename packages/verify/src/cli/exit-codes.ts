/** Exit codes of `waybill-verify`, as those of `waybill`: after BSD's sysexits.h. Verdicts have 0 to 4. */
import type { VerifyErrorCode } from '../errors.ts';

export const EXIT_CODES = {
  BAD_ARGUMENT: 64,
  CANNOT_READ: 66,
  CANNOT_WRITE: 74,
} as const satisfies Record<VerifyErrorCode, number>;

/** The exit code for an error that nobody foresaw. */
export const UNFORESEEN = 70;
