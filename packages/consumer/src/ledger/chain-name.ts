import { isChainName, ORGID_PATTERN, SYSTEM_CHAIN, UNATTRIBUTED_CHAIN } from '@waybill/schema/internal';
import { ConsumerError } from '../errors.ts';

/**
 * Checks the name of a chain: an organization, `_system` or `_unattributed`.
 *
 * @param name of the argument, for the message
 * @throws ConsumerError BAD_ARGUMENT
 */
export function checkChainName(name: string, orgid: string): void {
  if (isChainName(orgid)) return;
  throw new ConsumerError(
    'BAD_ARGUMENT',
    `${name} is ${JSON.stringify(orgid)}: expected ${ORGID_PATTERN.source}, ${SYSTEM_CHAIN} or ${UNATTRIBUTED_CHAIN}`,
  );
}

/** Checks the name of an organization: not `_system` or `_unattributed`. @throws ConsumerError BAD_ARGUMENT */
export function checkOrganization(name: string, orgid: string): void {
  if (ORGID_PATTERN.test(orgid)) return;
  throw new ConsumerError('BAD_ARGUMENT', `${name} is ${JSON.stringify(orgid)}: expected ${ORGID_PATTERN.source}`);
}
