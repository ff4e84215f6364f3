/** What a principal may see. Decided before anything is read: what may not be seen costs the same as what is not there. */
import { ConsumerError } from '../errors.ts';
import { checkOrganization } from '../ledger/chain-name.ts';
import type { Principal } from '../access/principal.ts';

/** Whoever may see all organizations may see the chains that belong to none. */
export function maySee({ organizations }: Principal, orgid: string): boolean {
  return organizations === 'all' || organizations.has(orgid);
}

/** The answer to a question about what is not there, and about what may not be seen. */
export function noOrganization(orgid: string): ConsumerError {
  return new ConsumerError('NOT_FOUND', `there is no organization ${orgid}, or it may not be seen`);
}

/**
 * Which organizations a question is about.
 *
 * @param list names separated by commas; undefined: all
 * @returns sorted; undefined: all there are
 * @throws ConsumerError BAD_ARGUMENT for what can be no organization
 */
export function visibleOf({ organizations }: Principal, list: string | undefined): string[] | undefined {
  const named = list?.split(',');
  for (const orgid of named ?? []) checkOrganization('organizations', orgid);
  if (organizations === 'all') return named;
  const wanted = named === undefined ? [...organizations] : named.filter((orgid) => organizations.has(orgid));
  return [...new Set(wanted)].toSorted(byName);
}

/** By UTF-16 units, as everywhere. */
function byName(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
