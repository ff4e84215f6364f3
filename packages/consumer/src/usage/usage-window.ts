/** The window of time that a usage answer is about, and whether that answer is final. */
import type { JetStreamManager } from '@nats-io/jetstream';
import { ConsumerError } from '../errors.ts';
import type { Settings } from '../settings.ts';
import { readFinality } from '../audit/finality.ts';
import { readStreamInfo } from '../nats/stream-info.ts';
import { parseInstant } from '../instant.ts';

export interface UsageWindow {
  /** The first moment that counts: RFC 3339 with a zone, or a date (midnight UTC). Default: the beginning. */
  readonly from?: string | undefined;
  /** The first moment that no longer counts. Default: everything chained so far, which is never final. */
  readonly to?: string | undefined;
}

/** A window that was opened: its edges are known, and how far the ledger is. */
export interface OpenedWindow {
  /** UTC, milliseconds; null: not limited. */
  readonly from: string | null;
  readonly to: string | null;
  readonly finality: { readonly final: boolean; readonly pending?: string };
  /** A moment that no clock should have reached yet. */
  readonly future: string;
}

/** Two machines' clocks may differ by so much without any fault. */
const CLOCK_TOLERANCE_MS = 60_000;

/**
 * Looks how far the ledger is. Call it before any boundary is looked up: a ledger that has passed `to` now has passed
 * it then.
 *
 * @throws ConsumerError BAD_ARGUMENT, NO_STREAM, LEDGER_DAMAGED …
 */
export async function openWindow(jsm: JetStreamManager, settings: Settings, query: UsageWindow): Promise<OpenedWindow> {
  const { from, to } = parseWindow(query);
  const finality = await finalityAt(jsm, settings, to);
  const { ts } = await readStreamInfo(jsm, settings.ledgerStream);
  const future = new Date(Date.parse(ts ?? '') + CLOCK_TOLERANCE_MS).toISOString();
  return { from, to, finality, future };
}

function parseWindow(query: UsageWindow): { from: string | null; to: string | null } {
  const from = query.from === undefined ? null : parseInstant('from', query.from);
  const to = query.to === undefined ? null : parseInstant('to', query.to);
  if (from !== null && to !== null && from > to) {
    throw new ConsumerError('BAD_ARGUMENT', `from is ${from}, after to, which is ${to}`);
  }
  return { from, to };
}

async function finalityAt(
  jsm: JetStreamManager,
  settings: Settings,
  to: string | null,
): Promise<OpenedWindow['finality']> {
  if (to === null) return { final: false, pending: 'without an end, the window takes in whatever is chained next' };
  const { final, pending } = await readFinality(jsm, settings, to);
  return pending === null ? { final } : { final, pending };
}
