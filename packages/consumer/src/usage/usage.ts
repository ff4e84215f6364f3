/**
 * The `usage/` room: what an organization used, which is the bill. It reads the ledger, and AUDIT only to tell whether an answer
 * is final. It never reads an event's data.
 *
 * Totals are cumulative and hashed into each entry. So what an organization used in `[from, to)` of received time is the
 * difference of two entries. The answer names both, and whoever has the chain can check it.
 */
import { type JetStreamManager, jetstreamManager, type StreamInfo } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import {
  type Entry,
  type KnownOptions,
  NO_TOTALS,
  subtractTotals,
  sumTotals,
  type Tally,
  type Totals,
} from '@waybill/schema';
import { checkOptions } from '../check-options.ts';
import { ConsumerError } from '../errors.ts';
import type { Settings } from '../settings.ts';
import { readFinality } from '../audit/finality.ts';
import { checkOrganization } from '../ledger/chain-name.ts';
import { inParallel } from '../ledger/in-parallel.ts';
import { listOrganizations } from '../ledger/organizations.ts';
import { explain } from '../nats/nats-error.ts';
import { type Cut, findBoundary, findLast, type Hints, readHints } from './boundary.ts';
import { parseInstant } from './instant.ts';

export interface UsageWindow {
  /** The first moment that counts: RFC 3339 with a zone, or a date (midnight UTC). Default: the beginning. */
  readonly from?: string | undefined;
  /** The first moment that no longer counts. Default: everything chained so far, which is never final. */
  readonly to?: string | undefined;
}

/** An entry that a window's edge falls behind; `seq` is a decimal string. */
export interface Boundary {
  readonly seq: string;
  readonly hash: string;
}

/** Every number is a decimal string: a busy organization's bytes pass 2^53. */
export interface Usage {
  readonly orgid: string;
  /** UTC, milliseconds; null: not limited. */
  readonly from: string | null;
  readonly to: string | null;
  readonly events: string;
  readonly uploads: Tally;
  readonly downloads: Tally;
  readonly deduplicated: Tally;
  /** The last entries before `from` and before `to`; null: there is none. */
  readonly boundary: { readonly from: Boundary | null; readonly to: Boundary | null };
  /** Everything received before `to` is chained: this answer is the same whenever it is asked for. */
  readonly final: boolean;
  /** Only when not final: what is still to come. */
  readonly pending?: string;
  /**
   * Only when a clock was ahead: `received` of the entry after a boundary, which is later than the server's clock says. A
   * chain's times never go back, so what was really received in the window may be counted after it.
   */
  readonly clock_ahead?: string;
}

export interface UsageReport {
  readonly from: string | null;
  readonly to: string | null;
  readonly final: boolean;
  readonly pending?: string;
  /** The latest of the organizations'. */
  readonly clock_ahead?: string;
  /** Sorted by `orgid`. */
  readonly organizations: readonly Usage[];
  /** Over all of them. */
  readonly sum: Totals;
}

const WINDOW: KnownOptions<UsageWindow> = { from: true, to: true };

/**
 * One organization's usage. One that has no chain has used nothing.
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
 * The usage of every organization that has a chain before `to`: one that comes later is in no answer about the time before
 * it. The reserved chains are no organization's. @throws ConsumerError as `usage`
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
  // In groups, because hints are whole blocks.
  for (let i = 0; i < orgids.length; i += ORGANIZATIONS_AT_ONCE) {
    const group = orgids.slice(i, i + ORGANIZATIONS_AT_ONCE);
    const hints = await hintsFor(nc, settings, { window, orgids: group });
    const usages = await inParallel(group, REQUESTS_AT_ONCE, (orgid) =>
      usageOf(jsm, settings, { orgid, window, hints }),
    );
    for (const one of usages) if (one.boundary.to !== null) organizations.push(one);
  }
  const { from, to, standing } = window;
  let clockAhead = '';
  for (const { clock_ahead = '' } of organizations) if (clock_ahead > clockAhead) clockAhead = clock_ahead;
  const ahead = clockAhead === '' ? {} : { clock_ahead: clockAhead };
  return { from, to, ...standing, ...ahead, organizations, sum: sumTotals(organizations) };
}

const ORGANIZATIONS_AT_ONCE = 256;
const REQUESTS_AT_ONCE = 64;
/** Two machines' clocks may differ by so much, and it says nothing. */
const CLOCK_TOLERANCE_MS = 60_000;

interface Window {
  readonly from: string | null;
  readonly to: string | null;
  readonly standing: { readonly final: boolean; readonly pending?: string };
  /** A moment that no clock should have reached yet. */
  readonly future: string;
}

interface WindowHints {
  readonly from: Hints;
  readonly to: Hints;
}

/** Looks how far the ledger is, before any boundary is looked up: if it has passed `to` now, it has by then. */
async function openWindow(jsm: JetStreamManager, settings: Settings, query: UsageWindow): Promise<Window> {
  const { from, to } = parseWindow(query);
  const standing = await standingAt(jsm, settings, to);
  const { ts } = await ledgerInfo(jsm, settings);
  const future = new Date(Date.parse(ts ?? '') + CLOCK_TOLERANCE_MS).toISOString();
  return { from, to, standing, future };
}

async function ledgerInfo(jsm: JetStreamManager, { ledgerStream }: Settings): Promise<StreamInfo> {
  try {
    return await jsm.streams.info(ledgerStream);
  } catch (cause) {
    throw explain(cause, `look at stream ${ledgerStream}`);
  }
}

function parseWindow(query: UsageWindow): { from: string | null; to: string | null } {
  const from = query.from === undefined ? null : parseInstant('from', query.from);
  const to = query.to === undefined ? null : parseInstant('to', query.to);
  if (from !== null && to !== null && from > to) {
    throw new ConsumerError('BAD_ARGUMENT', `from is ${from}, after to, which is ${to}`);
  }
  return { from, to };
}

async function standingAt(jsm: JetStreamManager, settings: Settings, to: string | null): Promise<Window['standing']> {
  if (to === null) return { final: false, pending: 'without an end, the window takes in whatever is chained next' };
  const { final, pending } = await readFinality(jsm, settings, to);
  return pending === null ? { final } : { final, pending };
}

async function hintsFor(
  nc: NatsConnection,
  settings: Settings,
  { window, orgids }: { window: Window; orgids: readonly string[] },
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
  { orgid, window, hints }: { orgid: string; window: Window; hints: WindowHints },
): Promise<Usage> {
  const { from, to, standing, future } = window;
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
    ...standing,
    ...(ahead !== undefined && { clock_ahead: ahead }),
  };
}

function totalsOf(entry: Entry | null): Totals {
  return entry?.core.totals ?? NO_TOTALS;
}

function boundaryOf(entry: Entry | null): Boundary | null {
  return entry && { seq: String(entry.core.seq), hash: entry.hash };
}
