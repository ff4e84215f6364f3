/** What is said of an organization that has no chain: mostly its name is misspelt. */
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { closest } from '@waybill/schema';
import { ConsumerError } from '../errors.ts';
import type { Settings } from '../settings.ts';
import { listOrganizations } from '../ledger/organizations.ts';
import type { CommandContext, Values } from './command.ts';

/** The option of each command that asks for one organization. */
export const MUST_EXIST = { 'must-exist': { type: 'boolean' } } as const;

/** @throws ConsumerError BAD_ARGUMENT when it is asked of all organizations, of which each has a chain */
export function checkMustExist(values: Values, orgid: string | null): void {
  if (orgid === null && values.flag('must-exist'))
    throw new ConsumerError('BAD_ARGUMENT', '--must-exist needs --org: every organization of --all has a chain');
}

/** Says it in a note. @throws ConsumerError NO_CHAIN with --must-exist */
export async function sayNoChain(
  { values, output }: CommandContext,
  nc: NatsConnection,
  { settings, orgid }: { readonly settings: Settings; readonly orgid: string },
): Promise<void> {
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  const near = nearest(orgid, await listOrganizations(jsm, settings));
  const message = `there is no chain of ${orgid}${near === null ? '' : `; there is one of ${near}`}`;
  if (values.flag('must-exist')) throw new ConsumerError('NO_CHAIN', message);
  output.note(`waybill: ${message}`);
}

/** Capitals, dashes and underscores are what is misspelt most. */
function nearest(orgid: string, there: readonly string[]): string | null {
  const plain = (text: string): string => text.toLowerCase().replaceAll(/[-_]/g, '');
  const same = there.find((one) => plain(one) === plain(orgid));
  return same ?? closest(orgid, there, Math.min(2, Math.floor(orgid.length / 3)));
}
