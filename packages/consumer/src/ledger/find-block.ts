/**
 * The `ledger/` room: reading what is stored in LEDGER. Names of chains, single blocks, the newest blocks of many
 * chains, and ranges of one chain. Nothing here writes, and nothing here knows what AUDIT has.
 *
 * This file finds single blocks of one chain without reading the stream. It asks the stream's leader (leader-get.ts). A
 * `DIRECT.GET` may be answered by a follower that lags, and would then give an old head or an old boundary.
 */
import type { JetStreamManager } from '@nats-io/jetstream';
import { type Block, type Entry, formatLedgerSubject } from '@waybill/schema/internal';
import { getLastMessage, getNextMessage } from '../nats/leader-get.ts';
import { type LedgerSettings, parseWhole, readStored, type StoredBlock } from './stored-block.ts';

/** The first block of the chain at or after a sequence of the ledger stream. @throws ConsumerError LEDGER_DAMAGED */
export async function nextBlock(
  jsm: JetStreamManager,
  ledger: LedgerSettings,
  { orgid, streamSeq }: { orgid: string; streamSeq: number },
): Promise<StoredBlock | null> {
  const subject = formatLedgerSubject(orgid, ledger.ledgerPrefix);
  const message = await getNextMessage(jsm, ledger.ledgerStream, { seq: streamSeq, subject });
  return message && readStored(ledger, orgid, message);
}

/** The newest block of the chain; null when it has none. @throws ConsumerError LEDGER_DAMAGED */
export async function newestBlock(
  jsm: JetStreamManager,
  ledger: LedgerSettings,
  orgid: string,
): Promise<StoredBlock | null> {
  const message = await getLastMessage(jsm, ledger.ledgerStream, formatLedgerSubject(orgid, ledger.ledgerPrefix));
  return message && readStored(ledger, orgid, message);
}

export interface BlockSearch {
  /** Of a block's first entry: true for the first blocks of the chain, then false for all others. */
  readonly holds: (first: Entry) => boolean;
  /** A block for which it holds, probably near the one that is looked for. Default: none. */
  readonly near?: StoredBlock | null;
}

/**
 * The newest block of a chain whose first entry satisfies a monotone predicate; null when none does. Asks the server
 * about log2(n) times, where n is the number of messages in the stream or, with `near`, from there to the block.
 *
 * @throws ConsumerError LEDGER_DAMAGED
 */
export async function findBlock(
  jsm: JetStreamManager,
  ledger: LedgerSettings,
  orgid: string,
  { holds, near = null }: BlockSearch,
): Promise<StoredBlock | null> {
  let found = near;
  /** No block before this is the one: it was looked at, or is older than one for which the predicate holds. */
  let start: number;
  /** The predicate holds for no block from here on. */
  let end: number;
  if (near) {
    start = near.streamSeq + 1;
    // In growing steps, until the predicate does not hold or there is no block.
    for (let step = 1; ; step *= 2) {
      end = start + step;
      const block = await nextBlock(jsm, ledger, { orgid, streamSeq: end });
      if (!block || !holds(block.first)) break;
      found = block;
      start = block.streamSeq + 1;
    }
  } else {
    const newest = await newestBlock(jsm, ledger, orgid);
    if (!newest || holds(newest.first)) return newest;
    start = 1;
    end = newest.streamSeq;
  }
  while (start < end) {
    const middle = Math.floor((start + end) / 2);
    const block = await nextBlock(jsm, ledger, { orgid, streamSeq: middle });
    if (block && block.streamSeq < end && holds(block.first)) {
      found = block;
      start = block.streamSeq + 1;
    } else {
      end = middle;
    }
  }
  return found;
}

/** The block that has an entry, by the entry's number in its chain; null when the chain is shorter. */
export async function findBlockBySeq(
  jsm: JetStreamManager,
  ledger: LedgerSettings,
  orgid: string,
  entrySeq: number,
): Promise<{ streamSeq: number; block: Block } | null> {
  const stored = await findBlock(jsm, ledger, orgid, { holds: (first) => first.core.seq <= entrySeq });
  if (!stored || stored.trailer.last < entrySeq) return null;
  return { streamSeq: stored.streamSeq, block: parseWhole(ledger, stored) };
}
