/** The block that another block's trailer adds to: together they have all publishers of a chain. */
import type { JetStreamManager } from '@nats-io/jetstream';
import { decodeUtf8, formatLedgerSubject, splitBlock, type Trailer } from '@waybill/schema';
import { ConsumerError } from '../errors.ts';
import { explain } from '../nats/nats-error.ts';
import { findBlockBySeq, type LedgerPlace } from './find-block.ts';

/** A trailer with all publishers, and where its block is in the ledger stream. */
export interface BaseBlock {
  readonly streamSeq: number;
  readonly trailer: Trailer;
}

/**
 * @param at the last entry of the block that is wanted, and where a header says that it is; null: it is searched for
 * @throws ConsumerError LEDGER_DAMAGED when there is no such block
 */
export async function readBase(
  jsm: JetStreamManager,
  ledger: LedgerPlace,
  at: { readonly orgid: string; readonly last: number; readonly streamSeq: number | null },
): Promise<BaseBlock> {
  const hinted = at.streamSeq === null ? null : await readAt(jsm, ledger, { ...at, streamSeq: at.streamSeq });
  if (hinted && isBase(hinted, at.last)) return hinted;
  const found = await findBlockBySeq(jsm, ledger, at.orgid, at.last);
  const trailer = found?.block.trailer;
  if (found && trailer && isBase({ trailer }, at.last)) return { streamSeq: found.streamSeq, trailer };
  throw new ConsumerError(
    'LEDGER_DAMAGED',
    `stream ${ledger.ledgerStream} has no block of ${at.orgid} with all publishers that ends at entry ${at.last}`,
  );
}

function isBase({ trailer }: Pick<BaseBlock, 'trailer'>, last: number): boolean {
  return trailer.last === last && trailer.base === null;
}

/** null: there is no block of the chain there, as far as can be read. A header may say anything. */
async function readAt(
  jsm: JetStreamManager,
  ledger: LedgerPlace,
  { orgid, streamSeq }: { readonly orgid: string; readonly streamSeq: number },
): Promise<BaseBlock | null> {
  try {
    const message = await jsm.streams.getMessage(ledger.ledgerStream, { seq: streamSeq });
    if (message?.subject !== formatLedgerSubject(orgid, ledger.ledgerPrefix)) return null;
    const { trailer } = splitBlock(decodeUtf8(lastLines(message.data)));
    return { streamSeq, trailer };
  } catch (cause) {
    const error = explain(cause, `read message ${streamSeq} of stream ${ledger.ledgerStream}`);
    if (error.code === 'NO_PERMISSION' || error.code === 'NO_ANSWER') throw error;
    return null;
  }
}

const LINE_FEED = 10;

/** The last entry and the trailer. Reading all of a block costs a hundred times as much. */
export function lastLines(block: Uint8Array): Uint8Array {
  let start = block.length - 1;
  for (let line = 0; line < 2 && start > 0; line++) start = block.lastIndexOf(LINE_FEED, start - 1);
  return block.subarray(start + 1);
}
