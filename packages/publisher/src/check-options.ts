import { faultOfOptions } from '@waybill/schema';
import { PublisherError } from './error.ts';

/** For the first line of every factory. @throws PublisherError INVALID_OPTIONS naming what is no option of it */
export function checkOptions(factory: string, options: unknown, known: Readonly<Record<string, true>>): void {
  const fault = faultOfOptions(options, known);
  if (fault !== null) throw new PublisherError('INVALID_OPTIONS', `${factory}: ${fault}`);
}
