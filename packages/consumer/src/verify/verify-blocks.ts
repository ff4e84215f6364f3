/** Verification of the ledger stream itself: every chain in it, every trailer, and that no block is missing. */
import type { Acknowledgements, ChainReport, Expectation, ReceiptKeys } from '@waybill/schema';
import { SYSTEM_CHAIN } from '@waybill/schema/internal';
import { createStoredChain, type OnEntry, reportOf, type StoredChain, verifyNextBlock } from './stored-chain.ts';

export interface BlockVerifierOptions {
  /** Only these chains are verified. Default: all. */
  readonly only?: ReadonlySet<string>;
  /** The `seq` that chains start with, but for `_system`; what is before it is taken on trust. Default: 1. */
  readonly fromSeq?: number;
  /** Heads that chains must contain, by organization. */
  readonly expect?: ReadonlyMap<string, readonly Expectation[]>;
  readonly receiptKeys?: ReceiptKeys;
  readonly requireSigned?: boolean;
  /** Called with every good entry, in the ledger's order. */
  readonly onEntry: OnEntry;
  /** Looked at by `finish`. Default: none. */
  readonly acknowledgements?: Pick<Acknowledgements, 'of'>;
}

export interface BlockVerifier {
  /** Verifies the next block of the stream. @param message `seq` is its sequence in the ledger stream */
  push(message: { seq: number; orgid: string; payload: Uint8Array }): void;
  /** The highest AUDIT sequence up to which a block claims that everything is in the ledger. */
  readonly watermark: number;
  /** Good entries so far. */
  readonly entries: number;
  /** One report for each chain, `_system` last. Chains that were only expected have one too. */
  finish(): ChainReport[];
}

export function createBlockVerifier(options: BlockVerifierOptions): BlockVerifier {
  const { only, fromSeq = 1, expect, receiptKeys, requireSigned = false, onEntry, acknowledgements } = options;
  const chains = new Map<string, StoredChain>();

  function chainOf(orgid: string): StoredChain {
    let chain = chains.get(orgid);
    if (!chain) {
      const start = orgid === SYSTEM_CHAIN ? 1 : fromSeq;
      chain = createStoredChain({ orgid, start, expect: expect?.get(orgid), receiptKeys, requireSigned });
      chains.set(orgid, chain);
    }
    return chain;
  }

  // A chain that is expected has a report even when it has no block.
  for (const orgid of expect?.keys() ?? []) chainOf(orgid);

  return {
    push({ seq, orgid, payload }) {
      if (!only || only.has(orgid)) verifyNextBlock(chainOf(orgid), { seq, payload }, onEntry);
    },
    get watermark() {
      return [...chains.values()].reduce((highest, chain) => Math.max(highest, chain.watermark), 0);
    },
    get entries() {
      return [...chains.values()].reduce((sum, chain) => sum + chain.entries, 0);
    },
    finish() {
      const sorted = [...chains].toSorted(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : 1));
      return sorted.map(([orgid, chain]) => reportOf(chain, acknowledgements?.of(orgid)));
    },
  };
}

function rank(orgid: string): number {
  return orgid === SYSTEM_CHAIN ? 1 : 0;
}
