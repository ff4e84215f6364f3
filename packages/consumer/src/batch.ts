/** Collects the entries of one commit and cuts them into blocks. */
import {
  canonicalJson,
  type ChainState,
  formatTrailer,
  type Head,
  type ProducerWindows,
  SYSTEM_CHAIN,
} from '@waybill/schema';
import { type Arena, createArena } from './arena.ts';
import type { FoldSink } from './fold.ts';

/**
 * A block is closed when its entries have this many bytes. What can still come on top, one entry of at most 100 KiB
 * and a trailer of at most 150 KiB, keeps it under `MAX_BLOCK_BYTES`.
 */
const FULL_BLOCK_BYTES = 262_144;

/** Entries of one block, before its watermark is known. */
interface Draft {
  readonly orgid: string;
  readonly first: number;
  /** Where its lines are in the arena, and their lengths. */
  readonly starts: number[];
  readonly lengths: number[];
  bytes: number;
  /** The chain after it, where the chain has gone on since. */
  state: ChainState | null;
}

export interface SealedBlock {
  readonly orgid: string;
  readonly bytes: number;
  /** Made when it is asked for: a commit holds only those blocks twice that are on their way. */
  payload(): Buffer;
}

export interface Batch extends FoldSink {
  readonly entries: number;
  /** Of all entries. */
  readonly bytes: number;
  /** Closes the batch. Only the last block claims the watermark `after`: it is stored when all others are. */
  seal(watermarks: { before: number; after: number }): SealedBlock[];
}

export function createBatch(chains: ReadonlyMap<string, ChainState>): Batch {
  const arena = createArena();
  const drafts: Draft[] = [];
  const open = new Map<string, Draft>();
  let entries = 0;

  return {
    append(orgid, line) {
      const { head, producers } = chains.get(orgid) as ChainState;
      let draft = open.get(orgid);
      if (!draft) {
        draft = { orgid, first: head.seq, starts: [], lengths: [], bytes: 0, state: null };
        open.set(orgid, draft);
        drafts.push(draft);
      }
      const start = arena.length;
      arena.append(line);
      const length = arena.length - start;
      draft.starts.push(start);
      draft.lengths.push(length);
      draft.bytes += length + 1;
      entries++;
      if (draft.bytes < FULL_BLOCK_BYTES) return;
      draft.state = snapshot(head, producers);
      open.delete(orgid);
    },
    get entries() {
      return entries;
    },
    get bytes() {
      return arena.length;
    },
    seal({ before, after }) {
      // `_system` first: see the commit in ledger.ts. The sort is stable: blocks of one chain keep their order.
      drafts.sort((a, b) => Number(b.orgid === SYSTEM_CHAIN) - Number(a.orgid === SYSTEM_CHAIN));
      return drafts.map((draft, i) => {
        // Now: the chain goes on as soon as this commit is under way.
        const state = draft.state ?? (chains.get(draft.orgid) as ChainState);
        return sealBlock(arena, draft, formatTrailer(state, draft.first, i === drafts.length - 1 ? after : before));
      });
    },
  };
}

function sealBlock(arena: Arena, draft: Draft, trailer: ReturnType<typeof formatTrailer>): SealedBlock {
  const { orgid, starts, lengths } = draft;
  const last = `${canonicalJson(trailer)}\n`;
  const bytes = draft.bytes + Buffer.byteLength(last);
  return {
    orgid,
    bytes,
    payload() {
      const block = Buffer.allocUnsafe(bytes);
      let at = 0;
      for (let i = 0; i < starts.length; i++) {
        const length = lengths[i] as number;
        arena.copy(starts[i] as number, length, block, at);
        at += length;
        block[at++] = LINE_FEED;
      }
      block.write(last, at, 'utf8');
      return block;
    },
  };
}

const LINE_FEED = 10;

function snapshot(head: Head, producers: ProducerWindows): ChainState {
  const copy: ProducerWindows = new Map();
  for (const [producer, { last, missing, seen }] of producers)
    copy.set(producer, { last, missing: [...missing], seen });
  return { head, producers: copy };
}
