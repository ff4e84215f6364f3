/** Whether everything received before a moment is chained, so that an answer about it can never change. */
import type { JetStreamManager, StoredMsg, StreamInfo } from '@nats-io/jetstream';
import { decodeUtf8, parseLedgerSubject, splitBlock } from '@waybill/schema';
import { ConsumerError } from '../errors.ts';
import type { Settings } from '../settings.ts';
import { orDamaged } from '../ledger/find-block.ts';
import { explain } from '../nats/nats-error.ts';
import { isStreamOf, readEpoch } from './epoch.ts';

export interface Finality {
  readonly final: boolean;
  /** Why not, and what is still to come; null when final. */
  readonly pending: string | null;
}

/**
 * How long a message that has its time may take to show up on a replicated stream, and how much the clock of a new leader
 * may be behind the old one's: a message may then be stored before a moment that another one was stored after.
 */
const IN_FLIGHT_MS = 5_000;

/** @param before a moment in `received`'s form */
export async function readFinality(jsm: JetStreamManager, settings: Settings, before: string): Promise<Finality> {
  const { auditStream } = settings;
  // The clock first and the stream after it: what was stored before this clock reading is seen by the second look.
  const clock = await audit(jsm, settings).catch((error: unknown) => {
    if (error instanceof ConsumerError && error.code === 'NO_STREAM') return null;
    throw error;
  });
  if (!clock) return no(`stream ${auditStream} is not there: nobody can say whether it had more`);
  const { state } = await audit(jsm, settings);
  const epoch = await readEpoch(jsm, settings);
  if (!isStreamOf(epoch, auditStream, clock)) {
    return no(`stream ${auditStream} was made anew at ${clock.created}, and the ledger has nothing of it yet`);
  }
  // In the stream's own numbers.
  const watermark = Math.max(await readWatermark(jsm, settings), epoch.start) - epoch.base;
  const next = await nextMessage(jsm, auditStream, watermark + 1);
  const end = endOf(before, clock.config.num_replicas);
  if (next && Date.parse(next.stored) < end) {
    const behind = state.last_seq - watermark;
    return no(
      `the ledger has ${auditStream} up to sequence ${watermark}: up to ${behind} later messages are not chained yet`,
    );
  }
  if (next) return { final: true, pending: null };
  if (Date.parse(clock.ts ?? '') >= end && state.last_seq <= watermark) return { final: true, pending: null };
  return no(`${before} is not past yet by the clock of the server (${clock.ts}): more may be received before it`);
}

/** From when on, in milliseconds, a message of the stream shows that none is still to come with a time before a moment. */
export function endOf(before: string, replicas: number): number {
  return Date.parse(before) + (replicas > 1 ? IN_FLIGHT_MS : 0);
}

function no(pending: string): Finality {
  return { final: false, pending };
}

async function audit(jsm: JetStreamManager, { auditStream }: Settings): Promise<StreamInfo> {
  try {
    return await jsm.streams.info(auditStream);
  } catch (cause) {
    throw explain(cause, `look at stream ${auditStream}`);
  }
}

/** Every AUDIT message up to this sequence is in the ledger: 0 while it is empty. @throws ConsumerError LEDGER_DAMAGED, NEWER_LEDGER */
export async function readWatermark(jsm: JetStreamManager, settings: Settings): Promise<number> {
  const message = await newestOfAll(jsm, settings);
  if (!message) return 0;
  const orgid = parseLedgerSubject(message.subject, settings.ledgerPrefix) ?? message.subject;
  const at = { orgid, streamSeq: message.seq };
  return orDamaged(settings, at, () => splitBlock(decodeUtf8(message.data)).trailer.watermark);
}

async function newestOfAll(jsm: JetStreamManager, { ledgerStream, ledgerPrefix }: Settings): Promise<StoredMsg | null> {
  try {
    return await jsm.streams.getMessage(ledgerStream, { last_by_subj: `${ledgerPrefix}.*` });
  } catch (cause) {
    throw explain(cause, `read the newest block of stream ${ledgerStream}`);
  }
}

async function nextMessage(jsm: JetStreamManager, stream: string, seq: number): Promise<{ stored: string } | null> {
  try {
    const message = await jsm.streams.getMessage(stream, { seq, next_by_subj: '>' } as { seq: number });
    return message && { stored: message.time.toISOString() };
  } catch (cause) {
    throw explain(cause, `read stream ${stream} from sequence ${seq} on`);
  }
}
