/**
 * The `usage/` room: what an organization used, which is the bill. It reads the ledger, and AUDIT only to tell whether
 * an answer is final. It never reads an event's data.
 *
 * Totals are cumulative and hashed into each entry. So what an organization used in `[from, to)` of received time is
 * the difference of two entries. The answer names both, and whoever has the chain can check it.
 */
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import type { Totals } from '@waybill/schema';
import { type Entry, NO_TOTALS, subtractTotals, sumTotals, type Tally } from '@waybill/schema/internal';
import { checkOptions, type KnownOptions } from '../check-options.ts';
import { inParallel } from '../in-parallel.ts';
import type { Settings } from '../settings.ts';
import { checkOrganization } from '../ledger/chain-name.ts';
import { listOrganizations } from '../ledger/organizations.ts';
import { type Cut, findBoundary, findLast, type Hints, readHints } from './boundary.ts';
import { type OpenedWindow, openWindow, type UsageWindow } from './usage-window.ts';

/** The last entry before an edge of the window. `seq` is a decimal string. */
export interface Boundary {
  readonly seq: string;
  readonly hash: string;
}

/** Every number is a decimal string: the bytes of a busy organization exceed 2^53. */
export interface Usage {
  readonly orgid: string;
  /** UTC, milliseconds; null: not limited. */
  readonly from: string | null;
  readonly to: string | null;
  readonly events: string;
  readonly uploads: Tally;
  readonly downloads: Tally;
  readonly deduplicated: Tally;
  /** The last entries before `from` and before `to`; null when there is none. */
  readonly boundary: { readonly from: Boundary | null; readonly to: Boundary | null };
  /** Everything received before `to` is chained: the same question has the same answer at any later time. */
  readonly final: boolean;
  /** What is still to come. Absent when final. */
  readonly pending?: string;
  /**
   * `received` of the entry after a boundary, when it is later than the server's clock: some clock was ahead. Absent
   * otherwise. The times in a chain never go back, so events that were really received in the window may count after
   * it.
   */
  readonly clock_ahead?: string;
}

export interface UsageReport {
  readonly from: string | null;
  readonly to: string | null;
  readonly final: boolean;
  readonly pending?: string;
  /** The latest of all organizations. */
  readonly clock_ahead?: string;
  /** Sorted by `orgid`. */
  readonly organizations: readonly Usage[];
  /** The sum over all organizations. */
  readonly sum: Totals;
}

const WINDOW: KnownOptions<UsageWindow> = { from: true, to: true };

/**
 * The usage of one organization. An organization without a chain has used nothing.
 *
 * @throws ConsumerError BAD_ARGUMENT, NO_STREAM, LEDGER_DAMAGED …
 */
export async function usage(
  nc: NatsConnection,
  settings: Settings,
  query: UsageWindow & { orgid: string },
): Promise<Usage> {
  checkOptions('usage', query, { ...WINDOW, orgid: true });
  checkOrganization('orgid', query.orgid);
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  const window = await openWindow(jsm, settings, query);
  const hints = await hintsFor(nc, settings, { window, orgids: [query.orgid] });
  return usageOf(jsm, settings, { orgid: query.orgid, window, hints });
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
  query: UsageWindow = {},
): Promise<UsageReport> {
  checkOptions('usageOfAll', query, WINDOW);
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  const window = await openWindow(jsm, settings, query);
  const orgids = await listOrganizations(jsm, settings);
  const organizations: Usage[] = [];
  for (let i = 0; i < orgids.length; i += ORGANIZATIONS_AT_ONCE) {
    const group = orgids.slice(i, i + ORGANIZATIONS_AT_ONCE);
    const hints = await hintsFor(nc, settings, { window, orgids: group });
    const usages = await inParallel(group, REQUESTS_AT_ONCE, (orgid) =>
      usageOf(jsm, settings, { orgid, window, hints }),
    );
    for (const one of usages) if (one.boundary.to !== null) organizations.push(one);
  }
  const { from, to, finality } = window;
  return { from, to, ...finality, ...latestClockAhead(organizations), organizations, sum: sumTotals(organizations) };
}

function latestClockAhead(organizations: readonly Usage[]): Pick<UsageReport, 'clock_ahead'> {
  let latest = '';
  for (const { clock_ahead = '' } of organizations) if (clock_ahead > latest) latest = clock_ahead;
  return latest === '' ? {} : { clock_ahead: latest };
}

/** Hints are whole blocks: so many of them may be in memory at once. */
const ORGANIZATIONS_AT_ONCE = 256;
const REQUESTS_AT_ONCE = 64;

interface WindowHints {
  readonly from: Hints;
  readonly to: Hints;
}

async function hintsFor(
  nc: NatsConnection,
  settings: Settings,
  { window, orgids }: { window: OpenedWindow; orgids: readonly string[] },
): Promise<WindowHints> {
  const { from, to } = window;
  return {
    from: from === null ? new Map() : await readHints(nc, settings, { before: from, orgids }),
    to: to === null ? new Map() : await readHints(nc, settings, { before: to, orgids }),
  };
}

const NOTHING: Cut = { before: null, after: null };

async function usageOf(
  jsm: JetStreamManager,
  settings: Settings,
  { orgid, window, hints }: { orgid: string; window: OpenedWindow; hints: WindowHints },
): Promise<Usage> {
  const { from, to, finality, future } = window;
  const first =
    from === null ? NOTHING : await findBoundary(jsm, settings, { orgid, before: from, hint: hints.from.get(orgid) });
  const last =
    to === null
      ? { before: await findLast(jsm, settings, orgid), after: null }
      : await findBoundary(jsm, settings, { orgid, before: to, hint: hints.to.get(orgid) });
  const [start, end] = [first.before, last.before];
  const ahead = [first, last].map(({ after }) => after?.core.received ?? '').find((time) => time > future);
  const { events, uploads, downloads, deduplicated } = subtractTotals(totalsOf(end), totalsOf(start));
  return {
    orgid,
    from,
    to,
    events,
    uploads,
    downloads,
    deduplicated,
    boundary: { from: boundaryOf(start), to: boundaryOf(end) },
    ...finality,
    ...(ahead !== undefined && { clock_ahead: ahead }),
  };
}

function totalsOf(entry: Entry | null): Totals {
  return entry?.core.totals ?? NO_TOTALS;
}

function boundaryOf(entry: Entry | null): Boundary | null {
  return entry && { seq: String(entry.core.seq), hash: entry.hash };
}
