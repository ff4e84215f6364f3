/** `organizations.list` and `organizations.get`. */
import { jetstreamManager } from '@nats-io/jetstream';
import type { Input, Output } from '@waybill/schema/api';
import { inParallel } from '../in-parallel.ts';
import { type ChainHead, readHead } from '../ledger/chain-head.ts';
import { listOrganizations } from '../ledger/organizations.ts';
import type { Asked, WholeAnswer } from './reader.ts';
import { noOrganization, visibleOf } from './sight.ts';
import { jsonAnswer } from './whole-answer.ts';
import { withinTime } from './within-time.ts';

/** Items in an answer, unless `limit` says otherwise. */
export const DEFAULT_LIMIT = '100';

const REQUESTS_AT_ONCE = 32;

export function listHeads(asked: Asked<Input<'organizations.list'>>): Promise<WholeAnswer> {
  const { reader } = asked;
  return withinTime(reader.limits.queryMs, reader.slots.take('query'), pageOf(asked));
}

async function pageOf({ reader, input, principal }: Asked<Input<'organizations.list'>>): Promise<WholeAnswer> {
  const { nc, settings } = reader;
  const { after = '', limit: given = DEFAULT_LIMIT } = input;
  const limit = Number(given);
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  const all = visibleOf(principal, undefined) ?? (await listOrganizations(jsm, settings));
  const orgids = all.filter((orgid) => orgid > after);
  const heads: ChainHead[] = [];
  // Some that may be seen have no chain. One more shows whether there is a next page.
  for (let i = 0; i < orgids.length && heads.length <= limit; i += limit + 1) {
    const some = orgids.slice(i, i + limit + 1);
    const found = await inParallel(some, REQUESTS_AT_ONCE, (orgid) => readHead(nc, settings, orgid));
    for (const head of found) if (head !== null) heads.push(head);
  }
  const organizations = heads.slice(0, limit).map(organizationOf);
  const next = heads.length > limit ? organizations.at(-1)?.orgid : undefined;
  return jsonAnswer({ organizations, ...(next !== undefined && { next }) } satisfies Output<'organizations.list'>);
}

export async function getHead({ reader, input }: Asked<Input<'organizations.get'>>): Promise<WholeAnswer> {
  const { nc, settings, limits, slots } = reader;
  const head = await withinTime(limits.queryMs, slots.take('query'), readHead(nc, settings, input.orgid));
  if (head === null) throw noOrganization(input.orgid);
  return jsonAnswer(organizationOf(head));
}

function organizationOf({ orgid, seq, hash, received, totals }: ChainHead): Output<'organizations.get'> {
  return { orgid, seq: String(seq), hash, received, totals };
}
