/** Whether everything received before a moment is chained, so that an answer about that time can never change. */
import type { JetStreamManager } from '@nats-io/jetstream';
import type { Settings } from '../settings.ts';
import { readWatermark } from '../ledger/ledger-end.ts';
import { getNextMessage } from '../nats/leader-get.ts';
import { findStreamInfo, readStreamInfo } from '../nats/stream-info.ts';
import { isStreamOf, readEpoch } from './epoch.ts';

export interface Finality {
  readonly final: boolean;
  /** What is still to come; null when final. */
  readonly pending: string | null;
}

/**
 * How late a message may appear on a replicated stream after it got its time, and how far the clock of a new leader may
 * be behind the old one's. Within this time, a message may appear with an earlier time than one that is already stored.
 */
const IN_FLIGHT_MS = 5_000;

/** @param before RFC 3339, UTC, milliseconds, as `received` is */
export async function readFinality(jsm: JetStreamManager, settings: Settings, before: string): Promise<Finality> {
  const { auditStream } = settings;
  // The clock first and the stream after it: the second look sees all that was stored before the clock was read.
  const clock = await findStreamInfo(jsm, auditStream);
  if (!clock) return notFinal(`stream ${auditStream} is not there: nobody can say whether it had more`);
  const { state } = await readStreamInfo(jsm, auditStream);
  const epoch = await readEpoch(jsm, settings);
  if (!isStreamOf(epoch, auditStream, clock)) {
    return notFinal(`stream ${auditStream} was made anew at ${clock.created}, and the ledger has nothing of it yet`);
  }
  // In the stream's own numbers.
  const watermark = Math.max(await readWatermark(jsm, settings), epoch.start) - epoch.base;
  const next = await getNextMessage(jsm, auditStream, { seq: watermark + 1 });
  const end = endOf(before, clock.config.num_replicas);
  if (next) {
    if (next.time.getTime() >= end) return FINAL;
    const behind = state.last_seq - watermark;
    return notFinal(
      `the ledger has ${auditStream} up to sequence ${watermark}: up to ${behind} later messages are not chained yet`,
    );
  }
  if (Date.parse(clock.ts ?? '') >= end && state.last_seq <= watermark) return FINAL;
  return notFinal(`${before} is not past yet by the clock of the server (${clock.ts}): more may be received before it`);
}

const FINAL: Finality = { final: true, pending: null };

function notFinal(pending: string): Finality {
  return { final: false, pending };
}

/** The time, in milliseconds, from which on a stored message shows that none is still to come from before a moment. */
export function endOf(before: string, replicas: number): number {
  return Date.parse(before) + (replicas > 1 ? IN_FLIGHT_MS : 0);
}
