/** A stretch of one chain's blocks, for `readRange`: a replica that lacks one in between is found out by their numbers. */
import { formatLedgerSubject } from '@waybill/schema';
import type { StreamRange } from '../nats/read-range.ts';
import type { LedgerPlace } from './find-block.ts';

export interface ChainStretch {
  readonly orgid: string;
  /** Sequences of the ledger stream, inclusive. */
  readonly from: number;
  readonly to: number;
  readonly signal?: AbortSignal;
}

export function chainRange(ledger: LedgerPlace, { orgid, ...stretch }: ChainStretch): StreamRange {
  return {
    ...stretch,
    stream: ledger.ledgerStream,
    subject: formatLedgerSubject(orgid, ledger.ledgerPrefix),
    follows(block, before) {
      // Where it begins in the middle of a chain, it was looked up.
      if (before === null && stretch.from > 1) return true;
      const next = before === null ? 1 : (placeOf(before.payload)?.last ?? NaN) + 1;
      return placeOf(block.payload)?.first === next;
    },
  };
}

const LINE_FEED = 10;
const PLACE = /"first":(\d+),"head":"[0-9a-f]{64}","last":(\d+)/;
/** Of a trailer's beginning: its members are sorted, and those with names before these are short. */
const BEGINNING = 512;

/** Numbers of a block's first and last entry, as its trailer says; null when that cannot be read. */
function placeOf(block: Uint8Array): { first: number; last: number } | null {
  const start = block.lastIndexOf(LINE_FEED, block.length - 2) + 1;
  const [, first, last] = PLACE.exec(new TextDecoder().decode(block.subarray(start, start + BEGINNING))) ?? [];
  return first === undefined ? null : { first: Number(first), last: Number(last) };
}
