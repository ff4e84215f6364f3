import type { Totals } from '@waybill/schema';

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
