import { faultOfOptions } from '@waybill/schema';
import { ConsumerError } from './errors.ts';

/** For the first line of every public function. @throws ConsumerError BAD_ARGUMENT naming what is no option of it */
export function checkOptions(called: string, options: unknown, known: Readonly<Record<string, true>>): void {
  const fault = faultOfOptions(options, known);
  if (fault !== null) throw new ConsumerError('BAD_ARGUMENT', `${called}: ${fault}`);
}
