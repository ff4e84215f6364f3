/** The end of the LEDGER stream: its newest block, of whatever chain. */
import type { JetStreamManager, StoredMsg } from '@nats-io/jetstream';
import { decodeUtf8, parseLedgerSubject, splitBlock } from '@waybill/schema/internal';
import { ConsumerError } from '../errors.ts';
import { getLastMessage, getMessage } from '../nats/leader-get.ts';
import { readStreamInfo } from '../nats/stream-info.ts';
import { type LedgerSettings, orDamaged, readStored, type StoredBlock } from './stored-block.ts';

/** Header of each block: names the process that stored it. */
export const WRITER_HEADER = 'Waybill-Writer';

/** The newest block of all chains; null when the ledger is empty. @throws ConsumerError LEDGER_DAMAGED, NEWER_LEDGER */
export async function newestBlockOfAll(jsm: JetStreamManager, ledger: LedgerSettings): Promise<StoredBlock | null> {
  const message = await newestMessage(jsm, ledger);
  return message && readStored(ledger, chainOf(ledger, message), message);
}

/**
 * Every AUDIT message up to this sequence is in the ledger, by the word of its newest block: 0 while it is empty. Reads
 * nothing of that block but its trailer.
 *
 * @throws ConsumerError LEDGER_DAMAGED, NEWER_LEDGER
 */
export async function readWatermark(jsm: JetStreamManager, ledger: LedgerSettings): Promise<number> {
  const message = await newestMessage(jsm, ledger);
  if (!message) return 0;
  const at = { orgid: chainOf(ledger, message), streamSeq: message.seq };
  return orDamaged(ledger, at, () => splitBlock(decodeUtf8(message.data)).trailer.watermark);
}

function newestMessage(
  jsm: JetStreamManager,
  { ledgerStream, ledgerPrefix }: LedgerSettings,
): Promise<StoredMsg | null> {
  return getLastMessage(jsm, ledgerStream, `${ledgerPrefix}.*`);
}

function chainOf({ ledgerPrefix }: LedgerSettings, { subject }: StoredMsg): string {
  return parseLedgerSubject(subject, ledgerPrefix) ?? subject;
}

export interface LedgerEnd {
  /** Sequence of the newest block in the stream; 0 when there is none. */
  readonly lastSeq: number;
  readonly watermark: number;
  /** The process that stored the newest block; null when it does not say. */
  readonly writer: string | null;
  /** The chain of the newest block. */
  readonly orgid: string | null;
  /** The stream takes atomic batches, if its server knows them. */
  readonly allowsBatches: boolean;
}

/**
 * What a writer needs to know before it continues the ledger.
 *
 * @throws ConsumerError LEDGER_DAMAGED when a block is missing
 */
export async function readLedgerEnd(jsm: JetStreamManager, ledger: LedgerSettings): Promise<LedgerEnd> {
  const stream = ledger.ledgerStream;
  const { state, config } = await readStreamInfo(jsm, stream);
  const allowsBatches = config.allow_atomic === true;
  const lost = (state.num_deleted ?? 0) + (state.lost?.msgs?.length ?? 0);
  if (lost > 0 || (state.messages > 0 && state.first_seq !== 1)) {
    throw damaged(`stream ${stream} starts at ${state.first_seq} and lacks ${lost} messages`);
  }
  if (state.last_seq === 0) return { lastSeq: 0, watermark: 0, writer: null, orgid: null, allowsBatches };
  const message = await getMessage(jsm, stream, state.last_seq);
  if (!message) throw damaged(`stream ${stream} has no message ${state.last_seq}, its last`);
  const { trailer } = readStored(ledger, chainOf(ledger, message), message);
  return {
    lastSeq: state.last_seq,
    watermark: trailer.watermark,
    writer: message.header?.get(WRITER_HEADER) || null,
    orgid: trailer.orgid,
    allowsBatches,
  };
}

function damaged(what: string): ConsumerError {
  return new ConsumerError(
    'LEDGER_DAMAGED',
    `${what}: it must not be written to before it is repaired (docs/guides/incidents.md)`,
  );
}
