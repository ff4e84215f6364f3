/**
 * What of the two streams a verification is about: where they begin and end, looked up in an order that makes it
 * consistent.
 */
import type { JetStreamManager, StreamInfo } from '@nats-io/jetstream';
import { ConsumerError, type ConsumerErrorCode } from '../errors.ts';
import { pause } from '../pause.ts';
import type { Settings } from '../settings.ts';
import { type Epoch, isStreamOf, NO_EPOCH, readEpoch } from '../audit/epoch.ts';
import { type Era, erasFrom, readEras } from '../audit/eras.ts';
import { findBlock } from '../ledger/find-block.ts';
import { readWatermark } from '../ledger/ledger-end.ts';
import { entryAt } from '../ledger/stored-block.ts';
import { readStreamInfo } from '../nats/stream-info.ts';

export interface ScopeOptions {
  /** Somebody else owns the stream of events. */
  readonly bind: boolean;
  /** Only this chain and `_system`. */
  readonly orgid: string | undefined;
  /** With `orgid`: the entry to start at. */
  readonly fromSeq: number;
  /** How long to wait for a ledger that is behind AUDIT. */
  readonly waitMs: number;
}

export interface VerificationScope {
  readonly settings: Settings;
  /** The parts of AUDIT. Empty when AUDIT is another stream than the ledger was made from: nothing can be compared. */
  readonly eras: readonly Era[];
  readonly epoch: Epoch;
  /** AUDIT's end when the verification began, as the ledger numbers it; and how many messages it had. */
  readonly auditEnd: number;
  readonly auditMessages: number;
  /** The ledger's end, looked up after AUDIT's; and what its newest block claimed before that. */
  readonly ledgerEnd: number;
  readonly watermark: number;
  /** Where to begin in each stream. AUDIT's number is the ledger's. */
  readonly start: { readonly ledgerSeq: number; readonly auditSeq: number };
}

/**
 * Looks in this order: AUDIT, the ledger, AUDIT again. So the ledger has everything up to AUDIT's first end, unless it
 * is behind; and AUDIT, at the second look, has everything that the ledger is made from.
 */
export async function findScope(
  jsm: JetStreamManager,
  settings: Settings,
  options: ScopeOptions,
): Promise<VerificationScope> {
  const { auditStream, ledgerStream } = settings;
  const audit = await readStreamInfo(jsm, auditStream);
  await waitForLedger(jsm, settings, { ...options, audit });
  const watermark = await orIfUnreadable(readWatermark(jsm, settings), 0);
  const ledgerEnd = (await readStreamInfo(jsm, ledgerStream)).state.last_seq;
  const start = await startOf(jsm, settings, options);
  const epoch = await epochOf(jsm, settings, options);
  const { state } = await readStreamInfo(jsm, auditStream);
  const isKnown = isStreamOf(epoch, auditStream, audit);
  const stretch = { first: state.first_seq, last: state.last_seq };
  const eras = isKnown ? await orIfUnreadable(readEras(jsm, settings, { epoch, stretch }), null) : null;
  return {
    settings,
    eras: eras ? erasFrom(eras, start.auditSeq) : [],
    epoch,
    auditEnd: epoch.base + audit.state.last_seq,
    auditMessages: audit.state.messages,
    ledgerEnd,
    watermark,
    start,
  };
}

/** Where to begin in the two streams: at their beginnings, or at the entry that the caller names. */
async function startOf(
  jsm: JetStreamManager,
  settings: Settings,
  { orgid, fromSeq }: ScopeOptions,
): Promise<VerificationScope['start']> {
  if (orgid === undefined || fromSeq <= 1) return { ledgerSeq: 1, auditSeq: 1 };
  const block = await findBlock(jsm, settings, orgid, { holds: ({ core }) => core.seq <= fromSeq });
  if (!block) return { ledgerSeq: 1, auditSeq: 1 };
  // A chain that ends before `fromSeq` has nothing after its last entry to compare.
  const seq = Math.min(fromSeq, block.trailer.last);
  const { core } = entryAt(settings, block, seq - block.trailer.first);
  // AUDIT is compared from the next entry on: only the entry before one shows whether its time was moved up.
  return { ledgerSeq: block.streamSeq, auditSeq: core.source.seq + 1 };
}

const LOOK_MS = 100;

async function waitForLedger(
  jsm: JetStreamManager,
  settings: Settings,
  options: ScopeOptions & { readonly audit: StreamInfo },
): Promise<void> {
  const { audit, waitMs } = options;
  const deadline = Date.now() + waitMs;
  const isComplete = async (): Promise<boolean> => {
    const epoch = await epochOf(jsm, settings, options);
    if (!isStreamOf(epoch, settings.auditStream, audit)) return false;
    const last = epoch.base + audit.state.last_seq;
    // A newest block that cannot be read is for the report: nothing is waited for.
    return Math.max(await orIfUnreadable(readWatermark(jsm, settings), last), epoch.start) >= last;
  };
  while (!(await isComplete()) && Date.now() < deadline) await pause(LOOK_MS);
}

/** A stream of our own has no epochs, whatever is recorded. */
async function epochOf(jsm: JetStreamManager, settings: Settings, { bind }: ScopeOptions): Promise<Epoch> {
  return bind ? orIfUnreadable(readEpoch(jsm, settings), NO_EPOCH) : NO_EPOCH;
}

/** A block that cannot be read is for the report, not for here. */
async function orIfUnreadable<T, U>(reading: Promise<T>, otherwise: U): Promise<T | U> {
  return reading.catch((error: unknown) => {
    if (error instanceof ConsumerError && UNREADABLE.has(error.code)) return otherwise;
    throw error;
  });
}

const UNREADABLE: ReadonlySet<ConsumerErrorCode> = new Set(['LEDGER_DAMAGED', 'NEWER_LEDGER']);
