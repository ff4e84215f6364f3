import { isChainName, ORGID_PATTERN, SYSTEM_CHAIN, UNATTRIBUTED_CHAIN } from '@waybill/schema';
import { ConsumerError } from '../errors.ts';

/** @param name of the argument, for the message. @throws ConsumerError BAD_ARGUMENT when no chain can have this name */
export function checkChainName(name: string, orgid: string): void {
  if (isChainName(orgid)) return;
  throw new ConsumerError(
    'BAD_ARGUMENT',
    `${name} is ${JSON.stringify(orgid)}: expected ${ORGID_PATTERN.source}, ${SYSTEM_CHAIN} or ${UNATTRIBUTED_CHAIN}`,
  );
}

/** The same for an organization, which `_system` and `_unattributed` are not. */
export function checkOrganization(name: string, orgid: string): void {
  if (ORGID_PATTERN.test(orgid)) return;
  throw new ConsumerError('BAD_ARGUMENT', `${name} is ${JSON.stringify(orgid)}: expected ${ORGID_PATTERN.source}`);
}
