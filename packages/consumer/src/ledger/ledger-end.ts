import type { JetStreamManager } from '@nats-io/jetstream';
import { ConsumerError } from '../errors.ts';
import type { Settings } from '../settings.ts';
import { readStored } from './find-block.ts';

/** Header of each block: names the process that stored it. */
export const WRITER_HEADER = 'Waybill-Writer';

export interface LedgerEnd {
  /** Sequence in the stream, 0 when there is none. */
  readonly lastSeq: number;
  readonly watermark: number;
  readonly writer: string | null;
  readonly orgid: string | null;
  /** The stream takes atomic batches, if its server knows them. */
  readonly allowsBatches: boolean;
}

/** What stands at the end of the LEDGER stream, as its leader has it. @throws ConsumerError LEDGER_DAMAGED */
export async function readLedgerEnd(jsm: JetStreamManager, settings: Settings): Promise<LedgerEnd> {
  const stream = settings.ledgerStream;
  const { state, config } = await jsm.streams.info(stream);
  const allowsBatches = config.allow_atomic === true;
  const lost = (state.num_deleted ?? 0) + (state.lost?.msgs?.length ?? 0);
  if (lost > 0 || (state.messages > 0 && state.first_seq !== 1)) {
    throw damaged(`stream ${stream} starts at ${state.first_seq} and lacks ${lost} messages`);
  }
  if (state.last_seq === 0) return { lastSeq: 0, watermark: 0, writer: null, orgid: null, allowsBatches };
  const message = await jsm.streams.getMessage(stream, { seq: state.last_seq });
  if (!message) throw damaged(`stream ${stream} has no message ${state.last_seq}, its last`);
  const { trailer } = readStored(settings, message.subject, message);
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
    `${what}: it must not be written to before it is repaired (docs/operations.md)`,
  );
}
