import { faultOfOptions, type KnownOptions } from '@waybill/schema/internal';
import { ConsumerError } from './errors.ts';

export type { KnownOptions };

/**
 * The first line of every public function that takes options.
 *
 * @throws ConsumerError BAD_ARGUMENT naming an unknown option
 */
export function checkOptions(called: string, options: unknown, known: Readonly<Record<string, true>>): void {
  const fault = faultOfOptions(options, known);
  if (fault !== null) throw new ConsumerError('BAD_ARGUMENT', `${called}: ${fault}`);
}
