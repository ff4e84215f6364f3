/** Whether everything received before a moment is chained. If it is, an answer about that time never changes. */
import type { JetStreamManager } from '@nats-io/jetstream';
import { decodeUtf8, parseLedgerSubject, splitBlock } from '@waybill/schema';
import type { Settings } from '../settings.ts';
import { orDamaged } from '../ledger/find-block.ts';
import { getLastMessage, getNextMessage } from '../nats/leader-get.ts';
import { findStreamInfo, readStreamInfo } from '../nats/stream-info.ts';
import { isStreamOf, readEpoch } from './epoch.ts';

export interface Finality {
  readonly final: boolean;
  /** Why not, and what is still to come; null when it is final. */
  readonly pending: string | null;
}

/**
 * On a replicated stream, a message with an earlier time may show up after one with a later time: it takes a while to
 * show up, and a new leader's clock may be behind the old one's. This is the longest that is allowed for.
 */
const IN_FLIGHT_MS = 5_000;

/** @param before RFC 3339, UTC, milliseconds, as `received` is */
export async function readFinality(jsm: JetStreamManager, settings: Settings, before: string): Promise<Finality> {
  const { auditStream } = settings;
  // The first look reads the server's clock. What was stored before that is in the second look.
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
  if (next && next.time.getTime() < end) {
    const behind = state.last_seq - watermark;
    return notFinal(
      `the ledger has ${auditStream} up to sequence ${watermark}: up to ${behind} later messages are not chained yet`,
    );
  }
  if (next) return { final: true, pending: null };
  if (Date.parse(clock.ts ?? '') >= end && state.last_seq <= watermark) return { final: true, pending: null };
  return notFinal(`${before} is not past yet by the clock of the server (${clock.ts}): more may be received before it`);
}

/**
 * A message that was stored from here on, in milliseconds, shows that no message from before the moment is still to
 * come.
 */
export function endOf(before: string, replicas: number): number {
  return Date.parse(before) + (replicas > 1 ? IN_FLIGHT_MS : 0);
}

function notFinal(pending: string): Finality {
  return { final: false, pending };
}

/**
 * Every AUDIT message up to this number is in the ledger, 0 while it is empty.
 *
 * @throws ConsumerError LEDGER_DAMAGED, NEWER_LEDGER
 */
export async function readWatermark(jsm: JetStreamManager, settings: Settings): Promise<number> {
  const message = await getLastMessage(jsm, settings.ledgerStream, `${settings.ledgerPrefix}.*`);
  if (!message) return 0;
  const orgid = parseLedgerSubject(message.subject, settings.ledgerPrefix) ?? message.subject;
  const at = { orgid, streamSeq: message.seq };
  return orDamaged(settings, at, () => splitBlock(decodeUtf8(message.data)).trailer.watermark);
}
