import { ORGID_PATTERN, SYSTEM_CHAIN } from '@waybill/schema';
import { ConsumerError } from './errors.ts';

/** @param name of the argument, for the message. @throws ConsumerError BAD_ARGUMENT when no chain can have this name */
export function checkChainName(name: string, orgid: string): void {
  if (orgid === SYSTEM_CHAIN || ORGID_PATTERN.test(orgid)) return;
  throw new ConsumerError(
    'BAD_ARGUMENT',
    `${name} is ${JSON.stringify(orgid)}: expected ${ORGID_PATTERN.source} or ${SYSTEM_CHAIN}`,
  );
}

/** The same for an organization, which `_system` is not. */
export function checkOrganization(name: string, orgid: string): void {
  if (ORGID_PATTERN.test(orgid)) return;
  throw new ConsumerError('BAD_ARGUMENT', `${name} is ${JSON.stringify(orgid)}: expected ${ORGID_PATTERN.source}`);
}
