import { faultOfOptions, type KnownOptions } from '@waybill/schema/verify';
import { VerifyError } from './errors.ts';

export type { KnownOptions };

/**
 * The first line of every public function that takes options.
 *
 * @throws VerifyError BAD_ARGUMENT naming an unknown option
 */
export function checkOptions(called: string, options: unknown, known: Readonly<Record<string, true>>): void {
  const fault = faultOfOptions(options, known);
  if (fault !== null) throw new VerifyError('BAD_ARGUMENT', `${called}: ${fault}`);
}
