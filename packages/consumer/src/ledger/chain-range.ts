/** The blocks of one chain as a range for `readRange`. The numbers in their trailers show when a replica lacks one. */
import { formatLedgerSubject } from '@waybill/schema/internal';
import type { StreamRange } from '../nats/read-range.ts';
import type { LedgerSettings } from './stored-block.ts';

export interface ChainRange {
  readonly orgid: string;
  /** Sequences of the ledger stream, inclusive. */
  readonly from: number;
  readonly to: number;
  readonly signal?: AbortSignal;
}

export function chainRange(ledger: LedgerSettings, { orgid, ...range }: ChainRange): StreamRange {
  return {
    ...range,
    stream: ledger.ledgerStream,
    subject: formatLedgerSubject(orgid, ledger.ledgerPrefix),
    follows(block, before) {
      // The caller has looked up the first block of a range that begins later than the stream.
      if (before === null && range.from > 1) return true;
      const next = before === null ? 1 : (entryNumbers(before.payload)?.last ?? NaN) + 1;
      return entryNumbers(block.payload)?.first === next;
    },
  };
}

const LINE_FEED = 10;
const FIRST_AND_LAST = /"first":(\d+),"head":"[0-9a-f]{64}","last":(\d+)/;
/**
 * Bytes of a trailer that are searched. Its members are sorted by name, and those before `first` and `last` are short.
 */
const TRAILER_START = 512;

/** The numbers of a block's first and last entry, by its trailer; null when they cannot be read. */
function entryNumbers(block: Uint8Array): { first: number; last: number } | null {
  const start = block.lastIndexOf(LINE_FEED, block.length - 2) + 1;
  const [, first, last] =
    FIRST_AND_LAST.exec(new TextDecoder().decode(block.subarray(start, start + TRAILER_START))) ?? [];
  return first === undefined ? null : { first: Number(first), last: Number(last) };
}
