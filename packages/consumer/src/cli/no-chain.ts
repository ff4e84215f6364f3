/** What a command says about an organization that has no chain. Mostly, its name is misspelt. */
import type { NatsConnection } from '@nats-io/nats-core';
import { ConsumerError } from '../errors.ts';
import type { Settings } from '../settings.ts';
import { similarOrganization } from '../ledger/organizations.ts';
import type { CommandContext, Values } from './command.ts';

/** The option of each command that asks about one organization. */
export const MUST_EXIST = { 'must-exist': { type: 'boolean' } } as const;

/** @throws ConsumerError BAD_ARGUMENT when the option is given with --all */
export function checkMustExist(values: Values, orgid: string | null): void {
  if (orgid === null && values.flag('must-exist'))
    throw new ConsumerError('BAD_ARGUMENT', '--must-exist needs --org: every organization of --all has a chain');
}

/** Says in a note that there is no such chain. @throws ConsumerError NO_CHAIN with --must-exist */
export async function sayNoChain(
  { values, output }: CommandContext,
  nc: NatsConnection,
  { settings, orgid }: { readonly settings: Settings; readonly orgid: string },
): Promise<void> {
  const near = await similarOrganization(nc, settings, orgid);
  const message = `there is no chain of ${orgid}${near === null ? '' : `; there is one of ${near}`}`;
  if (values.flag('must-exist')) throw new ConsumerError('NO_CHAIN', message);
  output.note(`waybill: ${message}`);
}
