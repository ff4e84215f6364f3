/** The ends of a block, read only as far as somebody asks: most blocks that a search looks at only show what is next. */
import type { Totals } from '@waybill/schema';
import { decodeUtf8, type Entry, parseEntry } from '@waybill/schema/internal';
import { type LedgerSettings, orDamaged, type StoredMessage } from '../ledger/stored-block.ts';

/** An entry, as far as usage needs it. */
export interface Edge {
  /** Where its block is in the ledger stream. */
  readonly streamSeq: number;
  readonly seq: number;
  readonly hash: string;
  /** UTC, milliseconds. */
  readonly received: string;
  readonly totals: Totals;
}

/** A block of the chain, without its entries. */
export interface BlockEnds {
  /** Its sequence in the ledger stream. */
  readonly streamSeq: number;
  /** Of its first entry. */
  readonly firstSeq: number;
  readonly firstReceived: string;
  readonly last: Edge;
}

export function edgeOf(streamSeq: number, { core: { seq, received, totals }, hash }: Entry): Edge {
  return { streamSeq, seq, hash, received, totals };
}

const LINE_FEED = 0x0a;

/**
 * Reads the first entry of a block, and the last one when it is asked for. Nothing else of the block is looked at, which
 * is what makes a long block cost as much as a short one.
 *
 * @throws ConsumerError LEDGER_DAMAGED, NEWER_LEDGER; so does `last`
 */
export function readBlockEnds(ledger: LedgerSettings, orgid: string, { seq, data }: StoredMessage): BlockEnds {
  const read = (line: Uint8Array): Entry =>
    orDamaged(ledger, { orgid, streamSeq: seq }, () => parseEntry(decodeUtf8(line)));
  const first = read(data.subarray(0, Math.max(0, data.indexOf(LINE_FEED))));
  const lastLine = copyLastEntry(data);
  let last: Edge | null = null;
  return {
    streamSeq: seq,
    firstSeq: first.core.seq,
    firstReceived: first.core.received,
    get last() {
      return (last ??= edgeOf(seq, read(lastLine)));
    },
  };
}

/** The line before the trailer, which is the last line. A copy, so that the block itself is not kept in memory. */
function copyLastEntry(data: Uint8Array): Uint8Array {
  const end = data.lastIndexOf(LINE_FEED, data.length - 2);
  // A negative offset would count from the end.
  const start = end < 1 ? 0 : data.lastIndexOf(LINE_FEED, end - 1) + 1;
  return new Uint8Array(data.subarray(start, Math.max(0, end)));
}
