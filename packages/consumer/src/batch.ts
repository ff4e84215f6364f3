/** Collects the entries of one commit and cuts them into blocks. */
import {
  type ChainState,
  formatBlock,
  formatTrailer,
  type Head,
  type ProducerWindows,
  SYSTEM_CHAIN,
} from '@waybill/schema';
import type { FoldSink } from './fold.ts';

/**
 * A block is closed when its entries have this many bytes. What can still come on top, one entry of at most 100 KiB
 * and a trailer of at most 150 KiB, keeps it under `MAX_BLOCK_BYTES`.
 */
const FULL_BLOCK_BYTES = 262_144;

/** A block before its watermark is known. */
interface Draft {
  readonly orgid: string;
  readonly lines: readonly string[];
  readonly first: number;
  /** The chain after it; a copy where the chain has gone on since. */
  readonly state: ChainState;
}

export interface SealedBlock {
  readonly orgid: string;
  readonly text: string;
}

export interface Batch extends FoldSink {
  readonly entries: number;
  /** Closes the batch. Only the last block claims the watermark `after`: it is stored when all others are. */
  seal(watermarks: { before: number; after: number }): SealedBlock[];
}

interface Open {
  lines: string[];
  bytes: number;
  first: number;
}

export function createBatch(chains: ReadonlyMap<string, ChainState>): Batch {
  const drafts: Draft[] = [];
  const open = new Map<string, Open>();
  let entries = 0;

  function close(orgid: string, { lines, first }: Open, state: ChainState): void {
    drafts.push({ orgid, lines, first, state });
    open.delete(orgid);
  }

  return {
    append(orgid, line) {
      const { head, producers } = chains.get(orgid) as ChainState;
      let block = open.get(orgid);
      if (!block) open.set(orgid, (block = { lines: [], bytes: 0, first: head.seq }));
      block.lines.push(line);
      block.bytes += Buffer.byteLength(line) + 1;
      entries++;
      if (block.bytes >= FULL_BLOCK_BYTES) close(orgid, block, snapshot(head, producers));
    },
    get entries() {
      return entries;
    },
    seal({ before, after }) {
      for (const [orgid, block] of open) close(orgid, block, chains.get(orgid) as ChainState);
      // `_system` first: see the commit in ledger.ts.
      drafts.sort((a, b) => Number(b.orgid === SYSTEM_CHAIN) - Number(a.orgid === SYSTEM_CHAIN));
      return drafts.map(({ orgid, lines, first, state }, i) => ({
        orgid,
        text: formatBlock(lines, formatTrailer(state, first, i === drafts.length - 1 ? after : before)),
      }));
    },
  };
}

function snapshot(head: Head, producers: ProducerWindows): ChainState {
  const copy: ProducerWindows = new Map();
  for (const [producer, { last, missing, seen }] of producers)
    copy.set(producer, { last, missing: [...missing], seen });
  return { head, producers: copy };
}
