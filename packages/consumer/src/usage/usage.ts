/**
 * The `usage/` room: what an organization used, which is the bill. It reads the ledger, and AUDIT only to tell whether
 * an answer is final. It never reads an event's data.
 *
 * Totals are cumulative and hashed into each entry. So what an organization used in `[from, to)` of received time is
 * the difference of two entries. The answer names both, and whoever has the chain can check it. Windows share their
 * entries with their neighbours: their sum is the whole, without adding up.
 */
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import type { Totals } from '@waybill/schema';
import { sumTotals } from '@waybill/schema/internal';
import { ConsumerError } from '../errors.ts';
import type { Settings } from '../settings.ts';
import { checkOrganization } from '../ledger/chain-name.ts';
import { listOrganizations } from '../ledger/organizations.ts';
import { asOfHeads, checkAsOf } from './as-of.ts';
import { findCuts, findCutsOfMany, findPlaces, type LedgerView } from './boundary.ts';
import { findPosition, type LedgerPosition } from './ledger-position.ts';
import { answerOf, type AnswerFrame, frameOf, momentsOf, type Usage } from './usage-answer.ts';
import { type CheckedQuery, checkQuery, type UsageQuery } from './usage-query.ts';

export interface UsageReport extends AnswerFrame {
  /**
   * Of a final answer: `sha256:` and the hash of the lines `ORG:` and `as_of` of all organizations in it. Else a
   * position of the ledger stream.
   */
  readonly as_of: string;
  /** The latest of these organizations. */
  readonly clock_ahead?: string;
  /** Sorted by `orgid`. */
  readonly organizations: readonly Usage[];
  /** The sum over these organizations. */
  readonly sum: Totals;
  /** Give it as `after`, and more organizations follow. Absent when there are none. */
  readonly next?: string;
}

export interface UsageOfAllQuery extends UsageQuery {
  /** Only these. Default: every organization. */
  readonly orgids?: readonly string[] | undefined;
  /** Only organizations that sort after this one: `next` of the page before. */
  readonly after?: string | undefined;
  /** The most organizations in one answer. Default: all. */
  readonly limit?: number | undefined;
}

/**
 * The usage of one organization. An organization without a chain has used nothing.
 *
 * @throws ConsumerError BAD_ARGUMENT, NOT_FINAL, NO_STREAM, LEDGER_DAMAGED …
 */
export async function usage(
  nc: NatsConnection,
  settings: Settings,
  query: UsageQuery & { orgid: string },
): Promise<Usage> {
  const { orgid } = query;
  const checked = checkQuery('usage', query, { orgid: true });
  checkOrganization('orgid', orgid);
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  const position = await findPosition(jsm, settings, checked);
  const view = { nc, jsm, ledger: settings, upTo: position.upTo };
  const cuts = await findCuts(view, orgid, momentsOf(checked));
  const answer = answerOf({ orgid, cuts }, checked, position);
  checkAsOf(checked.asOf, answer.as_of);
  return answer;
}

/**
 * The usage of every organization that has an entry before `to`. An organization that begins later is in no answer
 * about the time before. The reserved chains belong to no organization.
 *
 * @throws ConsumerError as `usage`
 */
export async function usageOfAll(
  nc: NatsConnection,
  settings: Settings,
  query: UsageOfAllQuery = {},
): Promise<UsageReport> {
  const checked = checkQuery('usageOfAll', query, { orgids: true, after: true, limit: true });
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  const limit = checkLimit(query.limit);
  const position = await findPosition(jsm, settings, checked);
  const view = { nc, jsm, ledger: settings, upTo: position.upTo };
  const orgids = await organizationsOf(jsm, settings, query);
  // One more shows whether there is a next page.
  const found = await answersOf(view, { orgids, most: limit + 1 }, { checked, position });
  const organizations = found.slice(0, limit);
  const as_of = position.final ? asOfHeads(organizations) : String(position.upTo);
  checkAsOf(checked.asOf, as_of);
  return {
    ...frameOf(checked, position),
    as_of,
    ...latestClockAhead(organizations),
    organizations,
    sum: sumTotals(organizations),
    ...(found.length > limit && { next: organizations.at(-1)?.orgid ?? '' }),
  };
}

function checkLimit(limit: number = Infinity): number {
  if (limit === Infinity || (Number.isSafeInteger(limit) && limit > 0)) return limit;
  throw new ConsumerError('BAD_ARGUMENT', `usageOfAll: limit is ${String(limit)}: expected a whole number, 1 or more`);
}

/** Sorted; also those that have no chain, or none before `to`. */
async function organizationsOf(
  jsm: JetStreamManager,
  settings: Settings,
  { orgids, after }: UsageOfAllQuery,
): Promise<string[]> {
  for (const orgid of orgids ?? []) checkOrganization('orgids', orgid);
  const all = orgids ? [...new Set(orgids)].toSorted() : await listOrganizations(jsm, settings);
  return after === undefined ? all : all.filter((orgid) => orgid > after);
}

/** So many chains are searched at once: what is known of them is in memory. */
const ORGANIZATIONS_AT_ONCE = 256;

/** The answers about those that have an entry before `to`, up to `most` of them or a few more. */
async function answersOf(
  view: LedgerView,
  { orgids, most }: { orgids: readonly string[]; most: number },
  { checked, position }: { checked: CheckedQuery; position: LedgerPosition },
): Promise<Usage[]> {
  const places = await findPlaces(view, momentsOf(checked));
  const step = Math.min(ORGANIZATIONS_AT_ONCE, most);
  const answers: Usage[] = [];
  for (let i = 0; i < orgids.length && answers.length < most; i += step) {
    const group = orgids.slice(i, i + step);
    const cuts = await findCutsOfMany(view, { orgids: group, places });
    for (const [index, orgid] of group.entries()) {
      const answer = answerOf({ orgid, cuts: cuts[index] ?? new Map() }, checked, position);
      if (answer.boundary.to !== null) answers.push(answer);
    }
  }
  return answers;
}

function latestClockAhead(organizations: readonly Usage[]): Pick<UsageReport, 'clock_ahead'> {
  let latest = '';
  for (const { clock_ahead = '' } of organizations) if (clock_ahead > latest) latest = clock_ahead;
  return latest === '' ? {} : { clock_ahead: latest };
}
