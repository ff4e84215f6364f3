/** How far the ledger is, and whether that is far enough for a final answer. */
import type { JetStreamManager } from '@nats-io/jetstream';
import { ConsumerError } from '../errors.ts';
import { pause } from '../pause.ts';
import type { Settings } from '../settings.ts';
import { type Finality, readFinality } from '../audit/finality.ts';
import { getMessage } from '../nats/leader-get.ts';
import { readStreamInfo } from '../nats/stream-info.ts';
import type { CheckedQuery } from './usage-query.ts';

/** Where the ledger stands for one answer. */
export interface LedgerPosition {
  readonly final: boolean;
  /** Blocks after this position of the ledger stream do not count. */
  readonly upTo: number;
  /** A moment that no clock should have reached by then. */
  readonly future: string;
}

const LOOK_MS = 100;
/** Two machines' clocks may differ by so much without any fault. */
const CLOCK_TOLERANCE_MS = 60_000;

/**
 * Looks how far the ledger is, and waits if the query says so. Call it before any boundary is looked up: a ledger that
 * has passed `to` now has passed it then.
 *
 * @throws ConsumerError BAD_ARGUMENT, NOT_FINAL, NO_STREAM, LEDGER_DAMAGED …
 */
export async function findPosition(
  jsm: JetStreamManager,
  settings: Settings,
  query: CheckedQuery,
): Promise<LedgerPosition> {
  const { asOf, onNotice } = query;
  const { final, pending } = await waitForFinality(jsm, settings, query);
  if (pending !== null) {
    if (query.requireFinal) throw new ConsumerError('NOT_FINAL', `no final answer: ${pending}`);
    onNotice({ kind: 'not_final', reason: pending });
  }
  const { state, ts } = await readStreamInfo(jsm, settings.ledgerStream);
  const future = (clock: string): string => new Date(Date.parse(clock) + CLOCK_TOLERANCE_MS).toISOString();
  if (final) return { final, upTo: state.last_seq, future: future(ts ?? '') };
  const upTo = asOf?.kind === 'position' ? asOf.position : state.last_seq;
  if (upTo > state.last_seq) {
    throw new ConsumerError(
      'BAD_ARGUMENT',
      `asOf is ${upTo}: stream ${settings.ledgerStream} ends at ${state.last_seq}`,
    );
  }
  // By the time at which the ledger got there, and not by today's clock: the answer is the same when it is repeated.
  const stored = upTo === 0 ? null : await getMessage(jsm, settings.ledgerStream, upTo);
  return { final, upTo, future: future(stored?.timestamp ?? NEVER) };
}

const NEVER = '9999-01-01T00:00:00.000Z';

async function waitForFinality(jsm: JetStreamManager, settings: Settings, query: CheckedQuery): Promise<Finality> {
  const { to, asOf, waitMs } = query;
  if (to === null) return { final: false, pending: WITHOUT_END };
  if (asOf?.kind === 'position') return { final: false, pending: `an answer as of position ${asOf.position} never is` };
  const deadline = Date.now() + waitMs;
  for (;;) {
    const finality = await readFinality(jsm, settings, to);
    const leftMs = deadline - Date.now();
    if (finality.final || leftMs <= 0) return finality;
    await pause(Math.min(LOOK_MS, leftMs));
  }
}

const WITHOUT_END = 'without an end, the window takes in whatever is chained next';

/** `pending` of an answer: by what is asked and the position alone, so that it can be repeated. */
export function pendingAt({ to }: CheckedQuery, { upTo }: LedgerPosition): string {
  if (to === null) return WITHOUT_END;
  return `at position ${upTo} the ledger is not known to have all that was received before ${to}`;
}
