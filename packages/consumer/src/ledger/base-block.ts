/**
 * Base blocks. A trailer may tell only what changed since an earlier block, its base. Both together have all
 * publishers.
 */
import type { JetStreamManager } from '@nats-io/jetstream';
import { SchemaError } from '@waybill/schema';
import { decodeUtf8, formatLedgerSubject, splitBlock, type Trailer } from '@waybill/schema/internal';
import { ConsumerError } from '../errors.ts';
import { getMessage } from '../nats/leader-get.ts';
import { findBlockBySeq } from './find-block.ts';
import type { LedgerSettings } from './stored-block.ts';

/** A trailer with all publishers, and where its block is in the ledger stream. */
export interface BaseBlock {
  readonly streamSeq: number;
  readonly trailer: Trailer;
}

/**
 * @param at `last` is the last entry of the block that is wanted; `streamSeq` is where a header says that it is, or
 *   null
 * @throws ConsumerError LEDGER_DAMAGED when there is no such block
 */
export async function readBase(
  jsm: JetStreamManager,
  ledger: LedgerSettings,
  at: { readonly orgid: string; readonly last: number; readonly streamSeq: number | null },
): Promise<BaseBlock> {
  const hinted = at.streamSeq === null ? null : await tryRead(jsm, ledger, { ...at, streamSeq: at.streamSeq });
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

/** Null when no block of the chain can be read there: a header may say anything. */
async function tryRead(
  jsm: JetStreamManager,
  ledger: LedgerSettings,
  { orgid, streamSeq }: { readonly orgid: string; readonly streamSeq: number },
): Promise<BaseBlock | null> {
  const message = await getMessage(jsm, ledger.ledgerStream, streamSeq);
  if (message?.subject !== formatLedgerSubject(orgid, ledger.ledgerPrefix)) return null;
  try {
    const { trailer } = splitBlock(decodeUtf8(lastLines(message.data)));
    return { streamSeq, trailer };
  } catch (error) {
    if (error instanceof SchemaError) return null;
    throw error;
  }
}

const LINE_FEED = 10;

/** The last entry and the trailer. To read all of a block costs a hundred times as much. */
export function lastLines(block: Uint8Array): Uint8Array {
  let start = block.length - 1;
  for (let line = 0; line < 2 && start > 0; line++) start = block.lastIndexOf(LINE_FEED, start - 1);
  return block.subarray(start + 1);
}
